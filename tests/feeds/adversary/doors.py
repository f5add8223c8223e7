"""How a hostile exchange behaves at a handshake, on a socket that it takes over, and in REST.

Each mode is a coroutine over a `Line`, which ends when it returns; what never ends by itself is
cancelled by whoever runs it. REST's modes are given the honest answer to lie about.
"""

import asyncio
import gzip
import json
import random
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.feeds.adversary.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    ESCAPES,
    PING,
    TIMES,
    WORDS,
    closing,
    frame,
)

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
LOCATIONS = (
    *("ws://a..b/", "file:///etc/passwd", "ws://[::1", "ws://127.0.0.1:99999/", "http://x\x00y/"),
    *("wss://127.0.0.1:1/v2", "ws://127.0.0.1:1/", "//", "", "ws://" + "a" * 300 + "/", "/v2"),
    *("ws://user:pw@127.0.0.1:1/", "ws://\u0130.example/", "javascript:alert(1)", "ws:\\\\x"),
    *("ws://xn--\xff/", "ws://127.0.0.1:\u0663/", "?", "#", "ws://%zz/", "ws://0x7f.1:1/"),
)
_GZIPPED = gzip.compress(b"[" + b" " * (200 << 20) + b"]", 9)


class Line:
    """One accepted connection, its raw bytes."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def put(self, data: bytes) -> None:
        """Send bytes, as fast as they are taken."""
        self.writer.write(data)
        await self.writer.drain()

    async def for_ever(self, data: bytes, pause_s: float = 0.0) -> None:
        """Send the same again and again."""
        while True:
            await self.put(data)
            await asyncio.sleep(pause_s)

    def abort(self) -> None:
        """Cut the connection off."""
        self.writer.transport.abort()


Mode = Callable[[Line, random.Random, bytes], Awaitable[None]]
"""A connection, draws, and what an honest exchange would have answered."""


async def _slow(line: Line, _: random.Random, honest: bytes) -> None:
    for byte in honest:
        await line.put(bytes([byte]))
        await asyncio.sleep(0.05)


async def _endless_headers(line: Line, _: random.Random, __: bytes) -> None:
    await line.put(SWITCHING)
    await line.for_ever(b"X: " + b"a" * 1_000 + b"\r\n")


async def _long_header(line: Line, _: random.Random, __: bytes) -> None:
    await line.put(SWITCHING + b"X: ")
    await line.for_ever(b"a" * 65_536)


async def _endless_body(line: Line, draws: random.Random, _: bytes) -> None:
    status = draws.choice((b"503 no", b"200 OK", b"404 no", b"101 Switching Protocols"))
    await line.put(b"HTTP/1.1 " + status + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    await line.for_ever(b"10000\r\n" + b"a" * 65_536 + b"\r\n")


async def _gigabytes(line: Line, _: random.Random, __: bytes) -> None:
    await line.put(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
    await line.for_ever(b" " * 65_536)


async def _any_header(line: Line, draws: random.Random, honest: bytes) -> None:
    names = (b"Upgrade", b"Connection", b"Sec-WebSocket-Accept", b"Sec-WebSocket-Extensions", b"X")
    values = (b"\xff\xfe\xe9", b"", b"\x00", b"websocket\x0b", b"a" * 9_000, b"\xc2\x85", b'x, y="')
    head, bad = honest[:-2], draws.choice(names) + b": " + draws.choice(values)
    if draws.random() < 0.5:
        head = SWITCHING
    await line.put(head + bad + b"\r\n\r\n")
    await asyncio.sleep(0.1)


async def _status_line(line: Line, draws: random.Random, _: bytes) -> None:
    heads = (
        *(
            b"HTTP/1.1 999 x\r\n\r\n",
            b"HTTP/9.9 101 x\r\n\r\n",
            b"HTTP/1.1 \xd9\xa1\xd9\xa0\r\n\r\n",
        ),
        *(b"\r\n\r\n", b"", b"\x00" * 100, b"HTTP/1.1 101\r\n\r\n", b"SSH-2.0-x\r\n"),
        *(b"\x15\x03\x01\x00\x02\x02\x28", b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n"),
        *(b"HTTP/1.1 -101 x\r\n\r\n", b"HTTP/1.1 1e2 x\r\n\r\n", draws.randbytes(300)),
    )
    await line.put(draws.choice(heads))


async def _redirect(line: Line, draws: random.Random, _: bytes) -> None:
    code = draws.choice((301, 302, 303, 307, 308, 300))
    place = draws.choice(LOCATIONS).encode("utf-8", "replace")
    head = f"HTTP/1.1 {code} Found\r\nContent-Length: 0\r\nLocation: ".encode() + place
    await line.put(
        head + b"\r\n\r\n" if draws.random() < 0.9 else head.partition(b"\nLoc")[0] + b"\n\r\n"
    )


async def _compression(line: Line, draws: random.Random, honest: bytes) -> None:
    """Agree on a compression that nobody offered, and send bombs."""
    agreed = draws.choice((b"permessage-deflate", b"permessage-deflate; server_max_window_bits=99"))
    await line.put(honest[:-2] + b"Sec-WebSocket-Extensions: " + agreed + b"\r\n\r\n")
    await line.put(frame(gzip.compress(b"a" * 10**6), BINARY, rsv1=True))


async def _continue(line: Line, _: random.Random, __: bytes) -> None:
    await line.for_ever(b"HTTP/1.1 100 Continue\r\n\r\n", 0.001)


async def _nothing(_: Line, __: random.Random, ___: bytes) -> None:
    await asyncio.sleep(3600)


async def _hang_up(line: Line, draws: random.Random, honest: bytes) -> None:
    await line.put(honest[: draws.randrange(len(honest))])
    line.abort()


async def _close_at_once(line: Line, draws: random.Random, honest: bytes) -> None:
    await line.put(honest + closing(draws.choice((1001, 1000, 4000)), draws.choice(WORDS)))


DOORS: dict[str, Mode] = {
    "handshake byte by byte": _slow,
    "headers without end": _endless_headers,
    "one header without end": _long_header,
    "body without end": _endless_body,
    "headers of any bytes": _any_header,
    "status of any bytes": _status_line,
    "redirects": _redirect,
    "compression nobody offered": _compression,
    "100 without end": _continue,
    "no answer": _nothing,
    "hung up in a handshake": _hang_up,
    "closed at once": _close_at_once,
}
"""What happens to who connects, by mode."""


async def _fragments(line: Line, draws: random.Random, _: bytes) -> None:
    await line.put(frame("", fin=False))
    piece = draws.choice((b"", b"", b"a" * 1_000))
    await line.for_ever(frame(piece, CONTINUATION, fin=False) * 2_000)


async def _pings(line: Line, _: random.Random, __: bytes) -> None:
    await line.for_ever(frame("x" * 100, PING) * 500)


async def _huge(line: Line, draws: random.Random, _: bytes) -> None:
    length = 1 << draws.choice((20, 27, 40, 62))
    await line.put(struct.pack("!BBQ", 0x81, 127, length) + b"a" * (1 << 20))
    await asyncio.sleep(3600)


async def _closes(line: Line, draws: random.Random, _: bytes) -> None:
    reason: str | bytes = draws.choice((*WORDS, b"\xff\xfe\xfa", b"a" * 123))
    code = draws.choice((1000, 1001, 1005, 1006, 1011, 1012, 999, 0, 2999, 4000, 65_535))
    await line.put(closing(code, reason))
    await asyncio.sleep(0.1)


async def _not_allowed(line: Line, draws: random.Random, _: bytes) -> None:
    wrong = (
        *(frame("x", 3), frame("x", rsv1=True), frame(b"\x03", CLOSE), frame("x" * 126, PING)),
        *(frame("x", CONTINUATION), frame("a", fin=False) + frame("b"), frame("", PING, fin=False)),
        *(b"\x81\x81\x00\x00\x00\x00x", b"\x81\xff" + b"\xff" * 8, draws.randbytes(500)),
    )
    await line.put(draws.choice(wrong))
    await asyncio.sleep(0.1)


async def _half(line: Line, draws: random.Random, _: bytes) -> None:
    await line.put(frame("x" * 1_000)[:500])
    if draws.random() < 0.5:
        line.abort()
    await asyncio.sleep(3600)


async def _cut(line: Line, _: random.Random, __: bytes) -> None:
    line.abort()


TAKEOVERS: dict[str, Mode] = {
    "fragments without end": _fragments,
    "pings without end": _pings,
    "a frame of gigabytes": _huge,
    "closes of any kind": _closes,
    "frames that must not be": _not_allowed,
    "half a frame": _half,
    "silence": _nothing,
    "cut off": _cut,
}
"""What ends a connection that was good, by mode."""


async def reply(
    line: Line, body: bytes, *, status: str = "200 OK", headers: Mapping[str, str] | None = None
) -> None:
    """Answer a call to REST."""
    named = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{named}\r\n"
    await line.put(head.encode("utf-8", "replace") + body)


def _lying(change: Callable[[list[dict[str, Any]], random.Random], object]) -> Mode:
    """Return a mode that answers with what a function makes of an honest list."""

    async def answer(line: Line, draws: random.Random, honest: bytes) -> None:
        rows = json.loads(honest)
        said = change(rows if isinstance(rows, list) else [rows], draws)
        await reply(line, said if isinstance(said, bytes) else json.dumps(said).encode())

    return answer


def _odd_row(rows: list[dict[str, Any]], draws: random.Random) -> object:
    odd: tuple[object, ...] = (
        *({}, None, 7, [], {"id": "1"}, {"id": "x" * 10_000}, {"id": None, "marketId": 7}),
        *({**(rows[0] if rows else {}), "timestamp": at, "id": "3"} for at in TIMES),
        *({**(rows[0] if rows else {}), key: ESCAPES} for key in ("price", "side", "marketId")),
    )
    for _ in range(draws.randrange(1, 4)):
        rows.insert(draws.randrange(len(rows) + 1), draws.choice(odd))  # type: ignore[arg-type]
    return rows


def _spoil_row(rows: list[dict[str, Any]], draws: random.Random) -> object:
    """Say one honest row in a way that cannot be read."""
    if rows:
        row = draws.choice(rows)
        for key in draws.sample(sorted(row), 1):
            row[key] = draws.choice((None, "", 7, "2026-11-30T18:40:00", "\ud800", ["x"]))
    return rows


def _only_others(rows: list[dict[str, Any]], draws: random.Random) -> object:
    name = draws.choice(("XRP-AUD", "", ESCAPES))
    return [{**row, "marketId": name} for row in rows if "id" not in row] or [{"marketId": name}]


def _twice(rows: list[dict[str, Any]], draws: random.Random) -> object:
    draws.shuffle(rows)
    return rows + rows


def _status(rows: list[dict[str, Any]], draws: random.Random) -> object:
    words = ("Offline", "Post Only", "Limit Only", "Cancel Only", ESCAPES, "x" * 10**6, None, 7)
    return [{**row, "status": draws.choice(words)} for row in rows]


def _raw(rows: list[dict[str, Any]], draws: random.Random) -> object:
    return draws.choice(
        (
            *(b"[" * 10**6, b'{"a":' * 10**5, b'[{"id":"1","price":' + b"9" * 5_000 + b"}]"),
            *(b"\xff\xfe", b"null", b"{}", b"", b"<html>", b'[{"id":"1","id":"2"}]', b"[NaN]"),
            *(
                b'{"timestamp":"9999-12-31T23:59:59.999Z"}',
                b'{"timestamp":"1970-01-01T00:00:00.000Z"}',
            ),
            *(json.dumps(rows).encode()[:-1], json.dumps(WORDS).encode()),
        )
    )


def _listed(count: int) -> Callable[[list[dict[str, Any]], random.Random], object]:
    def many(rows: list[dict[str, Any]], _: random.Random) -> object:
        return (rows * (count // max(1, len(rows)) + 1))[:count]

    return many


async def _gzip_bomb(line: Line, draws: random.Random, _: bytes) -> None:
    coding = draws.choice(("gzip", "gzip, gzip", "deflate", "br", "zstd", "x"))
    await reply(line, _GZIPPED, headers={"Content-Encoding": coding})


async def _refused(line: Line, draws: random.Random, _: bytes) -> None:
    status = draws.choice(("503 no", "500 no", "403 no", "404 no", "400 no", "418 no", "204 no"))
    said = {"code": draws.choice(WORDS), "message": draws.choice(WORDS) * 100}
    await reply(line, json.dumps(said).encode(), status=status)


async def _too_many(line: Line, draws: random.Random, _: bytes) -> None:
    values = ("99999999999", "-1", "Fri, 31 Dec 9999 23:59:59 GMT", "1e999", "\u0663", "9" * 4_000)
    headers = {"Retry-After": draws.choice(values), "x-ratelimit-reset": draws.choice(values)}
    await reply(line, b"{}", status="429 no", headers=headers)


async def _rest_redirect(line: Line, draws: random.Random, _: bytes) -> None:
    await reply(line, b"", status="302 Found", headers={"Location": draws.choice(LOCATIONS)})


async def _drip(line: Line, _: random.Random, __: bytes) -> None:
    await line.put(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    await line.for_ever(b" ", 0.05)


REST: dict[str, Mode] = {
    "REST: a row that is odd": _lying(_odd_row),
    "REST: a row that cannot be read": _lying(_spoil_row),
    "REST: other markets": _lying(_only_others),
    "REST: rows twice, in any order": _lying(_twice),
    "REST: statuses": _lying(_status),
    "REST: bodies of any kind": _lying(_raw),
    "REST: nothing there": _lying(lambda _rows, _draws: []),
    "REST: a page of 10^4 rows": _lying(_listed(10_000)),
    "REST: refused": _refused,
    "REST: 429 for ages": _too_many,
    "REST: redirects": _rest_redirect,
    "REST: byte by byte": _drip,
    "REST: gzip bombs": _gzip_bomb,
    "REST: gigabytes": _gigabytes,
    "REST: without end": _endless_body,
    "REST: headers of any bytes": _any_header,
    "REST: status of any bytes": _status_line,
    "REST: no answer": _nothing,
}
"""What REST answers, by mode."""
