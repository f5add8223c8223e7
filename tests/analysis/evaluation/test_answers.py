"""What is read of the engine is what it said, whatever else is asked of it."""

import numpy as np

from analysis.evaluation.answers import OURS, SnapshotRequest, answers, frozen
from analysis.evaluation.questions import questions
from feeds.streams import market
from tests.support.recorded import PARAMETERS

TICKS = 3_000


def nobody(count: int) -> None:
    """Watch no progress."""


def test_the_engine_scores_the_labels_that_are_asked_for() -> None:
    """The labels read from the rows, and the forecasts, are the engine's own; so is one vector."""
    made = market("S8", seed=1, ticks=TICKS)
    said = answers(PARAMETERS, made.batches(), advance=nobody)
    asked = questions(said.rows, horizon_ms=PARAMETERS.horizon_ms)
    p_up = said.forecasts[OURS][asked.tick]
    hits = ((p_up >= 0.5) == asked.rose)[asked.moved]

    assert said.scored == asked.moved.sum() > 2_900
    assert said.hits == hits.sum()
    assert len(said.features) == len(asked.tick)
    assert np.isfinite(said.features).all()


def test_a_frozen_copy_begins_where_the_snapshot_is() -> None:
    made = market("S1", seed=1, ticks=TICKS)
    snapshot = SnapshotRequest(1_500)
    whole = answers(PARAMETERS, made.batches(), advance=nobody, snapshot=snapshot)
    assert snapshot.state is not None
    assert snapshot.after_ticks == 1_536
    rest = answers(
        PARAMETERS,
        made.batches(),
        advance=nobody,
        state=snapshot.state,
        skip_ticks=snapshot.after_ticks,
    )
    still = answers(
        frozen(PARAMETERS),
        made.batches(),
        advance=nobody,
        state=snapshot.state,
        skip_ticks=snapshot.after_ticks,
    )

    assert (rest.forecasts[OURS] == whole.forecasts[OURS][1_536:]).all(), "the same engine goes on"
    assert abs(still.forecasts[OURS][0] - rest.forecasts[OURS][0]) < 0.01
    assert (still.forecasts[OURS] != rest.forecasts[OURS]).any()
