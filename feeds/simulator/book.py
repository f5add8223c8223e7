"""One market's order book on the exchange's side, and the frames that tell it.

Keeps every level as sent; signs each delta with the exchange's checksum. The engine folds a book of
its own from what it received: this one exists so that there is something to be compared with.
"""

import json
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache

from eventlog.checksum import book_checksum
from eventlog.records import BookUpdate, Level, format_e8


class BookSide:
    """The levels of one side; ``sign`` is -1 for bids, whose best price is the highest."""

    def __init__(self, *, sign: int) -> None:
        self.sign = sign
        self._levels: dict[int, Level] = {}
        self._order: list[int] = []  # sign * price_e8, ascending: best first

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Level]:
        """Yield the levels, best first."""
        return (self._levels[self.sign * key] for key in self._order)

    def at(self, rank: int) -> Level:
        """Return the level of a rank: 0 is the best, -1 the worst."""
        return self._levels[self.sign * self._order[rank]]

    def put(self, level: Level) -> None:
        """Replace the level of this price; a volume of 0 deletes it, known or not."""
        price = level.price_e8
        key = self.sign * price
        if level.volume_e8:
            if price not in self._levels:
                insort(self._order, key)
            self._levels[price] = level
        elif self._levels.pop(price, None) is not None:
            del self._order[bisect_left(self._order, key)]

    def clear(self) -> None:
        """Forget every level."""
        self._levels.clear()
        self._order.clear()


class Book:
    """Both sides of one market."""

    def __init__(self) -> None:
        self.bids = BookSide(sign=-1)
        self.asks = BookSide(sign=1)

    def apply(self, update: BookUpdate) -> None:
        """Set the update's levels; a snapshot's are all there are."""
        if update.snapshot:
            self.bids.clear()
            self.asks.clear()
        for side, levels in ((self.bids, update.bids), (self.asks, update.asks)):
            for level in levels:
                side.put(level)

    def checksum(self) -> int:
        """Return the exchange's CRC32 of the ten best levels a side."""
        return book_checksum(_signed(self.bids), _signed(self.asks))


def _signed(side: BookSide) -> Iterator[tuple[int, int, int, int]]:
    for level in side:
        yield level.price_e8, level.price_decimals, level.volume_e8, level.volume_decimals


text_of = json.JSONEncoder(separators=(",", ":")).encode
"""Return a message as the exchange writes it, without blanks."""


def timestamp(at_ns: int) -> str:
    """Return a time as the websocket says it: ISO 8601 UTC with 3 decimals, rounded down.

    >>> timestamp(1790137869259_999_999)
    '2026-09-23T04:31:09.259Z'
    """
    at_ms = at_ns // 1_000_000
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}"


def snapshot_id(at_ns: int) -> int:
    """Return the exchange's version of a moment: milliseconds since 1970, times 1000."""
    return at_ns // 1_000_000 * 1000


def snapshot_frame(market: str, at_ns: int, book: Book, *, version: int) -> str:
    """Return the whole book as one frame, which carries no checksum.

    ``version`` is its ``snapshotId``: a later delta must not have a smaller one.
    """
    return text_of(
        {
            "marketId": market,
            "snapshot": True,
            "timestamp": timestamp(at_ns),
            "snapshotId": version,
            "bids": _rows(book.bids),
            "asks": _rows(book.asks),
            "channel": "orderbookUpdate",
            "messageType": "orderbookUpdate",
        }
    )


def delta_frame(
    market: str, at_ns: int, *, bids: Iterable[Level], asks: Iterable[Level], checksum: int
) -> str:
    """Return changed levels as one frame, with the checksum of the book after them."""
    return text_of(
        {
            "marketId": market,
            "timestamp": timestamp(at_ns),
            "snapshotId": snapshot_id(at_ns),
            "bids": _rows(bids),
            "asks": _rows(asks),
            "messageType": "orderbookUpdate",
            "checksum": str(checksum),
        }
    )


def _rows(levels: Iterable[Level]) -> list[tuple[str, str, int]]:
    return [
        (
            format_e8(level.price_e8, level.price_decimals),
            format_e8(level.volume_e8, level.volume_decimals),
            level.order_count,
        )
        for level in levels
    ]
