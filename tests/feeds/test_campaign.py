"""The short form of the fault campaign: a few seeds of it."""

import pytest

from tests.feeds.campaign import run


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_nothing_is_lost_without_a_word(seed: int) -> None:
    """Every trade once or in a gap, the exchange's book where it is valid, every byte in order."""
    outcome = run(seed, ticks=600)

    assert outcome.wrong == []
    assert outcome.counts["sessions"] == 3
    assert outcome.counts["backfilled"] > 0
    assert outcome.counts["books compared"] > 0
