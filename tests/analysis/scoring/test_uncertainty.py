"""How sure a mean is."""

import numpy as np
import pytest

from analysis.scoring.uncertainty import blocked


def test_a_series_without_memory_covers_as_it_says() -> None:
    """Of many series of mean zero, about one in twenty is said to differ from it."""
    rng = np.random.default_rng(1)
    said = [blocked(rng.normal(0, 1, 600), np.ones(600)) for _ in range(400)]

    wrong = sum(each is not None and each.verdict != "unclear" for each in said)
    assert 8 <= wrong <= 36


def test_a_series_with_memory_is_not_overrated() -> None:
    """Neighbours that resemble each other: the naive interval is wrong, ours is not."""
    rng = np.random.default_rng(2)
    wrong = naive = 0
    for _ in range(200):
        noise = rng.normal(0, 1, 3_000)
        series = np.empty(3_000)
        series[0] = noise[0]
        for place in range(1, 3_000):
            series[place] = 0.9 * series[place - 1] + noise[place]
        interval = blocked(series, np.ones(3_000))
        assert interval is not None
        wrong += interval.verdict != "unclear"
        naive += abs(series.mean()) > 1.96 * series.std() / 3_000**0.5
    assert naive > 80
    assert wrong < 30


def test_weights_count() -> None:
    """The mean is of the weight, and cells without weight say nothing."""
    sums, weights = np.array([3.0, 0.0] * 40), np.array([2.0, 0.0] * 40)
    interval = blocked(sums, weights)

    assert interval is not None
    assert interval.mean == pytest.approx(1.5)
    assert interval.low == pytest.approx(interval.high)


@pytest.mark.parametrize("count", [0, 1, 15])
def test_too_little_says_nothing(count: int) -> None:
    """No interval is made up."""
    assert blocked(np.ones(count), np.ones(count)) is None
