"""The table compares on the same rows, and says what it compares."""

import numpy as np
import pytest

from analysis.evaluation.baselines import PERSISTENCE, persistence
from analysis.evaluation.questions import questions
from analysis.evaluation.report import OPTIMUM, report
from engine.market import Market
from feeds.streams import market


def test_rows_stand_on_the_same_labels() -> None:
    made = market("S7", seed=2, ticks=6_000)
    folded = Market.initial()
    rows = np.concatenate([folded.fold(batch) for batch in made.batches()])
    asked = questions(rows, horizon_ms=1_000)
    late = made.p_up.copy()
    late[:3_000] = np.nan
    found = report(
        asked,
        {"ours": np.full(6_000, 0.5), "late": late, PERSISTENCE: persistence(asked)},
        ours="ours",
        persistence=PERSISTENCE,
        horizon_ns=10**9,
        optimum=made.p_up,
        curves_of=("ours",),
        changes=(4_000,),
    )
    named = {row.name: row for row in found.rows}

    assert named[OPTIMUM].skill == pytest.approx(1.0)
    assert named["late"].labels == 2_998
    assert named["ours"].labels == 5_998
    assert named["ours"].worse_than_ours is None
    against = named["late"].worse_than_ours
    assert against is not None
    assert against.high < 0, "it is better than knowing nothing"
    assert found.adapting[0].labels == 500
    assert (found.adapting[0].optimum or 0) > 0.7
    assert found.curves["ours"][-1].end == 1.0
