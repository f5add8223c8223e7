"""Compares a market's streamed book with REST's book of the same version.

The checksum covers ten levels of each side of the streamed book; this compares up to fifty orders
of each side with REST. ``snapshotId`` is the same number in both (BTCMarkets/API issue 181). Pure:
it is given what arrives.
"""

from eventlog.records import BookUpdate
from eventlog.sizes import held_bytes
from feeds.book import Book, BookSide
from feeds.btcmarkets.protocol import Orders

UPDATES_MAX = 4_096
UPDATES_BYTES_MAX = 64 << 20
"""Updates stored from a snapshot on (I10); after more, the check ends without a result."""


class CrossCheck:
    """The stream from one snapshot on, until it is compared."""

    def __init__(self) -> None:
        self._updates: list[BookUpdate] = []
        self._bytes = 0
        self._too_many = False

    def add(self, update: BookUpdate) -> None:
        """Take an update of the stream; those before a snapshot are ignored."""
        if update.snapshot:
            self._updates.clear()
            self._bytes, self._too_many = 0, False
        elif not self._updates or self._too_many:
            return
        self._bytes += held_bytes(update)
        if len(self._updates) == UPDATES_MAX or self._bytes > UPDATES_BYTES_MAX:
            self._too_many = True
            self._updates.clear()
        else:
            self._updates.append(update)

    def agrees(self, orders: Orders) -> bool | None:
        """Return whether both books agree; ``None`` if the stream did not pass this version."""
        version = orders.snapshot_id
        if version is None or not self._updates or self._too_many:
            return None
        since = self._updates[0].snapshot_id or 0
        passed = [u for u in self._updates if u.snapshot or (u.snapshot_id or 0) >= since]
        if passed[-1].snapshot_id is None or passed[-1].snapshot_id <= version:
            # An update for a later version may still be on its way.
            return None
        if version not in {update.snapshot_id for update in passed}:
            return None
        book = Book()
        for update in passed:
            if (update.snapshot_id or 0) <= version:
                book.apply(update)
        return _agrees(book.bids, orders.bids) and _agrees(book.asks, orders.asks)


def _agrees(side: BookSide, orders: tuple[tuple[int, int], ...]) -> bool:
    """Compare all prices but the worst, whose volume the limit of fifty orders may truncate."""
    told = [(level.price_e8, level.volume_e8) for _, level in zip(orders, side, strict=False)]
    return told[: len(orders) - 1] == list(orders[:-1]) and len(told) == len(orders)
