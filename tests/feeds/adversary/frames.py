"""Bytes that a hostile exchange says on a websocket, from a generator of draws.

`MESSAGES` are whole messages between which an honest market may go on. A websocket client that
does nothing wrong never sends most of them, so they are framed here by hand.
"""

import json
import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

TEXT, BINARY, CLOSE, PING, CONTINUATION = 1, 2, 8, 9, 0
MARKET = "BTC-AUD"
OTHER = "ETH-AUD"
ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x1b[2J\u202e\u009b5m"
WORDS = (
    *("compared_trade_id", '{"compared_trade_id": 9223372036854775807, "compared_ns": 0}'),
    *(ESCAPES, "event=halt\n2026-11-30T00:00:00.000Z event=stopped", "=HYPERLINK(1)", ""),
    *("<script>alert(1)</script>", "[bold red]markup[/] [/nope]", "\u2028\u0000", "%s {} {0!r}"),
)
"""Texts that mean something to whoever reads them as more than texts."""

TIMES = (
    *("1970-01-01T00:00:00.000Z", "1969-12-31T23:59:59.000Z", "2261-12-31T23:59:59.999Z"),
    *("2262-04-12T00:00:00.000Z", "9999-01-01T00:00:00.000Z", "2016-12-31T23:59:60.000Z"),
    *("2024-02-30T00:00:00.000Z", "-001-01-01T00:00:00.000Z", "2026-11-30T10:00:00Z", "0", ""),
)
PRICES = ("9999999999.99999999", "0.00000001", "1e1000000", "9" * 100_000, "NaN", "-1", "0", "1")


def frame(data: str | bytes, op: int = TEXT, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """Return one frame from a server, which does not mask."""
    payload = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    first = (0x80 if fin else 0) | (0x40 if rsv1 else 0) | op
    if len(payload) < 126:
        return struct.pack("!BB", first, len(payload)) + payload
    if len(payload) < 65_536:
        return struct.pack("!BBH", first, 126, len(payload)) + payload
    return struct.pack("!BBQ", first, 127, len(payload)) + payload


def closing(code: int, reason: str | bytes) -> bytes:
    """Return a closing frame, also of a code or a reason that there must not be."""
    text = reason.encode("utf-8", "surrogatepass") if isinstance(reason, str) else reason
    return frame(struct.pack("!H", code) + text[:123], CLOSE)


def heartbeat(*markets: str) -> str:
    """Return a heartbeat that lists these markets on every channel."""
    channels = [
        {"name": name, "marketIds": list(markets)} for name in ("orderbookUpdate", "trade", "tick")
    ]
    return json.dumps({"messageType": "heartbeat", "channels": [*channels, {"name": "heartbeat"}]})


def tick(**changed: Any) -> str:
    """Return a quote, with fields changed."""
    plain = {"messageType": "tick", "marketId": MARKET, "bestBid": "99999.00"}
    more = {
        "bestAsk": "100001.00",
        "lastPrice": "100000.00",
        "timestamp": TIMES[0],
        "volume24h": "1",
    }
    return json.dumps({**plain, **more, "snapshotId": 1, **changed})


def trade(trade_id: object, **changed: Any) -> str:
    """Return a trade, with fields changed."""
    plain = {"messageType": "trade", "marketId": MARKET, "price": "100000.00", "volume": "0.1"}
    more = {"side": "Bid", "tradeId": trade_id, "timestamp": "2026-11-30T10:00:00.000Z"}
    return json.dumps({**plain, **more, **changed})


def book(bids: object, asks: object, **changed: Any) -> str:
    """Return an update of the book, with fields changed."""
    plain = {"messageType": "orderbookUpdate", "marketId": MARKET, "bids": bids, "asks": asks}
    return json.dumps(
        {**plain, "timestamp": "2026-11-30T10:00:00.000Z", "snapshotId": 1, **changed}
    )


def _odd(draws: random.Random) -> Iterator[bytes]:
    texts = [
        *("[" * 200_000, "{" * 200_000, '{"a":' * 100_000, "1" * 5_000, "\x00\x00", '"\\ud800"'),
        *("null", "[]", "1", "", '{"messageType":null}', '{"messageType":{"a":1}}', "\ud800"),
        *('{"messageType":[],"marketId":["BTC-AUD"]}', '{"messageType":"\\ud800"}'),
        '{"messageType":"tick","messageType":"trade","marketId":"BTC-AUD","marketId":"X"}',
        *(tick(snapshotId=each) for each in (2**63, -1, True, 1.5, "1", None, 10**400)),
        *(trade(each) for each in (-1, "7", True, None, 2**63, 1.0, 10**400)),
        *(trade(1, side=each) for each in ("\x1b[31m", ["Bid"], {"a": 1}, 1)),
        *(tick(bestBid=draws.choice(PRICES), bestAsk=draws.choice(PRICES)) for _ in range(6)),
        *(tick(marketId=each) for each in ("../../X", "btc-aud", "BTC-AUD\n", ESCAPES, "A" * 999)),
        json.dumps({"messageType": draws.choice(WORDS), "marketId": MARKET}),
    ]
    for _ in range(40):
        yield frame(draws.choice(texts))


def _not_utf8(draws: random.Random) -> Iterator[bytes]:
    for _ in range(20):
        raw = draws.choice((b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf{}", draws.randbytes(200)))
        yield frame(raw, draws.choice((TEXT, BINARY)))


def _times(draws: random.Random) -> Iterator[bytes]:
    for _ in range(30):
        at = draws.choice(TIMES)
        text = draws.choice((tick(timestamp=at), trade(draws.randrange(100), timestamp=at)))
        yield frame(draws.choice((text, book([], [], timestamp=at))))


def _books(draws: random.Random) -> Iterator[bytes]:
    huge = [["9999999999.99999999", "9999999999.99999999", 2**31 - 1]]
    low = [["0.00000001", "9999999999.99999999", 0]]
    shapes = [(huge, low), ([], []), (low, huge), (huge, []), ([], low), ([["1", "1"]], [])]
    for number in range(20):
        bids, asks = draws.choice(shapes)
        yield frame(book(bids, asks, snapshot=draws.random() < 0.7, snapshotId=number))


def _crossed(draws: random.Random) -> Iterator[bytes]:
    for number in range(20):
        middle = draws.randrange(1, 10**6)
        bids = [[f"{middle + rank}.5", "1", 1] for rank in range(5)]
        asks = [[f"{middle - rank}.25", "1", 1] for rank in range(5) if middle > rank]
        yield frame(book(bids, asks, snapshot=True, snapshotId=10**15 + number))


def _deep_books(draws: random.Random) -> Iterator[bytes]:
    """Books of up to 10^6 levels: beyond what is read, at the bound, and just below."""
    count = draws.choice((10**6, 600_000, 100_001, 100_000, 50_000))
    for number in range(2):
        rows = ",".join(f'["{1 + rank}","{number + 1}",1]' for rank in range(count))
        head = f'{{"messageType":"orderbookUpdate","marketId":"{MARKET}","snapshot":true,"asks":[],'
        stamp = f'"timestamp":"2026-11-30T10:00:00.000Z","snapshotId":{number + 1}'
        yield frame(f'{head}{stamp},"bids":[{rows}]}}')


def _market_ids(draws: random.Random) -> Iterator[bytes]:
    for _ in range(6):
        name = f"{draws.randrange(10**9)}" + "A" * draws.choice((4 << 20, 8 << 20))
        yield frame(f'{{"messageType":"tick","marketId":"{name}"}}')


def _many_values(draws: random.Random) -> Iterator[bytes]:
    """Values that are all different, for whoever remembers what was read."""
    for _ in range(300):
        yield frame(tick(marketId=f"A{draws.randrange(10**15)}-AUD", bestBid="1" * 9_000))


def _undecodable(_: random.Random) -> Iterator[bytes]:
    for _number in range(300):
        yield frame(os.urandom(65_536), BINARY)


def _errors(draws: random.Random) -> Iterator[bytes]:
    messages = (*WORDS, "invalid marketIds", "invalid marketId " * 5_000)
    for _ in range(6):
        code = draws.choice((1, 3, -1, 10**300, "3", None))
        said = {"messageType": "error", "code": code, "message": draws.choice(messages)}
        yield frame(json.dumps(said))


def _heartbeats(draws: random.Random) -> Iterator[bytes]:
    lies = [
        *(heartbeat(), heartbeat("XRP-AUD"), heartbeat(*(f"A{n}-AUD" for n in range(50_000)))),
        *('{"messageType":"heartbeat"}', '{"messageType":"heartbeat","channels":null}'),
        '{"messageType":"heartbeat","channels":[{"name":"tick","marketIds":{"a":1}}]}',
        '{"messageType":"heartbeat","channels":[{"name":[],"marketIds":[]},7]}',
    ]
    for _ in range(8):
        yield frame(draws.choice(lies))


def _others(draws: random.Random) -> Iterator[bytes]:
    for number in range(40):
        name = draws.choice(("XRP-AUD", "DOGE-AUD", "BTC-USD"))
        yield frame(draws.choice((tick(marketId=name), trade(number, marketId=name))))


def _strange_trades(draws: random.Random) -> Iterator[bytes]:
    """Trades of this market whose ids are nobody's, at any place of the numbers."""
    for _ in range(10):
        yield frame(trade(draws.choice((0, 1, draws.randrange(10**9), 10**15, 2**63 - 1))))


def _empty(_: random.Random) -> Iterator[bytes]:
    for _number in range(200):
        yield frame("")


def _orders(draws: random.Random) -> Iterator[bytes]:
    rows = [["1", "1"]] * draws.choice((0, 1, 50, 200_000))
    said = {"messageType": "orderbook", "marketId": MARKET, "bids": rows, "asks": []}
    yield frame(json.dumps(said))


def _bomb(draws: random.Random) -> Iterator[bytes]:
    """A compressed message although nobody agreed to any: the end of the connection."""
    packed = zlib.compress(b"a" * 10**7)[2:-4]
    yield frame(packed, rsv1=draws.random() < 0.8)


MESSAGES: dict[str, Callable[[random.Random], Iterator[bytes]]] = {
    "odd values": _odd,
    "not UTF-8": _not_utf8,
    "times of any century": _times,
    "books of any shape": _books,
    "crossed books": _crossed,
    "books of 10^6 levels": _deep_books,
    "market ids of 8 MiB": _market_ids,
    "values that never recur": _many_values,
    "undecodable flood": _undecodable,
    "error frames": _errors,
    "heartbeats that lie": _heartbeats,
    "other markets": _others,
    "trades of any id": _strange_trades,
    "empty messages": _empty,
    "orders": _orders,
    "compressed bomb": _bomb,
}
"""What is said between honest frames, by mode."""
