"""The step as TensorFlow runs it: variables that are read once and assigned once."""

import numpy as np

from engine.executor.golden import probe_rows
from engine.executor.tensorflow import CompiledStep, Variables
from engine.settings import settings_of
from engine.state import RINGS, digest
from engine.step import NAMES, initial_state, pack
from tests.support.markets import SMALL


def test_variables_hold_what_they_were_given() -> None:
    state = initial_state(SMALL)
    held = Variables(state, settings_of(SMALL))
    places = np.array([0, 5], np.int64)

    assert digest(held.state()) == digest({name: state[name] for name in NAMES})
    for name in RINGS:
        assert held.ring_rows(name, places).tobytes() == state[name][places].tobytes()


def test_states_take_turns_on_one_step() -> None:
    """Each goes on where it was, whatever the other did meanwhile."""
    step, settings = CompiledStep(SMALL.shape), settings_of(SMALL)
    one, other = (step.hold(initial_state(SMALL), settings) for _ in range(2))
    rows = probe_rows(200)

    whole = step.run(one, rows)
    first = step.run(other, rows[:90])
    step.run(one, rows[:0])
    rest = step.run(other, rows[90:])

    assert np.concatenate([first.counts, rest.counts]).tobytes() == whole.counts.tobytes()
    assert rest.packed.tobytes() == pack(one.state()).tobytes()
