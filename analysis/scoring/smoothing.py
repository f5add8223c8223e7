"""Running means over the buckets of a journal, their bands, and the filling of their gaps.

All arrays are [buckets]; a mean is of sums divided by weights.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SMOOTHED = 40
"""A running mean is over one in so many of all buckets."""


def smooth(sums: Floats, weights: Floats) -> Floats:
    """Return a running mean over the last fortieth of the buckets; NaN without weight."""
    over = max(len(sums) // _SMOOTHED, 1)
    top, bottom = _window(sums, over), _window(weights, over)
    means: Floats = np.divide(top, bottom, out=np.full(len(sums), np.nan), where=bottom > 0)
    return means


def smoothed(sums: Floats, weights: Floats) -> Floats:
    """Return `smooth` over the buckets that have weight; others repeat the value before them.

    In a small import, some buckets have only ticks and others only effects: a mean over both
    would sometimes be of few labels, and jump.
    """
    used = weights > 0
    means = np.full(len(sums), np.nan)
    means[used] = smooth(sums[used], weights[used])
    return filled(means)


def banded(sums: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return `smoothed`, and half the width of its 95 % band."""
    used = weights > 0
    width = np.full(len(sums), np.nan)
    width[used] = _width(sums[used], weights[used])
    return smoothed(sums, weights), filled(width)


def _width(sums: Floats, weights: Floats) -> Floats:
    """Return the half width of a 95 % band about `smooth`, from how the buckets scatter."""
    over = max(len(sums) // _SMOOTHED, 1)
    means = np.divide(sums, weights, out=np.zeros(len(sums)), where=weights > 0)
    used = (weights > 0).astype(np.float64)
    count = _window(used, over)
    mean = _window(means * used, over) / np.maximum(count, 1)
    spread = _window(means**2 * used, over) / np.maximum(count, 1) - mean**2
    enough = count >= 3
    width: Floats = np.where(
        enough, 1.96 * np.sqrt(np.maximum(spread, 0) / np.maximum(count - 1, 1)), np.nan
    )
    return width


def _window(values: Floats, over: int) -> Floats:
    total: Floats = np.cumsum(values)
    earlier: Floats = np.concatenate([np.zeros(over), total[:-over]])[: len(values)]
    within: Floats = total - earlier
    return within


def filled(values: Floats) -> Floats:
    """Return the values with each gap filled by what was known before it."""
    known = np.isfinite(values)
    newest = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    filled: Floats = np.where(newest >= 0, values[np.maximum(newest, 0)], np.nan)
    return filled
