"""Confidence intervals of means of series whose neighbours resemble each other.

Consecutive values in a market are not independent, so the naive interval is far too narrow. The
method of batch means cuts the series into consecutive blocks, long compared with the memory of the
series, and takes the blocks' means as independent (Conway 1963; Student's t). Nothing is drawn at
random, so the same log gives the same interval.
"""

import numpy as np
import numpy.typing as npt

from analysis.scoring.scores import Interval

BLOCKS = 30
BLOCKS_LEAST = 8
"""With fewer blocks there is no interval."""

# Student's t, two-sided 95 %, by degrees of freedom from 1 on (Fisher & Yates 1963, table III).
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045,
)  # fmt: skip


def blocked(
    sums: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], *, blocks: int = BLOCKS
) -> Interval | None:
    """Return the mean of ``sums`` per ``weights``, both [cells] in order, with its 95 % interval.

    ``None`` if there are too few cells with weight to cut into blocks.
    """
    used = weights > 0
    sums, weights = sums[used], weights[used]
    count = min(blocks, len(sums) // 2)
    if count < BLOCKS_LEAST:
        return None
    # Blocks of equal weight rather than of equal length.
    reached = np.cumsum(weights)
    block = np.minimum((reached - weights / 2) * count // reached[-1], count - 1).astype(np.int64)
    block_weights = np.bincount(block, weights, count)
    full = block_weights > 0
    means = np.bincount(block, sums, count)[full] / block_weights[full]
    if len(means) < BLOCKS_LEAST:
        return None
    mean = float(sums.sum() / weights.sum())
    half = _T[len(means) - 2] * float(means.std(ddof=1)) / len(means) ** 0.5
    return Interval(mean, mean - half, mean + half, len(means))
