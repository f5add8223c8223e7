"""Deltas: the state before and the change give the state after, bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import delta
from engine.engine import Engine
from engine.state import cursors, digest
from tests.support.markets import SMALL, journal
from tests.support.walker import ARCHIVED, Walker
from tests.support.walker import ROWS as PREDICTIONS

ROWS = (PREDICTIONS, ARCHIVED)
OURS = (SMALL.memory_rows, SMALL.archive_rows)


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(0, 10**6))
def test_changes_add_up(steps: list[int], seed: int) -> None:
    """From change to change, also past the ring's end and for no tick at all."""
    walker = Walker(seed=seed)
    kept, small = walker.state(), delta.small(walker)
    for ticks in steps:
        change, small = delta.encode(small, walker.walk(ticks), rows=ROWS)
        before = digest(kept)
        after = delta.copied(kept)

        delta.add(after, change)

        assert digest(after) == digest(walker.state())
        assert digest(kept) == before
        kept = after


@pytest.mark.parametrize("size", [1, 37, 300])
def test_an_engine_s_changes_add_up(size: int) -> None:
    """A real engine, while its ring wraps around three times."""
    engine, total = Engine.initial(SMALL), 900 if size > 1 else 320
    kept, small = delta.copied(engine.state()), delta.small(engine)
    for start in range(0, total, size):
        engine.advance(journal(900).slice(start, min(size, total - start)))
        change, small = delta.encode(small, engine, rows=OURS)
        delta.add(kept, change)

    assert digest(kept) == engine.digest
    assert cursors(kept)[0] > SMALL.memory_rows
    assert np.count_nonzero(kept["memory.archive"].any(axis=1)) >= (size > 1) * 40


def test_a_change_is_small() -> None:
    """What one tick leaves as it was is not there, and of the ring only what it touched."""
    engine = Engine.initial(SMALL)
    engine.advance(journal(900).slice(0, 800))
    small = delta.small(engine)
    whole = sum(array.nbytes for array in engine.state().values())

    engine.advance(journal(900).slice(800, 1))
    change, _ = delta.encode(small, engine, rows=OURS)

    assert len(change) < whole
    assert np.count_nonzero(np.frombuffer(change, np.uint8)) < 12_000


def test_a_change_of_another_state_is_refused() -> None:
    """It says where it begins and where it ends."""
    walker = Walker()
    start, small = delta.copied(walker.state()), delta.small(walker.walk(3))
    before = digest(start)
    change, _ = delta.encode(small, walker.walk(3), rows=ROWS)

    with pytest.raises(ValueError, match="the change begins at"):
        delta.add(start, change)

    assert digest(start) == before


@pytest.mark.parametrize("size", [-1, 1])
def test_a_change_of_another_length_is_refused(size: int) -> None:
    """One byte too few or too many."""
    walker = Walker()
    start = delta.copied(walker.state())
    change, _ = delta.encode(delta.small(walker), walker.walk(3), rows=ROWS)

    with pytest.raises(ValueError, match=r"the change has \d+ bytes"):
        delta.add(start, change[:size] if size < 0 else change + b"\0")
