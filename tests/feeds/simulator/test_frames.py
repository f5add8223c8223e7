"""The frames that tell a book: levels as they were sent, and the signature of each delta."""

import json

from hypothesis import given
from hypothesis import strategies as st

from engine.checksum import book_checksum
from eventlog.records import BookUpdate
from feeds.book import Book, BookSide
from feeds.btcmarkets.protocol import decode
from feeds.simulator.frames import checksum_of, delta_frame, snapshot_frame
from tests.support.handwritten import level


def test_frames_say_levels_as_they_were_sent() -> None:
    """A book told by a snapshot or a delta decodes to the same levels, trailing zeros kept."""
    book = Book()
    for price, volume in (("0.1230", "5.0"), ("0.1229", "1")):
        book.bids.put(level(price, volume))
    book.asks.put(level("0.13", "0.00000001"))

    snapshot = decode(snapshot_frame("A-B", 1_000_000_000, book, version=5), 0)
    delta = decode(
        delta_frame("A-B", 1_000_000_000, bids=book.bids, asks=[], checksum=checksum_of(book)), 0
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


def test_a_delta_carries_the_checksum_as_a_text() -> None:
    book = Book()
    book.bids.put(level("0.99", "1"))
    book.asks.put(level("1.01", "2"))

    frame = json.loads(delta_frame("A-B", 0, bids=[], asks=[], checksum=checksum_of(book)))

    assert frame["checksum"] == "2111165642"


_DECIMALS = st.from_regex(r"[0-9]{1,10}(\.[0-9]{1,8})?", fullmatch=True)
_SIDES = st.lists(st.tuples(_DECIMALS, _DECIMALS), max_size=14)


@given(bids=_SIDES, asks=_SIDES)
def test_the_signature_is_the_one_that_the_engine_verifies(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]]
) -> None:
    """Two implementations of one published rule agree on every book, of ten levels and of more."""
    book = Book()
    for side, levels in ((book.bids, bids), (book.asks, asks)):
        for price, volume in levels:
            side.put(level(price, volume))

    def cells(side: BookSide) -> list[tuple[int, int, int, int]]:
        return [
            (each.price_e8, each.price_decimals, each.volume_e8, each.volume_decimals)
            for each in side
        ]

    assert checksum_of(book) == book_checksum(cells(book.bids), cells(book.asks))
