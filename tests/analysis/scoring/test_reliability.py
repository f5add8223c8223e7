"""Probabilities beside what came."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.scoring.reliability import Reliability
from eventlog.schema import batch_of, decimals
from journal.reading.prices import NEEDS, Prices

SECOND = 10**9


def table(rows: list[tuple[str, int, float]], first: int = 0) -> pa.Table:
    """Return (kind, second, value) rows: a quote's mid, or a decision's probability. A decision's
    tick is the record before it, unless there is a break between."""
    count = len(rows)
    offsets = np.arange(first, first + count)
    quoted = [place for place, row in enumerate(rows) if row[0] == "quote"]
    cause = [first + max((q for q in quoted if rows[q][1] <= row[1]), default=0) for row in rows]
    kinds = [kind for kind, _, _ in rows]
    times = pa.array([second * SECOND for _, second, _ in rows])
    value = np.array([value for _, _, value in rows])
    is_quote = np.array([kind == "quote" for kind in kinds])
    prices = (value * 1e8).astype(np.int64)
    p = pa.array(value.astype(np.float32), mask=np.array([kind != "decision" for kind in kinds]))
    columns = {
        "offset": pa.array(offsets),
        "cause": pa.array(cause, pa.int64(), mask=np.array([k != "decision" for k in kinds])),
        "kind": pa.array(kinds),
        "exchange_ns": times,
        "received_ns": times,
        "bid": decimals(prices - 1, mask=~is_quote),
        "ask": decimals(prices + 1, mask=~is_quote),
        "p_up": p,
        "p_up_raw": p,
    }
    return pa.Table.from_batches([batch_of(columns, count)])


class Judged(Reliability):
    """Reads its prices itself."""

    def __init__(self, horizon_ns: int) -> None:
        super().__init__(horizon_ns)
        self.prices = Prices()

    def read(self, records: pa.Table) -> None:
        self.add(records, self.prices.add(records.select(NEEDS)))


RISES = [
    ("quote", 0, 100.0),
    ("decision", 0, 0.92),
    ("quote", 1, 101.0),
    ("decision", 1, 0.22),
    ("quote", 2, 103.0),
    ("decision", 2, 0.5),
    ("quote", 3, 103.0),
    ("decision", 3, 0.7),
    ("quote", 4, 90.0),
    ("decision", 4, 0.7),
]


def test_each_is_judged_a_horizon_later() -> None:
    """0.92 rose, 0.22 rose, 0.5 did not move and says nothing."""
    judged = Judged(SECOND)
    judged.read(table(RISES))

    assert judged.labels == 2
    assert judged.calibrated.rose.tolist()[18] == 1
    assert judged.calibrated.rose.tolist()[4] == 1
    assert judged.calibrated.brier == pytest.approx((0.08**2 + 0.78**2) / 2, rel=1e-5)
    assert judged.calibrated.error == pytest.approx((0.08 + 0.78) / 2, rel=1e-5)


@pytest.mark.parametrize("cut", range(1, len(RISES)))
def test_however_it_is_cut(cut: int) -> None:
    """What waits is carried from table to table."""
    whole, parts = Judged(SECOND), Judged(SECOND)
    whole.read(table(RISES))
    parts.read(table(RISES).slice(0, cut))
    parts.read(table(RISES).slice(cut))

    assert parts.calibrated.counts.tolist() == whole.calibrated.counts.tolist()
    assert parts.calibrated.squares == whole.calibrated.squares


def test_nothing_is_judged_across_a_gap() -> None:
    """What the price did while nobody looked is no outcome."""
    judged = Judged(2 * SECOND)
    rows = [("quote", 0, 1.0), ("decision", 0, 0.9), ("gap", 1, 0), ("quote", 5, 2.0)]
    judged.read(table([*rows, ("decision", 5, 0.9), ("quote", 9, 3.0), ("decision", 9, 0.9)]))

    assert judged.labels == 0


def test_a_clock_that_goes_back_at_a_session_s_start_confuses_nothing() -> None:
    """What follows is judged by the times that follow, not by those of before."""
    before = [(kind, second + 1_000, value) for kind, second, value in RISES]
    judged, alone = Judged(SECOND), Judged(SECOND)
    judged.read(table([*before, ("session_started", 1_005, 0.0)]))
    judged.read(table(RISES, first=len(before) + 1))
    alone.read(table(RISES))

    assert judged.calibrated.counts.tolist() == (2 * alone.calibrated.counts).tolist()
    assert judged.calibrated.rose.tolist() == (2 * alone.calibrated.rose).tolist()


def test_a_decision_behind_a_break_belongs_before_it() -> None:
    """It was decided on a tick of before, and what comes is not its outcome."""
    judged = Judged(SECOND)
    judged.read(
        table([("quote", 0, 1.0), ("quote", 1, 1.0), ("gap", 9, 0.0), ("decision", 1, 0.9)])
    )
    rows = [("quote", 0, 2.0), ("quote", 1, 2.0), ("quote", 4, 3.0), ("decision", 4, 0.9)]
    judged.read(table(rows, first=4))

    assert judged.labels == 0


def test_what_was_not_decided_on_yet_was_not_scored_either() -> None:
    """A session that was killed between a tick and its decision left one label fewer."""
    judged = Judged(SECOND)
    judged.read(table(RISES[:5]))

    assert judged.labels == 0
    judged.read(table(RISES[5:], first=5))
    assert judged.labels == 2


def test_nothing_judged_has_no_error() -> None:
    """Neither a calibration error nor a score."""
    assert Judged(SECOND).calibrated.error is None
    assert Judged(SECOND).calibrated.brier is None
