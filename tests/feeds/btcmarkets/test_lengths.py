"""The lengths of candles by the exchange's names."""

from feeds.btcmarkets.lengths import LENGTHS_NS, WINDOW_ROWS


def test_their_names_are_those_that_are_in_use() -> None:
    assert list(LENGTHS_NS) == ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "3h", "4h", "6h", "1d"]
    assert LENGTHS_NS["1m"] == 60 * 10**9
    assert LENGTHS_NS["1d"] == 1440 * LENGTHS_NS["1m"]


def test_a_window_with_the_row_at_its_end_is_one_call() -> None:
    assert WINDOW_ROWS + 1 == 1_000
