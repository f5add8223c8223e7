"""Running means, their bands, and holes."""

import numpy as np
import pytest

from analysis.scoring.smoothing import banded, filled, smooth, smoothed

HOLES = np.array([np.nan, 1.0, np.nan, np.nan, 3.0])


def test_what_was_known_goes_on() -> None:
    """Before anything was known there is nothing."""
    assert np.array_equal(filled(HOLES), [np.nan, 1.0, 1.0, 1.0, 3.0], equal_nan=True)


def test_a_mean_runs_over_a_fortieth_of_the_buckets() -> None:
    """Two of eighty: each is the mean of itself and the one before, by weight."""
    sums, weights = np.arange(80.0), np.ones(80)
    weights[:2] = 0

    found = smooth(sums, weights)

    assert np.isnan(found[:2]).all()
    assert found[2] == 3.0  # what was summed before it had no weight
    assert found[3:].tolist() == [(n + n - 1) / 2 for n in range(3, 80)]


def test_a_band_is_as_wide_as_the_buckets_scatter() -> None:
    """Equal ones have none; and it goes on where nothing is known."""
    ones = np.ones(400)
    mean, width = banded(ones, ones)
    assert mean.tolist() == ones.tolist()
    assert width[10:] == pytest.approx(np.zeros(390))
    tossed = np.tile([0.0, 2.0], 200)

    mean, width = banded(tossed, ones)

    assert mean[20:] == pytest.approx(np.ones(380))
    assert (width[20:] > 0.3).all()


def test_buckets_without_weight_do_not_thin_a_mean() -> None:
    """It is what it would be if they were not there, and goes on through them."""
    full = np.tile([0.0, 2.0], 200)
    sums, weights = np.zeros(800), np.zeros(800)
    places = np.flatnonzero(np.arange(800) // 100 % 2 == 0)
    sums[places], weights[places] = full, 1.0

    mean, width = banded(sums, weights)

    assert mean[places].tolist() == smooth(full, np.ones(400)).tolist()
    assert smoothed(sums, weights)[150] == mean[99]
    assert width[places][20:] == pytest.approx(banded(full, np.ones(400))[1][20:])
