"""The network: one vector of weights, blocks that build on each other, and a name for every bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arithmetic import Tensor, tf
from engine.learner import experts, network
from engine.learner.experts import FIRST_HEAD, HEADS
from engine.learner.features import COUNT
from engine.learner.network import SLOPE, Layers
from engine.parameters import Parameters
from tests.support.markets import SMALL

WEIGHTS = 371
OTHER = Parameters(block_units=11, seed=3)


def size(parameters: Parameters) -> int:
    """Return how many weights the blocks have."""
    return network.count(parameters.shape)


def random_weights(parameters: Parameters, seed: int = 1) -> npt.NDArray[np.float32]:
    """Return a vector of weights, none of which is zero."""
    draws = np.random.default_rng(seed)
    return (draws.normal(size=size(parameters)) * 0.3).astype(np.float32)


def inputs(rows: int, seed: int = 2) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return features and a linear expert's weights."""
    draws = np.random.default_rng(seed)
    features = draws.normal(size=(rows, COUNT)).astype(np.float32)
    return features, (draws.normal(size=COUNT) * 0.2).astype(np.float32)


def state_of(
    vector: npt.NDArray[np.float32], linear: npt.NDArray[np.float32], grown: int
) -> dict[str, npt.NDArray[Any]]:
    """Return what a model is made of."""
    active = experts.initial_state()["active"].copy()
    active[FIRST_HEAD : FIRST_HEAD + HEADS] = np.arange(HEADS) < grown
    return {
        "learner.weights": vector,
        "experts.linear_weights": linear,
        "experts.active": active,
    }


@pytest.mark.parametrize("parameters", [SMALL, OTHER])
def test_the_vector_holds_all_weights_of_the_blocks(parameters: Parameters) -> None:
    """In the order of `Layers`; what is left is the linear expert."""
    model = network.build(parameters)
    vector = network.flatten(model)

    parts = network.layers(tf.constant(vector), parameters.shape)

    assert vector.size == size(parameters) == model.count_params() - COUNT
    wide, deep = model.get_layer("wide").get_weights(), model.get_layer("deep").get_weights()
    for mine, theirs in zip(parts[:4], [*wide, *deep], strict=True):
        assert mine.numpy().tobytes() == theirs.tobytes()
    assert tuple(tuple(part.shape) for part in parts) == network.shapes(parameters.shape)


@pytest.mark.parametrize("grown", range(1, HEADS + 1))
def test_a_state_s_exits_are_the_model_s(grown: int) -> None:
    """What the compiled step computes from the vector is what the exported model says."""
    for parameters in (SMALL, OTHER):
        vector = random_weights(parameters)
        features, linear = inputs(9)
        weights = network.layers(tf.constant(vector), parameters.shape)
        base = tf.linalg.matvec(tf.constant(features), tf.constant(linear))

        model = network.model_at(state_of(vector, linear, grown), parameters)

        found = network.activity(weights, tf.constant(features), base).heads
        np.testing.assert_allclose(model(features)[:, 0], found[:, grown - 1], atol=1e-5)
        one = network.heads(
            tf.constant(vector), tf.constant(features[4]), tf.constant(linear), parameters.shape
        )
        np.testing.assert_allclose(one, found[4], atol=1e-5)
        assert model.output_shape == (None, 1)


def test_the_model_says_all_exits() -> None:
    """The linear expert first, then the network's, each the one before and a block more."""
    model, draws = network.build(SMALL), np.random.default_rng(5)
    model.set_weights([draws.normal(size=w.shape) * 0.3 for w in model.get_weights()])
    features, _ = inputs(7)
    linear = model.get_layer("linear").get_weights()[0][:, 0]

    said = model(features).numpy()

    weights = network.layers(tf.constant(network.flatten(model)), SMALL.shape)
    seen = network.activity(weights, tf.constant(features), tf.constant(features @ linear))
    np.testing.assert_allclose(said[:, 0], features @ linear, atol=1e-5)
    np.testing.assert_allclose(said[:, 1:], seen.heads, atol=1e-5)


def test_exits_by_plain_arithmetic() -> None:
    """Two layers with a leaky rectifier; exit k sums the blocks 1 … k on top of the base."""
    width = SMALL.block_units
    features, linear = inputs(5)
    vector = tf.constant(random_weights(SMALL))
    parts = [part.numpy() for part in network.layers(vector, SMALL.shape)]

    seen = network.activity(
        Layers(*map(tf.constant, parts)), tf.constant(features), tf.constant(features @ linear)
    )

    def leaky(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.where(values > 0, values, np.float32(SLOPE) * values)

    wide = leaky(features @ parts[0] + parts[1])
    deep = leaky(wide @ parts[2] + parts[3])
    units = np.concatenate([wide, deep], 1)
    logit = features @ linear
    for index in range(HEADS):
        block = slice(index * width, (index + 1) * width)
        logit = logit + units[:, block] @ parts[4][block]
        np.testing.assert_allclose(seen.heads[:, index], logit, atol=1e-4)
    np.testing.assert_allclose(seen.units, units, atol=1e-5)


def test_an_untrained_network_says_what_the_linear_expert_says() -> None:
    """Every exit, whatever it sees, for any seed, in every bit."""
    features, linear = inputs(1)
    for seed in (0, 1, 99):
        vector = network.flatten(network.build(replace(SMALL, seed=seed)))

        said = network.heads(
            tf.constant(vector), tf.constant(features[0]), tf.constant(linear), SMALL.shape
        ).numpy()

        expected = tf.reduce_sum(tf.constant(features[0] * linear)).numpy()
        assert said.tolist() == [expected] * HEADS


def test_the_first_weights_follow_from_the_seed() -> None:
    """The same for the same seed; blocks of one network differ."""
    first, same = (network.flatten(network.build(SMALL)) for _ in range(2))
    other = network.flatten(network.build(replace(SMALL, seed=8)))
    wide = network.layers(tf.constant(first), SMALL.shape).wide.numpy()

    assert first.tobytes() == same.tobytes() != other.tobytes()
    assert (wide[:, : SMALL.block_units] != wide[:, SMALL.block_units :]).all()


def boosted(layers: Layers, features: Tensor, base: Tensor, errors: Tensor) -> Tensor:
    """Return a loss whose slope at each exit is ``errors``, each block's input taken as given."""
    width = layers.outputs.shape[0] // HEADS
    nothing = tf.zeros_like(layers.outputs)
    loss = tf.constant(0.0)
    for index in range(HEADS):
        own = tf.range(HEADS * width) // width == index
        outputs = tf.where(own, layers.outputs, nothing)
        below = [tf.stop_gradient(layers.wide), tf.stop_gradient(layers.wide_bias)]
        first = below if index == HEADS - 1 else [layers.wide, layers.wide_bias]
        part = layers._replace(wide=first[0], wide_bias=first[1], outputs=outputs)
        head_of = network.activity(part, features, tf.stop_gradient(base)).heads[:, -1]
        loss = loss + tf.reduce_sum(errors[:, index] * head_of)
    return loss


@pytest.mark.parametrize("parameters", [SMALL, OTHER])
def test_the_gradient_is_that_of_automatic_differentiation(parameters: Parameters) -> None:
    """With what stands below a block held: TensorFlow's own derivative through `activity`."""
    features, linear = inputs(6)
    base = tf.constant(features @ linear)
    errors = tf.constant(np.random.default_rng(4).normal(size=(6, HEADS)), tf.float32)
    vector = tf.constant(random_weights(parameters))
    with tf.GradientTape() as deduplicator:
        deduplicator.watch(vector)
        weights = network.layers(vector, parameters.shape)
        loss = boosted(weights, tf.constant(features), base, errors)
    expected = deduplicator.gradient(loss, vector)
    weights = network.layers(vector, parameters.shape)
    seen = network.activity(weights, tf.constant(features), base)

    found = tf.concat(network.gradient(weights, tf.constant(features), seen, errors), 0)

    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert float(tf.reduce_min(tf.abs(expected))) > 0


@pytest.mark.parametrize("head_index", range(HEADS))
def test_an_exit_s_error_moves_its_own_block_alone(head_index: int) -> None:
    """A block that joins later never moves those before it."""
    width = SMALL.block_units
    features, linear = inputs(6)
    weights = network.layers(tf.constant(random_weights(SMALL)), SMALL.shape)
    seen = network.activity(weights, tf.constant(features), tf.constant(features @ linear))
    errors = np.zeros((6, HEADS), np.float32)
    errors[:, head_index] = 1.0

    found = tf.concat(
        network.gradient(weights, tf.constant(features), seen, tf.constant(errors)), 0
    )

    parts = [part.numpy() != 0 for part in network.layers(found, SMALL.shape)]
    of_wide = np.repeat([head_index == 0, head_index == 1], width)
    assert (parts[0] == of_wide).all()
    assert (parts[1] == of_wide).all()
    assert (parts[2] == (head_index == 2)).all()
    assert (parts[3] == (head_index == 2)).all()
    assert (parts[4] == np.repeat(np.arange(HEADS) == head_index, width)).all()


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
