"""The faults of the simulator: their names, their frequencies, and garbage frames."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feeds.errors import FaultUnknown

LINE_FAULTS = {
    "close": 500,
    "drop": 500,
    "cut": 500,
    "stall": 1000,
    "maintenance": 2000,
    "shut": 2000,
    "garbage": 50,
    "bad-checksum": 100,
    "duplicate": 100,
    "reorder": 200,
    "lose": 200,
    "stale": 2,
    "forget": 500,
    "clock": 1000,
}
"""Faults of the line to a client: once in so many frames (``stale``: snapshots), on average."""

DOOR_FAULTS = {"refuse": 3, "hang": 8, "alert": 5, "mute": 5, "reject": 4}
"""Faults of a start: once in so many handshakes (``reject``: requests), on average."""

REST_FAULTS = {"rest-429": 5, "rest-403": 10, "rest-500": 5, "rest-cut": 5, "rest-slow": 10}
"""Faults of REST: once in so many calls, on average."""

DESK_FAULTS = {"halt": 4, "odd-row": 4}
"""Odd but valid replies of REST: once in so many calls of a kind, on average."""

PAST_FAULTS = {"repeat-page": 4, "shuffle-page": 4, "odd-candle": 8}
"""Odd replies about the past: once in so many calls for candles or trades, on average."""

HOLE = "hole"
"""No fault of a reply: one stretch in so many of the past is missing."""

AWAY = "away"
"""No fault by itself: after every lost connection the market advances so many steps unsent."""

DRAWN = {**LINE_FAULTS, **DOOR_FAULTS, **REST_FAULTS, AWAY: 50, **DESK_FAULTS}
"""What `RANDOM` draws from."""

FAULTS = {**DRAWN, **PAST_FAULTS, HOLE: 20}
"""Each fault, and its default frequency: once in so many."""

RANDOM = "random"
"""The name of a random choice of faults, drawn from the seed."""

_MEANINGS = {
    "close": "a closing handshake",
    "drop": "a connection that breaks off",
    "cut": "a connection that breaks off within a frame",
    "stall": "a socket that stays open and says nothing more",
    "maintenance": "everything closed, and answered with 503 for some seconds",
    "shut": "everything closed, and nobody listening for some seconds",
    "garbage": "an invalid frame before the valid one",
    "bad-checksum": "a wrong checksum",
    "duplicate": "a frame twice",
    "reorder": "a frame after the next one",
    "lose": "a frame that never comes",
    "stale": "an old delta after a snapshot",
    "forget": "a market's subscription dropped silently",
    "clock": "the exchange's clock an hour off, from here on",
    "refuse": "a handshake that is refused",
    "hang": "a handshake that is not answered for some seconds",
    "alert": "a TLS alert instead of a handshake's answer",
    "mute": "a connection that never says anything",
    "reject": "a request that is answered with an error",
    "rest-429": "a refusal for too many requests",
    "rest-403": "a challenge page instead of an answer",
    "rest-500": "an internal error",
    "rest-cut": "a body that is cut short",
    "rest-slow": "a slow answer",
    AWAY: "the number of steps that each lost connection misses",
    "halt": "a market's status changes: Post Only, Offline, …, Online",
    "odd-row": "an invalid row among the rows of REST",
    "repeat-page": "an earlier page of candles or trades instead of the requested one",
    "shuffle-page": "a page of candles or trades out of order, with repeated rows",
    "odd-candle": "an impossible candle: high below low, another length, of the future, …",
    HOLE: "two and a half hours of the past that are missing",
}


def described() -> str:
    """Return every fault with its meaning, one a line."""
    return "\n".join(f"{name:13} {meaning}" for name, meaning in _MEANINGS.items())


_TICK = {
    "messageType": "tick",
    "marketId": "MARKET",
    "timestamp": "2026-09-23T04:31:09.259Z",
    "bestBid": "1",
    "bestAsk": "2",
    "lastPrice": "1",
}
_TRADE = {
    "messageType": "trade",
    "marketId": "MARKET",
    "timestamp": "2026-09-23T04:31:09.259Z",
    "tradeId": 7_000_000_001,
    "price": "1",
    "volume": "1",
    "side": "Bid",
}
_DELTA = {
    "messageType": "orderbookUpdate",
    "marketId": "MARKET",
    "timestamp": "2026-09-23T04:31:09.259Z",
    "bids": [["1", "1", 1]],
    "asks": [],
}


def _garbled(frame: Mapping[str, object], **changes: object) -> str:
    return json.dumps({**frame, **changes})


GARBAGE: tuple[str | bytes, ...] = (
    "",
    "not JSON",
    _garbled(_TICK)[:-20],
    "[]",
    "null",
    "NaN",
    "[" * 10_000,
    b"\xff\xfe\x00binary",
    '{"marketId":"MARKET"}',
    '{"messageType":"tick","marketId":"MARKET"}',
    _garbled(_TICK, messageType="weather"),
    _garbled(_TICK, marketId="../MARKET"),
    _garbled(_TICK, timestamp="yesterday"),
    _garbled(_TICK, bestBid="NaN"),
    _garbled(_TICK, bestBid="-1"),
    _garbled(_TICK, bestAsk="0"),
    _garbled(_TICK, bestAsk=99999.5),
    _garbled(_TICK, lastPrice="1e5"),
    _garbled(_TRADE, price="123456789012345"),
    _garbled(_TRADE, volume="0.123456789"),
    _garbled(_TRADE, side="Both"),
    _garbled(_TRADE, tradeId="7"),
    _garbled(_DELTA, bids=[["1"]]),
    _garbled(_DELTA, asks=None),
    _garbled(_DELTA, checksum=-1),
)
"""Garbage frames; ``MARKET`` is replaced by the market of the frame that follows."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault, and its frequency: once in so many (``away``: number of steps)."""

    name: str
    every_frames: int


def parse_fault(text: str) -> Fault:
    """Return the fault of a text such as ``close`` or ``close=200``.

    Raises:
        FaultUnknown: if there is no such fault, or the number is below 1.
    """
    name, separator, number = text.partition("=")
    valid = number.isascii() and number.isdigit() and int(number) >= 1 if separator else True
    if name not in FAULTS or not valid:
        raise FaultUnknown(text=text, known=(*FAULTS, RANDOM))
    return Fault(name, int(number) if separator else FAULTS[name])


def random_faults(seed: int) -> list[Fault]:
    """Return about half of all faults, at half to twice the default rarity, drawn from a seed."""
    from feeds.simulator.draws import Draws  # imports NumPy, which a list of faults does not need

    row = Draws(seed=seed, stream="faults", width=2 * len(DRAWN)).row(0)
    return [
        Fault(name, max(2, round(every * 2 ** (2 * row[2 * place + 1] - 1))))
        for place, (name, every) in enumerate(DRAWN.items())
        if name == AWAY or row[2 * place] < 0.5
    ]


def parse_faults(texts: Sequence[str], *, seed: int) -> list[Fault]:
    """Return the faults of these texts; ``random`` is drawn from the seed.

    Raises:
        FaultUnknown: if one of them is unknown.
    """
    drawn = random_faults(seed) if RANDOM in texts else []
    return [*drawn, *(parse_fault(text) for text in texts if text != RANDOM)]
