"""The training step: beside Keras' own Adam, and where it must not be taken."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from engine import learning, network
from engine.arithmetic import keras, tf
from engine.features import COUNT
from engine.learning import BETA_1, BETA_2, EPSILON, GRADIENT_NORM_MAX, Batch, LearnerState, Step
from engine.parameters import Parameters
from tests.markets import SMALL

PARAMETERS = replace(SMALL, learning_rate=0.05, learning_rate_floor=0.0, hidden_layers=2)
ROWS = 16


def start(weights: npt.NDArray[np.float32]) -> LearnerState:
    """Return the learner before its first step."""
    return LearnerState(
        **{name: tf.constant(array) for name, array in learning.genesis(weights).items()}
    )


def batch(seed: int, *, scale: float = 1.0) -> Batch:
    """Return samples of which some do not move and some have no weight."""
    draws = np.random.default_rng(seed)
    moved = draws.integers(0, 2, ROWS)
    rose = moved * draws.integers(0, 2, ROWS)
    weight = np.arange(ROWS) % 4 > 0
    return Batch(
        features=tf.constant(draws.normal(size=(ROWS, COUNT)) * scale, tf.float32),
        moved=tf.constant(moved, tf.float32),
        rose=tf.constant(rose, tf.float32),
        weight=tf.constant(weight, tf.float32),
    )


def same(left: LearnerState, right: LearnerState) -> bool:
    """Say whether two learners agree in every bit."""
    return all(
        mine.numpy().tobytes() == other.numpy().tobytes()
        for mine, other in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("scale", [0.3, 30.0])
def test_a_step_is_that_of_keras(scale: float) -> None:
    """Eight steps beside `keras.optimizers.Adam` on the same model and a loss written out here.

    Keras adds its epsilon to the root of the second moment before the bias is corrected, as is done
    here. With the larger scale the gradient is longer than its maximum.
    """
    mine, theirs = network.build(PARAMETERS), network.build(PARAMETERS)
    optimizer = keras.optimizers.Adam(
        beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON, global_clipnorm=GRADIENT_NORM_MAX
    )
    state = start(network.flatten(mine))
    longest = 0.0
    for number in range(1, 9):
        samples = batch(number, scale=scale)
        with tf.GradientTape() as tape:
            logits = theirs(samples.features)
            move = keras.ops.binary_crossentropy(
                samples.moved, logits[:, network.MOVE], from_logits=True
            )
            rise = keras.ops.binary_crossentropy(
                samples.rose, logits[:, network.UP], from_logits=True
            )
            each = samples.weight * (0.5 * move + samples.moved * rise)
            loss = tf.reduce_sum(each) / tf.reduce_sum(samples.weight)
        gradients = tape.gradient(loss, theirs.trainable_variables)
        longest = max(longest, float(tf.linalg.global_norm(gradients)))
        optimizer.learning_rate = 0.05 / math.sqrt(1 + number / 20_000)
        optimizer.apply(gradients, theirs.trainable_variables)

        state, step = learning.train(state, samples, mine, PARAMETERS)

        assert float(step.loss) == pytest.approx(float(loss), rel=1e-4)
        np.testing.assert_allclose(
            state.weights.numpy(), network.flatten(theirs), rtol=2e-3, atol=2e-4
        )
    assert int(state.steps) == 8
    assert (longest > GRADIENT_NORM_MAX) == (scale > 1)


def test_the_first_step_is_as_long_as_the_rate() -> None:
    """Adam's first step goes against each gradient's sign, by the learning rate."""
    model = network.build(PARAMETERS)
    before = start(network.flatten(model))

    after, step = learning.train(before, batch(1), model, PARAMETERS)

    moved = np.abs((after.weights - before.weights).numpy())
    assert moved.max() == pytest.approx(float(step.learning_rate), rel=1e-2)
    assert int(step.trained) == 12


def test_training_lowers_the_loss() -> None:
    """On one batch, again and again."""
    model = network.build(PARAMETERS)
    state, samples = start(network.flatten(model)), batch(3)
    losses = []
    for _ in range(30):
        state, step = learning.train(state, samples, model, PARAMETERS)
        losses.append(float(step.loss))

    assert losses[-1] < 0.5 * losses[0]


def nothing(step: Step) -> bool:
    """Say whether a step reports that none was taken."""
    return (float(step.loss), float(step.learning_rate), int(step.trained)) == (0.0, 0.0, 0)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_a_gradient_that_is_no_number_changes_nothing(value: float) -> None:
    """Neither weights nor moments nor the count of steps, in any bit."""
    model = network.build(PARAMETERS)
    before, _ = learning.train(start(network.flatten(model)), batch(1), model, PARAMETERS)
    samples = batch(2)
    spoiled = samples.features.numpy()
    spoiled[:, 3] = value  # of so many answers that are sure, some are wrong

    after, step = learning.train(
        before, samples._replace(features=tf.constant(spoiled)), model, PARAMETERS
    )

    assert same(after, before)
    assert nothing(step)


def test_a_batch_without_weight_changes_nothing() -> None:
    """Adam's moments do not fade where there is nothing to learn."""
    model = network.build(PARAMETERS)
    before, _ = learning.train(start(network.flatten(model)), batch(1), model, PARAMETERS)

    after, step = learning.train(
        before, batch(2)._replace(weight=tf.zeros(ROWS)), model, PARAMETERS
    )

    assert same(after, before)
    assert nothing(step)


def test_a_row_without_weight_has_no_influence() -> None:
    """Whatever stands in it."""
    model = network.build(PARAMETERS)
    before, samples = start(network.flatten(model)), batch(4)
    other = samples.features.numpy()
    other[0] = 3.0
    assert float(samples.weight[0]) == 0.0

    left, _ = learning.train(before, samples, model, PARAMETERS)
    right, _ = learning.train(
        before, samples._replace(features=tf.constant(other)), model, PARAMETERS
    )

    np.testing.assert_allclose(left.weights.numpy(), right.weights.numpy(), rtol=1e-6)


def test_the_step_size_falls_to_its_floor() -> None:
    """It begins near its start, has fallen by the root of two at its steps, and never below."""
    parameters = Parameters(
        learning_rate=0.01, learning_rate_floor=0.002, learning_rate_decay_steps=100
    )
    counts = [0, 1, 50, 100, 1_000, 10_000, 10**9]
    rates = [float(learning.learning_rate(tf.constant(float(n)), parameters)) for n in counts]

    assert rates[0] == pytest.approx(0.01)
    assert rates[3] == pytest.approx(0.01 / math.sqrt(2))
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.002)
