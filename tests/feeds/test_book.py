"""A book folded from updates: levels in order, the newest of each price, snapshots whole."""

from eventlog.records import BookUpdate
from feeds.book import Book, BookSide
from tests.support.handwritten import level


def prices(side: BookSide) -> list[float]:
    return [each.price_e8 / 1e8 for each in side]


def test_sides_are_ordered_best_first() -> None:
    """The best bid is the highest, the best ask the lowest."""
    book = Book()
    for price in ("3", "1", "2"):
        book.bids.put(level(price, "1"))
        book.asks.put(level(price, "1"))

    assert prices(book.bids) == [3, 2, 1]
    assert prices(book.asks) == [1, 2, 3]
    assert book.bids.at(0).price_e8 == book.asks.at(-1).price_e8


def test_a_level_replaces_its_price_and_zero_deletes_it() -> None:
    """Levels are absolute; deleting a price that is not there changes nothing."""
    side = BookSide(sign=1)
    side.put(level("1", "1"))
    side.put(level("1", "2"))
    side.put(level("2", "0"))

    assert [each.volume_e8 for each in side] == [200_000_000]

    side.put(level("1.00", "0"))

    assert len(side) == 0


def test_a_snapshot_is_all_there_is() -> None:
    """What was in the book before is forgotten."""
    book = Book()
    book.bids.put(level("1", "1"))
    snapshot = BookUpdate(
        exchange_ns=0,
        received_ns=0,
        bids=(level("5", "1"),),
        asks=(),
        snapshot=True,
        checksum=None,
        snapshot_id=None,
    )

    book.apply(snapshot)

    assert prices(book.bids) == [5]
