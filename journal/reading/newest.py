"""Where the newest records of some kinds begin: searched from the end of a log, in growing steps.

Only the column of kinds is read, one step at a time. So the time grows with how far back the
records are, and the memory is bounded by one step.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from eventlog.fastpath import compute
from eventlog.log import Log
from eventlog.reader import Reader

_FIRST_STEP = 4_096
_LAST_STEP = 1 << 20
"""The steps grow, since reading a few records of a sealed segment checks the whole file."""


def start_of(
    log: Log | Reader,
    count: int,
    *,
    kinds: Sequence[str] | None = None,
    end: int | None = None,
    least: int = 0,
) -> int:
    """Return the offset of the first of the newest ``count`` records of some kinds before ``end``.

    If there are fewer, it is ``least``, the lowest offset searched; if ``count`` is 0, ``end``.
    """
    stop = log.end if end is None else min(end, log.end)
    if not kinds:
        return max(least, stop - count)
    wanted, step, left = pa.array(kinds), _FIRST_STEP, count
    while stop > least and left:
        start = max(least, stop - step)
        found = [
            compute.where(batch, compute.is_in(batch.column("kind"), wanted)).column("offset")
            for batch in log.read(start, stop, columns=("offset", "kind"))
        ]
        offsets = np.concatenate([each.to_numpy() for each in found] or [np.empty(0, np.int64)])
        if len(offsets) >= left:
            return int(offsets[-left])
        left -= len(offsets)
        stop, step = start, min(step * 4, _LAST_STEP)
    return stop
