"""The training step: beside Keras' own Adam, and where it must not be taken."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.arithmetic import Tensor, keras, tf
from engine.learner import features, memory, monitor, network, training
from engine.learner.experts import HEADS
from engine.learner.features import COUNT, FeatureState
from engine.learner.memory import Batch, MemoryState
from engine.learner.monitor import MonitorState
from engine.learner.training import BETA_1, BETA_2, EPSILON, GRADIENT_NORM_MAX, LearnerState, Step
from engine.settings import settings_of
from tests.support.markets import SMALL

ROWS = 16
RATE = 0.05
ALL = (1.0, 1.0, 1.0)
LINEAR = (np.random.default_rng(0).normal(size=COUNT) * 0.1).astype(np.float32)


def start() -> LearnerState:
    """Return the learner before its first step."""
    weights = network.flatten(network.build(SMALL))
    return LearnerState(
        **{name: tf.constant(array) for name, array in training.initial_state(weights).items()}
    )


def batch(seed: int, *, scale: float = 1.0) -> Batch:
    """Return samples of which some have little weight and some none."""
    draws = np.random.default_rng(seed)
    return Batch(
        features=tf.constant(draws.normal(size=(ROWS, COUNT)) * scale, tf.float32),
        rose=tf.constant(draws.integers(0, 2, ROWS), tf.float32),
        weight=tf.constant([0.0, 0.1, 1.0, 0.5] * (ROWS // 4), tf.float32),
        mirrored=tf.zeros(ROWS),
    )


def _compiled(
    state: LearnerState, samples: Batch, linear: Tensor, learns: Tensor, rate: Tensor
) -> tuple[LearnerState, Step]:
    """Take one step, compiled as in the engine."""
    return training.train(state, samples, linear, learns, rate, SMALL.shape)


compiled = tf.function(_compiled, jit_compile=True, autograph=False)


def train(
    state: LearnerState,
    samples: Batch,
    *,
    learns: tuple[float, ...] = ALL,
    rate: float = RATE,
    linear: npt.NDArray[np.float32] = LINEAR,
) -> tuple[LearnerState, Step]:
    """Take one step from plain values."""
    result: tuple[LearnerState, Step] = compiled(
        state, samples, tf.constant(linear), tf.constant(learns), tf.constant(rate, tf.float32)
    )
    return result


def same(left: LearnerState, right: LearnerState) -> bool:
    """Say whether two learners agree in every bit."""
    return all(
        mine.numpy().tobytes() == other.numpy().tobytes()
        for mine, other in zip(left, right, strict=True)
    )


def by_block(vector: Any) -> list[npt.NDArray[np.float32]]:
    """Return a flat vector's parts that belong to each block."""
    width = SMALL.block_units
    parts = [part.numpy() for part in network.layers(tf.constant(vector), SMALL.shape)]
    found = []
    for index in range(HEADS):
        own = slice(index * width, (index + 1) * width)
        mine = [parts[2], parts[3]] if index == 2 else [parts[0][:, own], parts[1][own]]
        found.append(np.concatenate([part.ravel() for part in [*mine, parts[4][own]]]))
    return found


def exit_losses(vector: Tensor, samples: Batch) -> Tensor:
    """Return each exit's loss float32[HEADS], in which only its own block is not held."""
    layers, width = network.layers(vector, SMALL.shape), SMALL.block_units
    base = tf.linalg.matvec(samples.features, tf.constant(LINEAR))
    nothing = tf.zeros_like(layers.outputs)
    held = tf.stop_gradient(network.activity(layers, samples.features, base).heads)
    losses = []
    for index in range(HEADS):
        outputs = tf.where(tf.range(HEADS * width) // width == index, layers.outputs, nothing)
        below = [layers.wide, layers.wide_bias]
        if index == 2:
            below = [tf.stop_gradient(part) for part in below]
        part = layers._replace(wide=below[0], wide_bias=below[1], outputs=outputs)
        own = network.activity(part, samples.features, tf.zeros(ROWS)).heads[:, -1]
        logits = held[:, index] + own - tf.stop_gradient(own)
        each = keras.ops.binary_crossentropy(samples.rose, logits, from_logits=True)
        losses.append(tf.reduce_sum(samples.weight * each) / tf.reduce_sum(samples.weight))
    return tf.stack(losses)


@pytest.mark.parametrize("scale", [0.3, 30.0])
def test_a_step_is_that_of_keras(scale: float) -> None:
    """Eight steps beside `keras.optimizers.Adam` on a loss that is written out here.

    Keras adds its epsilon to the root of the second moment before the bias is corrected, as is done
    here. With the larger scale the gradient is longer than its maximum.
    """
    state = start()
    theirs = keras.Variable(state.weights.numpy())
    optimizer = keras.optimizers.Adam(
        learning_rate=RATE,
        beta_1=BETA_1,
        beta_2=BETA_2,
        epsilon=EPSILON,
        global_clipnorm=GRADIENT_NORM_MAX,
    )
    longest = 0.0
    for number in range(1, 9):
        samples = batch(number, scale=scale)
        with tf.GradientTape() as deduplicator:
            vector = tf.identity(theirs.value)
            deduplicator.watch(vector)
            losses = exit_losses(vector, samples)
            loss = tf.reduce_sum(losses)
        gradient = deduplicator.gradient(loss, vector)
        longest = max(longest, float(tf.norm(gradient)))
        optimizer.apply([gradient], [theirs])

        state, step = train(state, samples)

        assert float(step.loss) == pytest.approx(float(losses[0]), rel=1e-3)
        np.testing.assert_allclose(state.weights, theirs.numpy(), rtol=2e-3, atol=2e-4)
    assert int(state.steps) == 8
    assert state.block_steps.numpy().tolist() == [8.0] * HEADS
    assert (longest > GRADIENT_NORM_MAX) == (scale > 1)


def test_the_first_step_is_as_long_as_the_rate() -> None:
    """Adam's first step goes against each gradient's sign, by the learning rate."""
    before = start()

    after, step = train(before, batch(1))

    moved = np.abs((after.weights - before.weights).numpy())
    assert moved.max() == pytest.approx(RATE, rel=1e-2)
    assert float(step.learning_rate) == pytest.approx(RATE)
    assert int(step.trained) == 12
    assert not bool(step.skipped)


def test_training_lowers_the_loss() -> None:
    """On one batch, again and again, of the first exit; and the others do not lose by it."""
    state, samples = start(), batch(3)
    losses = []
    for _ in range(30):
        state, step = train(state, samples)
        losses.append(float(step.loss))

    assert losses[-1] < 0.5 * losses[0]
    at_exits = exit_losses(state.weights, samples).numpy()
    assert (np.diff(at_exits) < 1e-3).all()


def test_a_block_that_does_not_learn_stays_as_it_is() -> None:
    """In every bit, weights and moments; and one that joins later begins as the first did."""
    state = before = start()
    for number in range(5):
        state, _ = train(state, batch(number), learns=(1.0, 0.0, 0.0))

    for name in ("weights", "first_moment", "second_moment"):
        was, now = (by_block(getattr(part, name)) for part in (before, state))
        assert [a.tobytes() == b.tobytes() for a, b in zip(was, now, strict=True)] == [
            False, True, True,
        ]  # fmt: skip
    assert state.block_steps.numpy().tolist() == [5.0, 0.0, 0.0]

    joined, _ = train(state, batch(9), learns=(1.0, 1.0, 0.0))

    moved = [
        float(np.abs(now - was).max())
        for was, now in zip(by_block(state.weights), by_block(joined.weights), strict=True)
    ]
    assert moved[1] == pytest.approx(RATE, rel=1e-2)
    assert moved[2] == 0.0
    assert joined.block_steps.numpy().tolist() == [6.0, 1.0, 0.0]


def nothing(step: Step) -> bool:
    """Say whether a step reports that none was taken."""
    return (float(step.loss), float(step.learning_rate), int(step.trained)) == (0.0, 0.0, 0)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_a_gradient_that_is_no_number_changes_nothing(value: float) -> None:
    """Neither weights nor moments nor the count of steps, in any bit; but it is reported."""
    before, _ = train(start(), batch(1))
    samples = batch(2)
    spoiled = samples.features.numpy()
    spoiled[:, 3] = value  # of so many answers that are sure, some are wrong

    after, step = train(before, samples._replace(features=tf.constant(spoiled)))

    assert same(after, before)
    assert nothing(step)
    assert bool(step.skipped)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_rate_or_a_linear_expert_that_is_no_number_changes_nothing(value: float) -> None:
    """Wherever it comes from, it does not reach the weights."""
    before, _ = train(start(), batch(1))

    for after, step in (
        train(before, batch(2), rate=value),
        train(before, batch(2), linear=np.full(COUNT, value, np.float32)),
    ):
        assert same(after, before)
        assert nothing(step)
        assert bool(step.skipped)


def test_a_batch_without_weight_changes_nothing() -> None:
    """Adam's moments do not fade where there is nothing to learn."""
    before, _ = train(start(), batch(1))

    after, step = train(before, batch(2)._replace(weight=tf.zeros(ROWS)))

    assert same(after, before)
    assert nothing(step)
    assert not bool(step.skipped)


def test_a_row_without_weight_has_no_influence() -> None:
    """Whatever stands in it."""
    before, samples = start(), batch(4)
    other = samples.features.numpy()
    other[0] = 3.0
    assert float(samples.weight[0]) == 0.0

    left, _ = train(before, samples)
    right, _ = train(before, samples._replace(features=tf.constant(other)))

    np.testing.assert_allclose(left.weights, right.weights, rtol=1e-6)


def test_only_the_ratio_of_weights_counts() -> None:
    """The mean is weighted, so twice the weight everywhere is the same step."""
    samples = batch(5)

    left, _ = train(start(), samples)
    right, _ = train(start(), samples._replace(weight=samples.weight * 2.0))

    np.testing.assert_allclose(left.weights, right.weights, rtol=1e-5, atol=1e-7)


def rate_of(waiting: int, *, learning_rate: float = 0.01) -> float:
    """Return the step size before any label, with so many predictions that wait."""
    ring = {name: tf.constant(array) for name, array in memory.initial_state(SMALL.shape).items()}
    watch = {name: tf.constant(array) for name, array in monitor.initial_state().items()}
    seen = {name: tf.constant(array) for name, array in features.initial_state(5).items()}
    ring["head"] = tf.constant(100 + waiting, tf.int64)
    ring["ripe"] = tf.constant(100, tf.int64)
    return float(
        training.rate(
            MemoryState(**ring),
            MonitorState(**watch),
            FeatureState(**seen),
            settings_of(replace(SMALL, learning_rate=learning_rate)),
        )
    )


def test_labels_that_overlap_shorten_the_step() -> None:
    """By the number of predictions that wait, to the power of three quarters."""
    assert rate_of(0) == rate_of(1) == pytest.approx(0.01, rel=1e-2)
    assert rate_of(16) == pytest.approx(rate_of(1) / 8, rel=1e-5)
    rates = [rate_of(count) for count in (1, 2, 5, 100, 10_000)]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == len(rates)
    assert rate_of(7, learning_rate=0.0) == 0.0


def test_a_mirrored_sample_teaches_the_first_block_alone() -> None:
    """What later blocks learn must be of the market as it was."""
    state, samples = start(), batch(3)

    after, _ = train(state, samples._replace(mirrored=tf.ones(ROWS)))

    before, now = (network.layers(each.weights, SMALL.shape) for each in (state, after))
    width = SMALL.block_units
    changed = [
        not np.array_equal(
            *(
                layers.outputs[block * width : (block + 1) * width].numpy()
                for layers in (before, now)
            )
        )
        for block in range(HEADS)
    ]
    assert changed == [True, False, False]
