"""Whatever an exchange sends once the session has begun: lost, recorded, and connected again."""

import asyncio
import itertools
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from eventlog.records import Gap, Input, Trade
from feeds import bounds
from feeds.btcmarkets import connection, protocol
from feeds.btcmarkets.connection import Feed
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.errors import ExchangeUnreachable, RestUnavailable, TrustInvalid
from feeds.options import FeedOptions
from tests.support.hostile import (
    DOORS,
    PATIENCE_S,
    SWITCHING,
    Peer,
    endless,
    frame,
    hostile,
    slow_handshake,
)

HASTE: dict[str, Any] = {
    "backoff_first_s": 0.001,
    "backoff_most_s": 0.01,
    "handshake_window_s": 0.0,
    "resync_interval_s": 0.0,
}


def trade(number: int) -> dict[str, object]:
    return {
        "messageType": "trade", "marketId": "A-B", "timestamp": "2026-09-23T04:31:09.259Z",
        "tradeId": number, "price": "1", "volume": "1", "side": "Bid",
    }  # fmt: skip


def close(code: bytes) -> bytes:
    return frame(code, opcode=8)


TALK: dict[str, Callable[[Peer], object]] = {
    "empty fragments": lambda peer: endless(
        peer, frame(b"", first=0) + frame(b"", opcode=0, first=0) * 10_000
    ),
    "pings": lambda peer: endless(peer, frame(b"x" * 100, opcode=9) * 1_000),
    "pongs": lambda peer: endless(peer, frame(b"", opcode=10) * 1_000),
    "a frame too long": lambda peer: peer.send(struct.pack("!BBQ", 0x81, 127, 100 << 20) + b"a"),
    "a frame of all lengths": lambda peer: peer.send(b"\x81\x7f" + b"\xff" * 8),
    "an unknown opcode": lambda peer: peer.send(frame(b"x", opcode=3)),
    "a compressed frame": lambda peer: peer.send(
        frame(zlib.compress(b"a" * 10**7), first=0x80 | 0x40)
    ),
    "a close of no code": lambda peer: peer.send(close(struct.pack("!H", 999))),
    "a close of one byte": lambda peer: peer.send(close(b"\x03")),
    "a close of bytes": lambda peer: peer.send(close(b"\x03\xe9\xff\xfe\xfa")),
    "a close of escapes": lambda peer: peer.send(close(b"\x03\xe9\x1b]0;P\x07\xe2\x80\xae\n2026")),
    "a masked frame": lambda peer: peer.send(b"\x81\x81abcdx"),
    "a ping too long": lambda peer: peer.send(frame(b"x" * 200, opcode=9)),
    "HTTP again": lambda peer: peer.send(SWITCHING * 100),
}
"""What is sent once a socket stands."""


def survived(begin: Callable[[Peer], object], **options: Any) -> list[Input]:
    """Return what is recorded when every second connection is such a one."""

    def talk(peer: Peer) -> None:
        if peer.number % 2:
            begin(peer)
            return
        peer.accept()
        peer.say(trade(peer.number))
        if peer.number >= 2:
            peer.wait()

    taken: list[Input] = []
    with (
        hostile(talk) as url,
        Feed(url, ["A-B"], options=FeedOptions(**{**HASTE, **options})) as feed,
    ):
        while not any(isinstance(each, Trade) and each.trade_id == 2 for each in taken):
            arrived = feed.take(PATIENCE_S)
            assert arrived, feed.state
            taken += arrived
    return taken


@pytest.mark.parametrize("name", DOORS)
def test_a_hostile_handshake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failure like any other: one gap, and the next one is tried."""
    monkeypatch.setattr(connection, "_OPEN_TIMEOUT_S", 0.3)

    taken = survived(DOORS[name])

    assert [type(record) for record in taken] == [Trade, Gap, Trade]


@pytest.mark.parametrize("name", TALK)
def test_a_hostile_conversation(name: str) -> None:
    """The connection is given up, for a reason that can be printed."""

    def begin(peer: Peer) -> None:
        peer.accept()
        peer.say(trade(1))
        TALK[name](peer)

    taken = survived(begin, stale_after_s=1.0)

    assert [type(record) for record in taken] == [Trade, Gap, Trade, Gap, Trade]
    gap = taken[-2]
    assert isinstance(gap, Gap)
    assert gap.why.isprintable()
    assert 0 < len(gap.why) <= 200


def test_frames_that_bring_no_message_are_counted() -> None:
    """The bound is said, and it was not silence that ended it."""

    def begin(peer: Peer) -> None:
        peer.accept()
        peer.say(trade(1))
        endless(peer, frame(b"", opcode=9) * 1_000)

    gap = survived(begin)[-2]

    assert isinstance(gap, Gap)
    assert gap.why == f"more than {bounds.FRAMES_BETWEEN_MAX} control frames and no message"


def test_an_error_that_nobody_expected_is_a_lost_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not only those that a library is known to raise."""
    heard = iter([ZeroDivisionError("\x1b[31m" + "x" * 10_000)])
    decode = protocol.decode

    def failing(raw: str | bytes, received_ns: int) -> Any:
        if b'"tradeId": 1,' in bytes(raw) and (error := next(heard, None)):  # type: ignore[arg-type]
            raise error
        return decode(raw, received_ns)

    monkeypatch.setattr(protocol, "decode", failing)

    def begin(peer: Peer) -> None:
        peer.accept()
        peer.say(trade(0))
        peer.say(trade(1))
        peer.wait()

    taken = survived(begin)

    reasons = [record.why for record in taken if isinstance(record, Gap)]
    assert any(why.startswith("ZeroDivisionError: \\x1b[31mxxx") for why in reasons)
    assert max(map(len, reasons)) <= 200


@pytest.mark.parametrize(
    "variable", ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSLKEYLOGFILE", "NETRC"]
)
@pytest.mark.parametrize("value", ["socks5h://127.0.0.1:9", "http://[", "\x1b[31m", "/nowhere/x"])
def test_the_environment_leads_nobody_away(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A proxy is not asked for, neither by the websocket nor by REST."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv(variable.lower(), value)

    def talk(peer: Peer) -> None:
        if not peer.is_websocket:
            peer.reply(b"[]")
            return
        peer.accept()
        peer.say(trade(1))
        peer.wait()

    with (
        hostile(talk) as url,
        Feed(url, ["A-B"], rest=Rest(rest_url(url)), options=FeedOptions(**HASTE)) as feed,
    ):
        assert feed.take(PATIENCE_S)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, variable: str, tmp_path: Any
) -> None:
    """It is said at once, and which variable it was."""
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))

    with (
        pytest.raises(TrustInvalid, match=variable),
        Feed("wss://127.0.0.1:9/v2", ["A-B"], options=FeedOptions(connect_timeout_s=5.0)),
    ):
        pass


def test_a_first_handshake_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, each in time: the whole has a limit, too."""
    monkeypatch.setattr(connection, "_OPEN_TIMEOUT_S", 0.2)

    with (
        hostile(slow_handshake) as url,
        pytest.raises(ExchangeUnreachable, match="timed out"),
        Feed(url, ["A-B"], options=FeedOptions(connect_timeout_s=1.0, **HASTE)),
    ):
        pass


def _compressed(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _drip(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while not peer.ending.wait(0.02):
        peer.send(b" ")


def _flood(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    endless(peer, b" " * 65_536)


def _headers(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        peer.send(b"X-%d: %s\r\n" % (number, b"a" * 1_000))


BODIES: dict[str, tuple[Callable[[Peer], object], str]] = {
    "a redirect": (
        lambda peer: peer.reply(b"", status="302 Found", headers=b"Location: file:///etc/x\r\n"),
        "HTTP 302: a redirect",
    ),
    "a page": (lambda peer: peer.reply(b"<html>Just a moment"), "not JSON"),
    "deep": (lambda peer: peer.reply(b"[" * 1_000_000), "not JSON"),
    "bytes": (lambda peer: peer.reply(b"\xff\xfe"), "not UTF-8"),
    "an object": (lambda peer: peer.reply(b"{}"), "not a JSON list"),
    "a bomb": (
        lambda peer: peer.reply(
            _compressed(b"[" + b" " * 10**7 + b"]"), headers=b"Content-Encoding: gzip\r\n"
        ),
        "compressed",
    ),
    "a flood": (_flood, "a body of more than"),
    "a drip": (_drip, "TimeoutError"),
    "headers": (_headers, "RemoteProtocolError"),
    "too many requests": (
        lambda peer: peer.reply(
            b"", status="429 no",
            headers=b"Retry-After: 99999999999\r\nx-ratelimit-reset: 99999999999\r\n",
        ),
        "HTTP 429",
    ),
    "a status of letters": (lambda peer: peer.send(b"HTTP/1.1 x y\r\n\r\n"), "RemoteProtocol"),
    "a length that is none": (
        lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "RemoteProtocol",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_answer_of_rest(name: str) -> None:
    """It is asked so often, within a time, and then said why there was none."""
    answer, why = BODIES[name]

    async def ask(url: str) -> None:
        haste: dict[str, Any] = {"attempts": 2, "first_s": 0.0, "most_s": 0.0, "closed_s": 0.0}
        async with Rest(rest_url(url), total_s=0.5, **haste) as rest:
            await rest.trades("A-B")

    with hostile(answer) as url, pytest.raises(RestUnavailable, match=why) as caught:
        asyncio.run(ask(url))

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_cookies_are_not_kept() -> None:
    """Neither sent back, nor remembered: a thousand of 4 kB each would be."""
    asked: list[str] = []

    def talk(peer: Peer) -> None:
        asked.append(peer.headers.get("cookie", ""))
        cookie = f"Set-Cookie: c{peer.number}={'x' * 4_000}\r\n".encode()
        peer.reply(b"[]", headers=cookie + b"Connection: close\r\n")

    async def ask(url: str) -> int:
        async with Rest(rest_url(url)) as rest:
            for _ in range(5):
                await rest.trades("A-B")
            return len(rest._client.cookies)

    with hostile(talk) as url:
        assert asyncio.run(ask(url)) == 0
    assert asked == [""] * 5


def _snapshot(number: int) -> dict[str, object]:
    return {
        "messageType": "orderbookUpdate", "marketId": "A-B", "snapshot": True, "bids": [],
        "asks": [], "timestamp": "2026-09-23T04:31:09.259Z", "snapshotId": number,
    }  # fmt: skip


def _heartbeat() -> dict[str, object]:
    channels = [{"name": name, "marketIds": ["A-B"]} for name in protocol.MARKET_CHANNELS]
    return {"messageType": "heartbeat", "channels": channels}


class _Dead:
    """An exchange whose stream of a market says nothing but snapshots, while REST goes on.

    ``book`` and ``trades`` are what REST shows of it; once ``mended`` a new connection streams.
    """

    def __init__(self, *, mended: bool = False, has_trades: bool = True) -> None:
        self._mended = mended
        self._has_trades = has_trades
        self._numbers = itertools.count(10)
        self.snapshots = 0

    def __call__(self, peer: Peer) -> None:
        if not peer.is_websocket:
            peer.reply(json.dumps(self._answer(peer.target)).encode())
            return
        peer.accept()
        assert peer.asked(b"subscribe", within_s=PATIENCE_S)
        peer.say(_snapshot(1))
        peer.say(trade(1))
        beats = 0
        while not peer.ending.is_set():
            beats += 1
            if peer.asked(b"addSubscription", within_s=0.05):
                self.snapshots += 1
                peer.say(_snapshot(2))
                if self._mended:
                    peer.say(trade(2))
                    self._has_trades = False
            if beats % 10 == 0:
                peer.say(_heartbeat())

    def _answer(self, target: str) -> object:
        number = next(self._numbers)
        if "before=" in target:
            return []
        if "/trades" in target:
            return [
                {"id": str(each), "price": "1", "amount": "1",
                 "timestamp": "2026-09-23T04:31:10.000000Z"}
                for each in (number if self._has_trades else 1, 1)
            ]  # fmt: skip
        if "/orderbook" in target:
            return {
                "marketId": "A-B",
                "snapshotId": number,
                "bids": [[str(number), "1"]],
                "asks": [],
            }
        if "/markets" in target:
            return []
        return {"timestamp": "2026-09-23T04:31:10.000000Z"}


SHORT: dict[str, Any] = {"silent_s": 0.1, "settle_s": 0.02, "stale_after_s": 10.0, **HASTE}


@pytest.mark.parametrize("has_trades", [True, False])
def test_a_dead_stream_that_the_heartbeat_lists_is_told_and_asked_for(has_trades: bool) -> None:
    """By its trades, or by its book alone. A snapshot is no proof of life: it is not streaming."""
    exchange = _Dead(has_trades=has_trades)
    taken: list[Input] = []
    with (
        hostile(exchange) as url,
        Feed(url, ["A-B"], rest=Rest(rest_url(url)), options=FeedOptions(**SHORT)) as feed,
    ):
        while not any(isinstance(record, Gap) for record in taken):
            taken += feed.take(PATIENCE_S)
        state = feed.state.markets["A-B"]

    assert not state.streaming
    assert "REST" in state.why
    assert exchange.snapshots >= 1
    gap = next(record for record in taken if isinstance(record, Gap))
    assert gap.why == state.why
    assert gap.from_ns < gap.to_ns


def test_a_stream_that_speaks_again_is_streaming() -> None:
    """Asked for anew, it goes on: one gap, and then nothing stands in its way."""
    taken: list[Input] = []
    with (
        hostile(_Dead(mended=True)) as url,
        Feed(url, ["A-B"], rest=Rest(rest_url(url)), options=FeedOptions(**SHORT)) as feed,
    ):
        while not any(isinstance(each, Trade) and each.trade_id == 2 for each in taken):
            taken += feed.take(PATIENCE_S)
        state = feed.state.markets["A-B"]

    assert state.streaming
    assert sum(isinstance(record, Gap) for record in taken) == 1


def test_a_stream_that_stays_dead_leads_to_a_new_connection() -> None:
    """Asking on the same socket has not helped."""
    with (
        hostile(_Dead()) as url,
        Feed(
            url, ["A-B"], rest=Rest(rest_url(url)), options=FeedOptions(drain_s=0.01, **SHORT)
        ) as feed,
    ):
        while feed.state.rotations == 0:
            feed.take(PATIENCE_S)

        assert feed.state.connections >= 2


def _quote(second: int) -> dict[str, object]:
    return {
        "messageType": "tick", "marketId": "A-B", "bestBid": "1", "bestAsk": "2",
        "lastPrice": "1", "timestamp": f"2026-09-23T04:31:{second:02d}.000Z",
    }  # fmt: skip


class _Late:
    """An exchange whose stream is behind what REST shows: its trades come, but later."""

    def __init__(self) -> None:
        self.pages = 0

    def __call__(self, peer: Peer) -> None:
        if not peer.is_websocket:
            peer.reply(json.dumps(self._answer(peer.target)).encode())
            return
        peer.accept()
        assert peer.asked(b"subscribe", within_s=PATIENCE_S)
        peer.say(_snapshot(1))
        peer.say(trade(1))
        while self.pages < 10 and not peer.ending.wait(0.01):
            peer.say(_quote(9))
        peer.say(trade(2))
        peer.wait()

    def _answer(self, target: str) -> object:
        if "/trades" not in target or "before=" in target:
            return []
        self.pages += 1
        numbers = (1,) if self.pages == 1 else (2, 1)
        return [
            {
                "id": str(each),
                "price": "1",
                "amount": "1",
                "timestamp": f"2026-09-23T04:31:1{each}Z",
            }
            for each in numbers
        ]


@pytest.mark.parametrize("queue_records_max", [65_536, 5])
def test_a_stream_that_is_late_is_no_dead_one(queue_records_max: int) -> None:
    """It has not passed by what it has not brought; nor has it while nobody takes what is there."""
    exchange, taken = _Late(), list[Input]()
    with (
        hostile(exchange) as url,
        Feed(
            url,
            ["A-B"],
            rest=Rest(rest_url(url)),
            options=FeedOptions(
                settle_s=0.1, audit_s=0.02, queue_records_max=queue_records_max, **HASTE
            ),
        ) as feed,
    ):
        while exchange.pages < 10:
            taken += feed.take(0.01 if queue_records_max > 5 else 0.2)
        state = feed.state.markets["A-B"]

    assert state.streaming
    assert not any(isinstance(each, Gap) and "left out" in each.why for each in taken)
