"""The network: one vector of weights, an untrained answer of one half, and a name for every bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import network
from engine.arithmetic import tf
from engine.features import COUNT
from engine.parameters import Parameters
from tests.markets import SMALL

WEIGHTS = 371


@pytest.mark.parametrize("parameters", [SMALL, Parameters(hidden_layers=3, hidden_units=5)])
def test_the_vector_holds_all_weights(parameters: Parameters) -> None:
    """Taken apart and put together again it is the same model."""
    model, other = network.build(parameters), network.build(parameters)
    vector = np.arange(network.flatten(model).size, dtype=np.float32) / np.float32(7)

    network.unflatten(other, vector)

    assert network.flatten(other).tobytes() == vector.tobytes()
    assert vector.size == sum(int(np.prod(v.shape)) for v in model.trainable_variables)


@pytest.mark.parametrize("parameters", [SMALL, Parameters(hidden_layers=3, hidden_units=5)])
def test_a_vector_s_logits_are_the_model_s(parameters: Parameters) -> None:
    """What the compiled step computes from the vector is what the exported model says."""
    model, draws = network.build(parameters), np.random.default_rng(1)
    vector = draws.normal(size=network.flatten(model).size).astype(np.float32)
    features = draws.normal(size=(9, COUNT)).astype(np.float32)

    found = network.logits(model, tf.constant(vector), tf.constant(features))

    network.unflatten(model, vector)
    np.testing.assert_allclose(found, model(features), rtol=1e-5, atol=1e-5)
    assert found.shape == (9, network.HEADS)


def test_an_untrained_network_says_one_half() -> None:
    """To both questions, whatever it sees, for any seed."""
    for seed in (0, 1, 99):
        model = network.build(replace(SMALL, seed=seed))

        answer = model(np.full((1, COUNT), 3.0, np.float32)).numpy()

        assert answer.tolist() == [[0.0, 0.0]]


def test_the_first_weights_follow_from_the_seed() -> None:
    """The same for the same seed; layers of one network differ."""
    deep = replace(SMALL, hidden_layers=3)
    first, same = (network.flatten(network.build(deep)) for _ in range(2))
    other = network.flatten(network.build(replace(deep, seed=8)))
    kernels = [w for w in network.build(deep).get_weights() if w.shape == (8, 8)]

    assert first.tobytes() == same.tobytes() != other.tobytes()
    assert (kernels[0] != kernels[1]).any()


@settings(deadline=None)
@given(
    position=st.integers(0, WEIGHTS - 1),
    bit=st.integers(0, 31),
    seed=st.integers(0, 5),
)
def test_every_bit_of_every_weight_changes_the_fingerprint(
    position: int, bit: int, seed: int
) -> None:
    """Also a sign of zero, and also in a number that is none."""
    vector = np.random.default_rng(seed).normal(size=WEIGHTS).astype(np.float32)
    vector[::5] = 0
    vector[1] = np.nan
    hurt = vector.copy()
    hurt.view(np.uint32)[position] ^= np.uint32(1 << bit)

    before, after = (int(network.fingerprint(tf.constant(v))) for v in (vector, hurt))

    assert before != after


def test_places_count_in_the_fingerprint() -> None:
    """The same weights in another order have another name."""
    vector = np.arange(WEIGHTS, dtype=np.float32)
    names = {int(network.fingerprint(tf.constant(np.roll(vector, n)))) for n in range(WEIGHTS)}

    assert len(names) == WEIGHTS


def test_the_fingerprint_is_a_sum_modulo_two_to_the_64() -> None:
    """By Python's integers: bits as signed 32-bit numbers, times odd multiples of a constant."""
    vector = np.random.default_rng(2).normal(size=WEIGHTS).astype(np.float32)
    bits = vector.view(np.int32).tolist()
    factors = [rank * 0x9E3779B97F4A7C15 % 2**64 | 1 for rank in range(1, WEIGHTS + 1)]
    expected = sum(b * f for b, f in zip(bits, factors, strict=True)) % 2**64

    assert int(network.fingerprint(tf.constant(vector))) % 2**64 == expected
