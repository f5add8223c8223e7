"""Can its confidence be believed? Probabilities beside how often the price then rose.

Each recorded ``p_up`` is compared with the quoted mid one horizon later, read from the log again
and not from the engine's own scoring. What did not move says nothing and is left out; so is what
would reach across a gap or a session's start.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cli.curves import decimals_of, numbers

BINS = 20
READS = ("offset", "exchange_ns", "received_ns", "bid", "ask", "cause", "p_up", "p_up_raw")
"""The columns it needs, besides ``kind``."""

_BREAKS = pa.array(["gap", "session_started"])
Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


class Reliability:
    """Counts by probability, in `BINS` equal bins, of the calibrated and the raw probability."""

    def __init__(self, horizon_ns: int) -> None:
        """Judge a horizon after each decision."""
        self._horizon_ns = horizon_ns
        self.counts = np.zeros((2, BINS))
        self.said = np.zeros((2, BINS))
        self.rose = np.zeros((2, BINS))
        self.squares = np.zeros(2)
        """Sum of the squared errors (Brier), calibrated and raw."""
        self._times: Times = np.zeros(0, np.int64)
        self._middles: Floats = np.zeros(0)
        self._asked: Times = np.zeros(0, np.int64)
        self._p: Floats = np.zeros((2, 0))
        self._breaks: Times = np.zeros(0, np.int64)
        self._edges = [-1]  # offsets of breaks, and by how much times behind them are shifted
        self._shifts: list[int | None] = [None]

    def add(self, table: pa.Table) -> None:
        """Add records in the order of the log."""
        kinds, times = table.column("kind"), _times(table)
        start = 0
        for place in np.flatnonzero(pc.is_in(kinds, _BREAKS).to_numpy()).tolist():
            self._take(table.slice(start, place - start), times[start:place])
            self._breaks = np.append(self._breaks, self._times[-1:])
            self._edges.append(table.column("offset")[place].as_py())
            self._shifts.append(None)
            start = place + 1
        self._take(table.slice(start), times[start:])
        decided = pc.equal(kinds, "decision")
        decisions = table.filter(decided)
        # A decision may stand behind a break that its tick stands before.
        parts = np.searchsorted(self._edges, decisions.column("cause").to_numpy()) - 1
        shifts = np.array([shift or 0 for shift in self._shifts], np.int64)
        self._asked = np.append(self._asked, times[decided.to_numpy()] + shifts[parts])
        p = [numbers(decisions.column(name), missing=0.5) for name in ("p_up", "p_up_raw")]
        self._p = np.append(self._p, np.array(p).reshape(2, -1), axis=1)
        self._judge()

    def _take(self, table: pa.Table, times: Times) -> None:
        """Add the quotes between two breaks, at times that go on from those before: behind a break
        even the clock may be another one."""
        quoted = pc.equal(table.column("kind"), "quote")
        quotes, at = table.filter(quoted), times[quoted.to_numpy()]
        if not len(at):
            return
        shift = self._shifts[-1]
        if shift is None:
            shift = int(self._times[-1] - at[0]) + 2 * self._horizon_ns if len(self._times) else 0
            self._shifts[-1] = shift
        middles = (decimals_of(quotes.column("bid")) + decimals_of(quotes.column("ask"))) / 2
        self._times = np.append(self._times, at + shift)
        np.maximum.accumulate(self._times, out=self._times)
        self._middles = np.append(self._middles, middles)

    def _judge(self) -> None:
        """Judge what is old enough, and forget what is no longer needed."""
        if not len(self._times) or not len(self._asked):
            return
        due = self._asked + self._horizon_ns
        ripe = due < self._times[-1]
        asked, due, p = self._asked[ripe], due[ripe], self._p[:, ripe]
        then = np.searchsorted(self._times, asked, "right") - 1
        later = np.searchsorted(self._times, due, "right") - 1
        whole = np.searchsorted(self._breaks, asked) == np.searchsorted(self._breaks, due)
        moved = self._middles[later] - self._middles[np.maximum(then, 0)]
        used = whole & (then >= 0) & (moved != 0)
        rose = (moved[used] > 0).astype(np.float64)
        for row in range(2):
            values = p[row][used]
            bins = np.minimum((values * BINS).astype(np.int64), BINS - 1)
            self.counts[row] += np.bincount(bins, minlength=BINS)
            self.said[row] += np.bincount(bins, values, BINS)
            self.rose[row] += np.bincount(bins, rose, BINS)
            self.squares[row] += float(((values - rose) ** 2).sum())
        self._asked, self._p = self._asked[~ripe], self._p[:, ~ripe]
        oldest = min(self._asked.min(initial=self._times[-1]), self._times[-1])
        first = max(int(np.searchsorted(self._times, oldest, "right")) - 1, 0)
        self._times, self._middles = self._times[first:], self._middles[first:]
        self._breaks = self._breaks[self._breaks >= oldest]

    @property
    def labels(self) -> int:
        """How many probabilities were judged."""
        return int(self.counts[0].sum())

    def calibration_error(self, row: int = 0) -> float | None:
        """Return the mean distance of what was said from what came (ECE); row 1 is the raw one."""
        total = self.counts[row].sum()
        if not total:
            return None
        return float(np.abs(self.said[row] - self.rose[row]).sum() / total)

    def brier(self, row: int = 0) -> float | None:
        """Return the mean squared error; a coin has 0.25."""
        total = self.counts[row].sum()
        return float(self.squares[row] / total) if total else None


def _times(table: pa.Table) -> Times:
    """Return event times: the exchange's, or where it said none, ours."""
    exchange = table.column("exchange_ns")
    filled = pc.if_else(pc.is_valid(exchange), exchange, table.column("received_ns"))
    times: Times = filled.to_numpy()
    return times


def wilson(hits: float, count: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    >>> [round(bound, 3) for bound in wilson(5, 10)]
    [0.237, 0.763]
    """
    if not count:
        return 0.0, 1.0
    z = 1.959964
    share, bottom = hits / count, 1 + z * z / count
    centre = share + z * z / (2 * count)
    half = z * ((share * (1 - share) + z * z / (4 * count)) / count) ** 0.5
    return max(0.0, (centre - half) / bottom), min(1.0, (centre + half) / bottom)
