"""What a page of the past is, and that venues fulfil the Protocol."""

from feeds.btcmarkets.history import MarketHistory
from feeds.history import History, HistoryPage
from feeds.venue import VENUES, venue


def test_a_page_says_nothing_of_an_end_until_it_is_the_last() -> None:
    assert HistoryPage(records=(), until_ns=1).stopped == ""


def test_a_venue_with_lengths_of_candles_keeps_a_history() -> None:
    for name in VENUES:
        place = venue(name)
        kept: History | None = place.history("http://127.0.0.1:9/v3", "BTC-AUD")
        assert (kept is not None) == bool(place.facts.candle_lengths_ns)
        if isinstance(kept, MarketHistory):
            assert kept.source == "http://127.0.0.1:9/v3"
