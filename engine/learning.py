"""One training step: the loss of a small batch, its gradient, Adam, and the step size.

Adam after Kingma & Ba 2015 (arXiv 1412.6980, algorithm 1) as a pure function on flat vectors; Keras
has no stateless optimizer on the TensorFlow backend. A step whose gradient is not finite is not
taken, so NaN and infinity never reach the weights.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import network
from engine.arithmetic import Tensor, tf
from engine.parameters import Parameters

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-6
GRADIENT_NORM_MAX = 1.0
MOVE_WEIGHT = 0.5
"""Weight of "it moves" beside "it rises" in the loss."""


class LearnerState(NamedTuple):
    """The weights and Adam's moments, each float32[weights], and the number of steps taken."""

    weights: Tensor
    first_moment: Tensor
    second_moment: Tensor
    steps: Tensor  # int64[]


class Batch(NamedTuple):
    """Labelled samples. ``weight`` 0 leaves a row out."""

    features: Tensor  # float32[rows, COUNT]
    moved: Tensor  # float32[rows]: 1 if the mid moved
    rose: Tensor  # float32[rows]: 1 if it rose
    weight: Tensor  # float32[rows]


class Step(NamedTuple):
    """What a training step reports."""

    loss: Tensor  # float32[]
    learning_rate: Tensor  # float32[]; 0 where no step was taken
    trained: Tensor  # int32[]: samples that had weight


def genesis(weights: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    """Return the state before the first step."""
    return {
        "weights": weights,
        "first_moment": np.zeros_like(weights),
        "second_moment": np.zeros_like(weights),
        "steps": np.zeros((), np.int64),
    }


def train(
    state: LearnerState, batch: Batch, model: Any, parameters: Parameters
) -> tuple[LearnerState, Step]:
    """Take one step on a batch; without weight in the batch, or with a gradient that is not
    finite, the state stays as it is.
    """
    with tf.GradientTape() as tape:
        tape.watch(state.weights)
        loss = _loss(network.logits(model, state.weights, batch.features), batch)
    gradient = tape.gradient(loss, state.weights)
    norm = tf.sqrt(tf.reduce_sum(gradient * gradient))
    gradient = gradient * tf.minimum(1.0, GRADIENT_NORM_MAX / (norm + 1e-12))
    usable = tf.math.is_finite(norm) & (tf.reduce_sum(batch.weight) > 0)

    steps = state.steps + 1
    count = tf.cast(steps, tf.float32)
    rate = learning_rate(count, parameters)
    first = BETA_1 * state.first_moment + (1 - BETA_1) * gradient
    second = BETA_2 * state.second_moment + (1 - BETA_2) * gradient * gradient
    scale = tf.sqrt(1 - tf.pow(BETA_2, count)) / (1 - tf.pow(BETA_1, count))
    weights = state.weights - rate * scale * first / (tf.sqrt(second) + EPSILON)
    taken = LearnerState(weights, first, second, steps)
    kept = LearnerState(
        *(tf.where(usable, new, old) for new, old in zip(taken, state, strict=True))
    )
    return kept, Step(
        loss=tf.where(usable, loss, 0.0),
        learning_rate=tf.where(usable, rate, 0.0),
        trained=tf.where(usable, tf.reduce_sum(tf.cast(batch.weight > 0, tf.int32)), 0),
    )


def learning_rate(count: Tensor, parameters: Parameters) -> Tensor:
    """Return the step size of the ``count``-th step: falling as 1/sqrt, down to a floor."""
    decayed = parameters.learning_rate / tf.sqrt(1.0 + count / parameters.learning_rate_decay_steps)
    return tf.maximum(decayed, parameters.learning_rate_floor)


def _loss(logits: Tensor, batch: Batch) -> Tensor:
    """Weighted mean log-loss: of moving on all samples, of rising on those that moved."""
    move = tf.nn.sigmoid_cross_entropy_with_logits(batch.moved, logits[:, network.MOVE])
    rise = tf.nn.sigmoid_cross_entropy_with_logits(batch.rose, logits[:, network.UP])
    losses = (MOVE_WEIGHT * move + batch.moved * rise) * batch.weight
    return tf.reduce_sum(losses) / tf.maximum(tf.reduce_sum(batch.weight), 1.0)
