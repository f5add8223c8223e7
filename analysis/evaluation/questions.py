"""The predictions that are to be made, their labels, and when each label is known.

The labels are computed here from the market's rows and not taken from the engine, so that the two
can be compared. A label says whether the mid in force at the end of the horizon is above the mid at
the prediction. It is known at the first tick *after* that moment; it is void across a break, and
where no mid was in force.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.market import FIRST_LEVEL, LEVELS, Column, Rows

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Questions(NamedTuple):
    """One row a prediction, in order."""

    tick: Int64s
    """The index of its tick among all ticks."""

    time_ns: Int64s
    known_at: Int64s
    """The index of the first prediction that may use its label; their number if none may."""

    moved: Flags
    """Whether it has a label and the mid moved: only these are scored."""

    rose: Flags
    imbalance: Floats
    """(bid - ask) / (bid + ask) of the volumes at the touch, -1 to 1; 0 where there is no book."""

    order_flow: Floats
    """Order-flow imbalance at the touch, decayed over a horizon (Cont et al. 2014, equation 4)."""

    def matured(self) -> Int64s:
        """Return for each prediction how many labels of earlier ones were known."""
        return np.searchsorted(self.known_at, np.arange(len(self.tick)), side="right")


def questions(rows: Rows, *, horizon_ms: int) -> Questions:
    """Return the questions of a market's rows, one for each tick with a valid mid."""
    horizon_ns = horizon_ms * 1_000_000
    valid = rows[:, Column.VALID] != 0
    breaks = rows[:, Column.BREAK] != 0
    # Time runs backwards only at a break. No label reaches across it, so time may stand still.
    passed_ns = np.maximum(np.diff(rows[:, Column.TIME_NS], prepend=rows[:1, Column.TIME_NS]), 0)
    time_ns = np.cumsum(passed_ns) + (rows[0, Column.TIME_NS] if len(rows) else 0)
    sum_e8 = np.where(valid, rows[:, Column.BID_E8] + rows[:, Column.ASK_E8], 0)
    tick = np.flatnonzero(valid)
    known = np.searchsorted(time_ns, time_ns[tick] + horizon_ns, side="right")
    is_known = known < len(rows)
    part = np.cumsum(breaks)
    due = np.minimum(known, len(rows) - 1)
    then_e8 = sum_e8[due - 1]
    labelled = is_known & (part[due] == part[tick]) & (then_e8 > 0)
    return Questions(
        tick=tick,
        time_ns=time_ns[tick],
        known_at=np.searchsorted(tick, known),
        moved=labelled & (then_e8 != sum_e8[tick]),
        rose=then_e8 > sum_e8[tick],
        imbalance=_imbalance(rows)[tick],
        order_flow=_order_flow(rows, time_ns, horizon_ns)[tick],
    )


def _imbalance(rows: Rows) -> Floats:
    bid, ask = rows[:, FIRST_LEVEL + LEVELS], rows[:, FIRST_LEVEL + 3 * LEVELS]
    share: Floats = (bid - ask) / np.maximum(bid + ask, 1)
    return share


def _order_flow(rows: Rows, time_ns: Int64s, horizon_ns: int) -> Floats:
    columns = [FIRST_LEVEL + LEVELS * part for part in range(4)]
    bid, bid_volume, ask, ask_volume = (rows[:, column].astype(np.float64) for column in columns)
    flow = np.zeros(len(rows))
    flow[1:] = (
        np.where(bid[1:] >= bid[:-1], bid_volume[1:], 0)
        - np.where(bid[1:] <= bid[:-1], bid_volume[:-1], 0)
        - np.where(ask[1:] <= ask[:-1], ask_volume[1:], 0)
        + np.where(ask[1:] >= ask[:-1], ask_volume[:-1], 0)
    )
    flow[(bid == 0) | (ask == 0) | (rows[:, Column.BREAK] != 0)] = 0
    decay = np.exp(-np.diff(time_ns, prepend=time_ns[:1]) / horizon_ns)
    total, decayed = 0.0, []
    for factor, change in zip(decay.tolist(), flow.tolist(), strict=True):
        total = total * factor + change
        decayed.append(total)
    return np.array(decayed)
