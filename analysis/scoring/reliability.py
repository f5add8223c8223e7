"""Reliability of the recorded probabilities, compared with how often the price then rose.

Each recorded ``p_up`` is compared with the mid one horizon later, read from the market's records
(`journal.reading.prices`) and not from the engine's own scoring; the rule is the engine's
(`engine.learner.labels`), so it finds the same number of labels. Labels whose mid did not move are
left out, as are those that would reach across a gap, a session's start, or an invalid market.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.scoring.scores import Calibration
from journal.reading.columns import numbers
from journal.reading.prices import Priced

READS = ("cause", "p_up", "p_up_raw")
"""The columns it needs, besides ``kind`` and those of prices."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

_NOTHING = Calibration.of(np.zeros(0), np.zeros(0, np.bool_))


class Reliability:
    """The calibrated and the raw probability of a rise, compared with the labels."""

    def __init__(self, horizon_ns: int) -> None:
        """Compare each decision with the mid one horizon, in ns, after it."""
        self._horizon_ns = horizon_ns
        self.calibrated = self.raw = _NOTHING
        # Of ticks that are still needed, the oldest first:
        self._offsets: Int64s = np.zeros(0, np.int64)
        self._times_ns: Int64s = np.zeros(0, np.int64)
        self._parts: Int64s = np.zeros(0, np.int64)  # rises at every break
        self._sums_e8: Int64s = np.zeros(0, np.int64)
        self._p: Floats = np.zeros((2, 0))  # NaN while nothing was decided
        self._decided = -1  # the last tick with a decision
        self._part = 0
        self._shift_ns = 0

    def add(self, table: pa.Table, priced: Priced) -> None:
        """Add records in the order of the log, and the ticks among them."""
        if len(priced.offsets):
            self._take(priced)
        decisions = table.filter(pc.equal(table.column("kind"), "decision"))
        if not decisions.num_rows:
            return
        causes = decisions.column("cause").to_numpy()
        places = np.searchsorted(self._offsets, causes)
        known = places < len(self._offsets)
        known[known] &= self._offsets[places[known]] == causes[known]
        for row, name in enumerate(("p_up", "p_up_raw")):
            self._p[row, places[known]] = numbers(decisions.column(name), missing=np.nan)[known]
        self._decided = max(self._decided, int(causes[-1]))
        self._judge()

    def _take(self, priced: Priced) -> None:
        """Add ticks, with times that increase from part to part: after a break, even the clock may
        be another one."""
        parts = self._part + np.cumsum(priced.breaks)
        times_ns = priced.times_ns.copy()
        firsts = np.flatnonzero(np.diff(parts, prepend=self._part))
        bounds = [0, *firsts.tolist(), len(parts)]
        last_ns = int(self._times_ns[-1]) if len(self._times_ns) else 0
        for number, (start, end) in enumerate(pairwise(bounds)):
            if number:
                self._shift_ns = last_ns + 2 * self._horizon_ns - int(times_ns[start])
            times_ns[start:end] += self._shift_ns
            last_ns = int(times_ns[end - 1]) if end > start else last_ns
        self._part = int(parts[-1])
        self._offsets = np.append(self._offsets, priced.offsets)
        self._p = np.append(self._p, np.full((2, len(times_ns)), np.nan), axis=1)
        self._times_ns = np.append(self._times_ns, times_ns)
        self._parts = np.append(self._parts, parts)
        self._sums_e8 = np.append(self._sums_e8, priced.sums_e8)

    def _judge(self) -> None:
        """Compare the decisions that are a horizon old, and forget the ticks no longer needed."""
        # A label that is due at a tick without a decision yet was not scored by the engine either.
        count = int(np.searchsorted(self._offsets, self._decided, "right"))
        times_ns, parts = self._times_ns[:count], self._parts[:count]
        asked = np.arange(count)
        due = np.searchsorted(times_ns, times_ns[asked] + self._horizon_ns, "right")
        asked, due = asked[due < count], due[due < count]
        if not len(asked):
            return
        before, then = self._sums_e8[asked], self._sums_e8[due - 1]
        whole = (parts[asked] == parts[due]) & (before > 0) & (then > 0)
        used = whole & (then != before) & np.isfinite(self._p[:, asked]).all(axis=0)
        calibrated, raw = self._p[:, asked[used]]
        rose: Flags = (then > before)[used]
        self.calibrated += Calibration.of(calibrated, rose)
        self.raw += Calibration.of(raw, rose)
        gone = int(asked[-1]) + 1
        self._offsets, self._times_ns = self._offsets[gone:], self._times_ns[gone:]
        self._parts, self._sums_e8 = self._parts[gone:], self._sums_e8[gone:]
        self._p = self._p[:, gone:]

    @property
    def labels(self) -> int:
        """How many probabilities were compared with a label."""
        return self.calibrated.labels
