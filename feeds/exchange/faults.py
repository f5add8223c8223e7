"""The faults that a stand-in exchange can have: their names, how seldom they are, and garbage."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from feeds.errors import FaultUnknown

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
