"""A kept state is asked again what it was asked, and answers the same bits, or is found out."""

import ctypes

import numpy as np
import pytest

from engine import self_check as self_checks
from engine.arithmetic import Tensor, tf
from engine.engine import Engine
from engine.learner import network
from engine.learner.experts import HEADS
from engine.learner.features import COUNT
from engine.learner.memory import VOID
from engine.parameters import Parameters
from engine.self_check import SAMPLES, answers, is_repeated, self_check
from tests.support.markets import SMALL, carry, cut, journal


def learned() -> Engine:
    """Return an engine that has learned for a while."""
    engine = Engine.initial(SMALL)
    carry(engine, cut(journal(900, seed=5), 300))
    return engine


def test_the_same_state_gives_the_same_answers() -> None:
    """What was kept with a state is repeated bit for bit."""
    engine = learned()
    kept = engine.self_check(engine.state())

    assert 0 < len(kept["outcomes"]) <= SAMPLES
    assert kept["logits"].shape == (len(kept["outcomes"]), HEADS)
    assert not np.any(kept["outcomes"] == VOID)
    assert is_repeated(engine.state(), kept, SMALL)


@pytest.mark.parametrize("name", ["learner.weights", "experts.linear_weights"])
def test_one_bit_of_one_weight_is_found_out(name: str) -> None:
    """Weights that are not the kept ones answer otherwise: the blocks', and what they build on."""
    engine = learned()
    state = engine.state()
    kept = engine.self_check(state)
    state[name].view(np.int32)[0] ^= 1 << 20

    assert not is_repeated(state, kept, SMALL)


def test_a_state_without_labels_has_an_empty_rehearsal() -> None:
    """Before the first label there is nothing to ask, and nothing is repeated truly."""
    engine = Engine.initial(SMALL)
    kept = self_check(engine.state(), SMALL)

    assert len(kept["outcomes"]) == 0
    assert is_repeated(engine.state(), kept, SMALL)


def test_fewer_rows_answer_as_they_do_among_many() -> None:
    """How many samples are asked does not change what is said to one."""
    state = learned().state()
    features = self_check(state, SMALL)["features"]

    together = answers(state, features, SMALL)
    alone = answers(state, features[3:4], SMALL)

    assert together[3:4].tobytes() == alone.tobytes()


@pytest.mark.parametrize("block_units", [8, 11, 16])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_the_logits_are_those_of_the_compiled_model(block_units: int, scale: float) -> None:
    """Bit for bit: what earlier versions stored with a state was computed by XLA."""
    parameters, draws = Parameters(block_units=block_units), np.random.default_rng(block_units)
    count = len(network.initial_weights(parameters))
    weights, linear = (
        (draws.normal(size=size) * scale).astype(np.float32) for size in (count, COUNT)
    )
    features = draws.normal(size=(SAMPLES, COUNT)).astype(np.float32)
    features[:, ::7] = 0.0

    def model(weights: Tensor, linear: Tensor, features: Tensor) -> Tensor:
        layers = network.layers(weights, parameters.shape)
        return network.activity(layers, features, tf.linalg.matvec(features, linear)).heads

    theirs = tf.function(model, jit_compile=True, autograph=False)(weights, linear, features)

    state = {"learner.weights": weights, "experts.linear_weights": linear}
    found = answers(state, features, parameters)
    assert found.tobytes() == theirs.numpy().tobytes()


def test_a_product_and_a_sum_are_rounded_once() -> None:
    """As by the C library's own function, also where rounding twice would end elsewhere."""
    library = ctypes.CDLL(None)
    library.fmaf.argtypes, library.fmaf.restype = [ctypes.c_float] * 3, ctypes.c_float
    draws = np.random.default_rng(1)
    count = 20_000
    left, right, sums = (
        draws.integers(1, 1 << 12, count).astype(np.float32)
        * np.exp2(draws.integers(-20, 20, count)).astype(np.float32)
        for _ in range(3)
    )
    sums *= np.where(draws.random(count) < 0.5, -1, 1).astype(np.float32)
    # A half of the last place, and a little more or less: where the two roundings part.
    left[:4], right[:4] = 1 + 2**-12, 1 + 2**-12
    sums[:4] = [2.0**25, -(2.0**25), 2.0**-40, -(2.0**-40)]
    left[4:6], right[4:6], sums[4:6] = 1.0, 1 + 2**-23, [2.0**-60, -(2.0**-60)]
    left[6:8], right[6:8], sums[6:8] = 2**12 + 1, 2**12 + 1, [2.0**-50, -(2.0**-50)]

    found = self_checks._fused(left, right, sums)

    rows = np.stack([left, right, sums], 1).tolist()
    theirs = [library.fmaf(*row) for row in rows]
    assert found.tobytes() == np.array(theirs, np.float32).tobytes()
