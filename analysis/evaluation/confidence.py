"""A confidence sequence of how much one forecaster is better than another.

It is valid at all times at once: one may look at it while the stream goes on, and stop whenever one
likes, without invalidating it. It is the asymptotic confidence sequence of Waudby-Smith et
al. (arXiv 2103.06476, theorem 2.2) in the manner of Choe & Ramdas (arXiv 2110.00115), who compare
forecasters by the differences of their scores: their empirical-Bernstein bound needs the range of a
difference, which for log-losses is so wide that a stream of some hundred horizons says nothing.

Labels that overlap are not independent. Differences are summed over blocks of at least a horizon,
and as a label may reach into the next block, the covariance of neighbouring blocks counts too.
"""

import math

import numpy as np
import numpy.typing as npt

from analysis.scoring.scores import Interval

ALPHA = 0.05
_BEST_BLOCKS = 500
"""Blocks after which the sequence is narrowest, relative to what is possible."""

_LEAST_BLOCKS = 20


def interval(
    differences: npt.NDArray[np.float64],
    time_ns: npt.NDArray[np.int64],
    *,
    block_ns: int,
    alpha: float = ALPHA,
) -> Interval | None:
    """Return the confidence sequence's last interval for the mean of differences.

    Args:
        differences: of scores or gains, in order of time, [values].
        time_ns: when the prediction of each was made, [values].
        block_ns: the length of a block, at least the horizon.
        alpha: one minus the coverage.

    Returns:
        The interval in the unit of the differences; ``None`` if there are too few blocks.
    """
    if not len(differences):
        return None
    # Only blocks in which something was scored: there may be long times without a tick.
    _, block = np.unique((time_ns - time_ns[0]) // block_ns, return_inverse=True)
    sums = np.bincount(block, weights=differences)
    count = len(sums)
    if count < _LEAST_BLOCKS:
        return None
    mean = float(np.mean(differences))
    scaled = sums * count / len(differences)  # their mean is that of the differences
    rest = scaled - mean * np.bincount(block) * count / len(differences)
    variance = float(np.mean(rest**2))
    variance += max(2 * float(np.mean(rest[1:] * rest[:-1])), 0.0)
    half = math.sqrt(variance) * _width(count, alpha)
    return Interval(mean, mean - half, mean + half, count)


def _width(count: int, alpha: float) -> float:
    """Return half the interval's width in standard deviations of a block.

    >>> round(_width(500, 0.05) * math.sqrt(500), 2)
    3.04
    """
    spread = -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))
    scale = count * spread / _BEST_BLOCKS + 1  # t rho² + 1
    rho2 = spread / _BEST_BLOCKS
    return math.sqrt(2 * scale / (count**2 * rho2) * math.log(math.sqrt(scale) / alpha))
