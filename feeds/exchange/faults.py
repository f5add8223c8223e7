"""What goes wrong between a source and a client, on purpose and the same for the same seed.

A fault happens at random, on average once in so many frames of one socket. It is drawn from (seed,
socket, frame), so that it depends neither on timing nor on other faults.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from feeds.errors import FaultUnknown
from feeds.exchange.draws import Draws


@dataclass(frozen=True, slots=True)
class Send:
    """Send this: text as a text frame, bytes as a binary one."""

    payload: str | bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End this connection, with a closing handshake or, ``abruptly``, without."""

    abruptly: bool


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more on this connection, and leave it open."""


Action = Send | Close | Stall

FAULTS = {"close": 500, "drop": 500, "stall": 1000, "garbage": 50, "bad-checksum": 100}
"""Each fault, and the number of frames in which it happens once unless another is stated."""

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
"""Frames that mean nothing; ``MARKET`` becomes the market of the frame before which they come."""

_CHECKSUM = re.compile(r'("checksum":\s?")([0-9]+)(")')


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault, and how seldom it is."""

    name: str
    every_frames: int


def parse_fault(text: str) -> Fault:
    """Return the fault that a text such as ``close`` or ``close=200`` names.

    Raises:
        FaultUnknown: if there is none, or the number is not 1 or more.
    """
    name, separator, number = text.partition("=")
    valid = number.isascii() and number.isdigit() and int(number) >= 1 if separator else True
    if name not in FAULTS or not valid:
        raise FaultUnknown(text=text, known=tuple(FAULTS))
    return Fault(name, int(number) if separator else FAULTS[name])


class FaultyLine:
    """The line to one client, the ``number``-th that connected."""

    def __init__(self, faults: Sequence[Fault], *, seed: int, number: int) -> None:
        self._faults = tuple(faults)
        self._draws = Draws(seed=seed, stream=f"line {number}", width=2 * len(faults) or 1)
        self._frames = 0

    def carry(self, text: str, market: str) -> Iterator[Action]:
        """Yield what becomes of one frame; nothing follows a `Close` or a `Stall`."""
        row = self._draws.row(self._frames)
        self._frames += 1
        for place, fault in enumerate(self._faults):
            if row[2 * place] >= 1 / fault.every_frames:
                continue
            match fault.name:
                case "close" | "drop":
                    yield Close(abruptly=fault.name == "drop")
                    return
                case "stall":
                    yield Stall()
                    return
                case "garbage":
                    garbage = GARBAGE[int(row[2 * place + 1] * len(GARBAGE))]
                    yield Send(
                        garbage.replace("MARKET", market) if isinstance(garbage, str) else garbage
                    )
                case "bad-checksum":
                    text = _CHECKSUM.sub(_another, text)
        yield Send(text)


def _another(checksum: re.Match[str]) -> str:
    return f"{checksum[1]}{int(checksum[2]) ^ 1}{checksum[3]}"
