"""What was asked, tick by tick, what the answers turned out to be, and when that was known.

The labels are read here from the market's rows and not taken from the engine, so that both can be
compared: a label is the mid in force at the end of the horizon against the mid now. It is known at
the first tick *after* that moment, and void across a break or where no mid was in force.
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
    """Which tick of all it was made at."""

    time_ns: Int64s
    known_at: Int64s
    """The first prediction that may make use of its label: their number, if none."""

    moved: Flags
    """Whether there is a label, and it is not flat: these are scored."""

    rose: Flags
    imbalance: Floats
    """Of the volumes at the touch, -1 to 1; 0 where there is no book."""

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
    # Time only falls at a break, across which nothing is labelled: there it may as well stand.
    passed_ns = np.maximum(np.diff(rows[:, Column.TIME_NS], prepend=rows[:1, Column.TIME_NS]), 0)
    time_ns = np.cumsum(passed_ns) + (rows[0, Column.TIME_NS] if len(rows) else 0)
    sum_e8 = np.where(valid, rows[:, Column.BID_E8] + rows[:, Column.ASK_E8], 0)
    tick = np.flatnonzero(valid)
    known = np.searchsorted(time_ns, time_ns[tick] + horizon_ns, side="right")
    is_known = known < len(rows)
    stretch = np.cumsum(breaks)
    behind = np.minimum(known, len(rows) - 1)
    then_e8 = sum_e8[behind - 1]
    labelled = is_known & (stretch[behind] == stretch[tick]) & (then_e8 > 0)
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
    places = [FIRST_LEVEL + LEVELS * part for part in range(4)]
    bid, bid_volume, ask, ask_volume = (rows[:, place].astype(np.float64) for place in places)
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
    for kept, news in zip(decay.tolist(), flow.tolist(), strict=True):
        total = total * kept + news
        decayed.append(total)
    return np.array(decayed)
