"""Labels against a simple reading of the rows, one by one."""

import numpy as np
import pytest

from analysis.evaluation.questions import questions
from engine.market import Column, Market, Rows
from eventlog.schema import encode
from feeds.streams import market
from tests.support.markets import SMALL, stream


def rows_of(seed: int, count: int = 800) -> Rows:
    return Market.initial().fold(encode(stream(count, seed=seed), first_offset=0))


@pytest.mark.parametrize("seed", range(6))
def test_labels_are_those_of_a_simple_reading(seed: int) -> None:
    """The first tick behind the horizon tells the mid in force before it; a break voids."""
    rows = rows_of(seed)
    asked = questions(rows, horizon_ms=SMALL.horizon_ms)
    horizon_ns = SMALL.horizon_ms * 10**6

    assert asked.tick.tolist() == np.flatnonzero(rows[:, Column.VALID]).tolist()
    for place, tick in enumerate(asked.tick.tolist()):
        moved = rose = False
        known = len(rows)
        for later in range(tick + 1, len(rows)):
            if rows[later, Column.BREAK]:
                break
            if rows[later, Column.TIME_NS] - rows[tick, Column.TIME_NS] > horizon_ns:
                known = later
                if rows[later - 1, Column.VALID]:
                    gain = sum(
                        int(rows[later - 1, part] - rows[tick, part])
                        for part in (Column.BID_E8, Column.ASK_E8)
                    )
                    moved, rose = gain != 0, gain > 0
                break
        assert bool(asked.moved[place]) == moved
        if moved:
            assert bool(asked.rose[place]) == rose
            assert asked.known_at[place] == np.searchsorted(asked.tick, known)


def test_a_label_matures_after_its_horizon_and_not_before() -> None:
    made = market("S1", seed=1, ticks=50)
    folded = Market.initial()
    rows = np.concatenate([folded.fold(batch) for batch in made.batches()])
    asked = questions(rows, horizon_ms=1_000)

    assert asked.known_at[:48].tolist() == list(range(2, 50))
    assert asked.matured().tolist() == [0, 0, *range(1, 49)]
    assert asked.moved.tolist() == [True] * 48 + [False] * 2
    assert np.allclose(asked.imbalance, made.imbalance[:, 0], atol=1e-7)
