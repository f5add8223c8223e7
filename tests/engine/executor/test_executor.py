"""What goes into a call of the step and comes out of it, and states that fit it."""

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import StateMismatch
from engine.executor.executor import check_state, like, signature
from engine.state import RINGS
from engine.step import CHUNK_TICKS, NAMES, initial_state
from tests.support.markets import SMALL


def test_states_of_a_shape_are_alike() -> None:
    check_state(initial_state(replace(SMALL, seed=9, cash=7_000)), like(SMALL.shape))
    assert set(like(SMALL.shape)) == set(NAMES)


@pytest.mark.parametrize("name", ["memory.samples", "learner.weights", NAMES[-1]])
def test_another_shape_or_type_is_refused(name: str) -> None:
    for wrong in (np.zeros((1, 2, 3), np.float32), initial_state(SMALL)[name].astype(np.int8)):
        with pytest.raises(StateMismatch, match=name):
            check_state({**initial_state(SMALL), name: wrong}, like(SMALL.shape))
    rest = {key: array for key, array in initial_state(SMALL).items() if key != name}
    with pytest.raises(StateMismatch, match=f"no {name}"):
        check_state(rest, like(SMALL.shape))


def test_the_state_goes_in_and_comes_out_as_it_is() -> None:
    inputs, outputs = signature(SMALL.shape)
    held = tuple(each for each in inputs if each[0] in (*RINGS, "small"))

    assert outputs[-len(held) :] == held
    assert inputs[0][0] == "rows"
    assert inputs[0][2][0] == CHUNK_TICKS
    assert len({name for name, _, _ in inputs}) == len(inputs)
