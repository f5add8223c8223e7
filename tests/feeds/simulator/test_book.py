"""The exchange's book, and its frames."""

import json

from eventlog.checksum import book_checksum
from eventlog.records import BookUpdate, Level, parse_e8
from feeds.btcmarkets.protocol import decode
from feeds.simulator.book import Book, BookSide, delta_frame, snapshot_frame


def level(price: str, volume: str) -> Level:
    (price_e8, price_decimals), (volume_e8, volume_decimals) = parse_e8(price), parse_e8(volume)
    return Level(price_e8, volume_e8, price_decimals, volume_decimals, 1 if volume_e8 else 0)


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


def test_frames_say_levels_as_they_were_sent() -> None:
    """A book told by a snapshot or a delta decodes to the same levels, trailing zeros kept."""
    book = Book()
    for price, volume in (("0.1230", "5.0"), ("0.1229", "1")):
        book.bids.put(level(price, volume))
    book.asks.put(level("0.13", "0.00000001"))

    snapshot = decode(snapshot_frame("A-B", 1_000_000_000, book, version=5), 0)
    delta = decode(
        delta_frame("A-B", 1_000_000_000, bids=book.bids, asks=[], checksum=book.checksum()), 0
    )

    assert isinstance(snapshot, tuple)
    assert isinstance(snapshot[1], BookUpdate)
    assert snapshot[1].snapshot
    assert snapshot[1].snapshot_id == 5
    assert snapshot[1].exchange_ns == 1_000_000_000
    assert snapshot[1].bids == tuple(book.bids)
    assert snapshot[1].asks == tuple(book.asks)
    assert isinstance(delta, tuple)
    assert isinstance(delta[1], BookUpdate)
    assert not delta[1].snapshot
    assert delta[1].bids == tuple(book.bids)
    assert delta[1].snapshot_id == 1_000_000


def test_the_checksum_is_the_exchanges() -> None:
    """A book signs its ten best levels a side."""
    book = Book()
    for place in range(12):
        book.bids.put(level(f"{10 + place}", "1"))
        book.asks.put(level(f"{30 + place}", "1"))

    def signed(best: int, step: int) -> list[tuple[int, int, int, int]]:
        return [((best + step * k) * 10**8, 0, 10**8, 0) for k in range(10)]

    assert book.checksum() == book_checksum(signed(21, -1), signed(30, 1))
    assert json.loads(delta_frame("A-B", 0, bids=[], asks=[], checksum=book.checksum()))[
        "checksum"
    ] == str(book.checksum())
