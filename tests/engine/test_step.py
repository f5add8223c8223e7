"""The compiled step: its variables, how they are packed, and the order of its stages."""

from dataclasses import replace

import numpy as np
import pytest

from engine import step
from engine.arithmetic import tf
from engine.engine import Engine
from engine.errors import StateMismatch
from engine.executor.executor import Held
from engine.executor.selection import executor_of
from engine.learner import network
from engine.learner.features import COUNT
from engine.market import Market
from engine.settings import settings_of
from engine.state import RINGS, digest
from engine.step import CHUNK_TICKS, NAMES, PACKED, Counts, Measures, initial_state
from tests.support.markets import SMALL, advance, decisions, journal, stream

TICKS = 300


def begun() -> Held:
    """Return the state before the first tick, held."""
    held: Held = executor_of(SMALL.shape).hold(initial_state(SMALL), settings_of(SMALL))
    return held


def ran(variables: Held, size: int) -> list[step.Outcome]:
    """Run a journal through in chunks."""
    rows, stage = Market.initial().fold(journal(TICKS)), executor_of(SMALL.shape)
    return [stage.run(variables, rows[start : start + size]) for start in range(0, len(rows), size)]


def test_names_are_those_of_genesis() -> None:
    """Every array of the state is a variable, in one order; all but the rings are packed."""
    assert set(initial_state(SMALL)) == set(NAMES)
    assert len(set(NAMES)) == len(NAMES)
    assert set(NAMES) - set(PACKED) == set(RINGS)


def test_packing_is_undone_by_unpacking() -> None:
    """Bit for bit, flags and counts and what is no number among them."""
    state = initial_state(SMALL)
    draws = np.random.default_rng(1)
    for name in PACKED:
        array = state[name]
        bits = draws.integers(0, 256, array.nbytes, dtype=np.uint8)
        state[name] = (
            np.ones_like(array) if array.dtype == np.bool_ else bits.view(array.dtype)
        ).reshape(array.shape)

    again = step.unpack(step.pack(state), state)

    assert digest(again) == digest({name: state[name] for name in PACKED})


def test_what_a_call_packs_is_what_it_leaves() -> None:
    """The compiled packing and ours agree."""
    variables = begun()

    packed = ran(variables, TICKS)[-1].packed

    assert packed.tobytes() == step.pack(variables.state()).tobytes()


@pytest.mark.parametrize("size", [1, 50])
def test_the_padding_of_a_chunk_is_not_there(size: int) -> None:
    """Results are as many as ticks, and the same in any cut; nothing behind the count is run."""
    whole, parts = ran(begun(), TICKS)[0], ran(begun(), size)

    assert np.concatenate([part.counts for part in parts]).tobytes() == whole.counts.tobytes()
    assert np.concatenate([part.measures for part in parts]).tobytes() == whole.measures.tobytes()
    assert parts[-1].packed.tobytes() == whole.packed.tobytes()
    assert whole.counts.shape[1] == len(Counts._fields)
    assert whole.measures.shape[1] == len(Measures._fields)


def test_no_ticks_change_nothing() -> None:
    """An empty chunk is a chunk."""
    variables = begun()
    before = digest(variables.state())

    outcome = executor_of(SMALL.shape).run(variables, Market.initial().fold(journal(TICKS))[:0])

    assert len(outcome.counts) == len(outcome.measures) == 0
    assert digest(variables.state()) == before


def test_a_fork_with_other_settings_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes seconds, and most parameters shape nothing."""
    first = Engine.initial(SMALL)
    monkeypatch.setattr(step, "step", None)  # a trace would call it
    other = Engine.initial(replace(SMALL, seed=11, fee_ppm=20, horizon_ms=900, cash=2_000))

    ours, others = (decisions(engine, stream(300)) for engine in (first, other))

    assert executor_of(SMALL.shape) is executor_of(other.parameters.shape)
    assert [each.p_up for each in ours] != [each.p_up for each in others]
    assert ours[0].equity_e8 != others[0].equity_e8


@pytest.mark.parametrize("fault", ["missing", "shape", "type"])
def test_a_state_that_does_not_fit_is_refused(fault: str) -> None:
    """Also if the last array is the wrong one."""
    state, name = initial_state(SMALL), NAMES[-1]
    if fault == "missing":
        del state[name]
    else:
        state[name] = np.zeros(*(((2,), np.int64) if fault == "shape" else ((), np.int8)))

    with pytest.raises(StateMismatch, match=name):
        executor_of(SMALL.shape).hold(state, settings_of(SMALL))


def test_a_tick_is_answered_with_weights_that_were_trained_on_it() -> None:
    """Labels that ripen at a tick are learned before it is answered, so the next one profits.

    The stages' order is a promise: the recorded probabilities follow from the weights after the
    training step, and the fingerprint is theirs.
    """
    engine = Engine.initial(SMALL)
    decisions(engine, stream(900)[:899])
    before = engine.state()
    last = decisions(engine, stream(900)[899:])[0]
    after = engine.state()
    sample = after["memory.samples"][(int(after["memory.head"]) - 1) % SMALL.memory_rows]

    said = []
    for weights in (before["learner.weights"], after["learner.weights"]):
        model = network.model_at({**after, "learner.weights": weights}, SMALL)
        said.append(float(tf.sigmoid(model(sample[None, :COUNT]))[0, 0]))

    assert last.trained > 0
    assert last.p_up_network == pytest.approx(said[1], rel=1e-5)
    assert last.p_up_network != pytest.approx(said[0], rel=1e-5)
    parts = (
        "learner.weights",
        "experts.linear_weights",
        "experts.shares",
        "candidates.slopes",
    )
    weights = np.concatenate([after[name] for name in parts])
    assert last.fingerprint == int(network.fingerprint(tf.constant(weights))) % 2**64


def test_a_chunk_has_a_stated_maximum() -> None:
    """I10."""
    assert CHUNK_TICKS == 1024
    assert len(advance(Engine.initial(SMALL), stream(900))) > 0
