"""The order book of one market at a venue: every level as sent, folded from updates.

The engine folds its own book from the log. This one is for feeds: the simulator publishes it, and
BTC Markets' client compares it with the book that REST returns.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

from eventlog.records import BookUpdate, Level


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
        """Set the levels of an update; a snapshot replaces the whole book."""
        if update.snapshot:
            self.bids.clear()
            self.asks.clear()
        for side, levels in ((self.bids, update.bids), (self.asks, update.asks)):
            for level in levels:
                side.put(level)
