"""One training step of the network: the errors of a small batch, their gradient, Adam, the rate.

Adam after Kingma & Ba 2015 (arXiv 1412.6980, algorithm 1), as a pure function on flat vectors,
because Keras has no stateless optimizer on the TensorFlow backend. Each block counts its own steps,
so the bias correction of a block that is added later starts from its own first step. A step whose
gradient is not finite is skipped, so NaN and infinity never reach the weights.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, joined, power, reduced, tf
from engine.learner import features, memory, monitor, network
from engine.learner.experts import HEADS
from engine.learner.features import COUNT, FeatureState
from engine.learner.memory import Batch, MemoryState
from engine.learner.monitor import MonitorState
from engine.parameters import Shape
from engine.settings import Settings

BETA_1, BETA_2, EPSILON = 0.9, 0.99, 1e-5
GRADIENT_NORM_MAX = 1.0
_OVERLAP = 0.75
"""How far overlapping labels repeat each other: fully at 1, not at all at 0."""


class LearnerState(NamedTuple):
    """The blocks' weights and Adam's moments, each float32[weights], and the steps taken."""

    weights: Tensor
    first_moment: Tensor
    second_moment: Tensor
    block_steps: Tensor  # float32[HEADS]
    steps: Tensor  # int64[]


class Step(NamedTuple):
    """The results of a training step."""

    loss: Tensor  # float32[]
    learning_rate: Tensor  # float32[]; 0 where no step was taken
    trained: Tensor  # int32[]: samples that had weight
    skipped: Tensor  # bool[]: there was something to learn, but the gradient was not finite


def initial_state(weights: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    """Return the state before the first step."""
    return {
        "weights": weights,
        "first_moment": np.zeros_like(weights),
        "second_moment": np.zeros_like(weights),
        "block_steps": np.zeros(HEADS, np.float32),
        "steps": np.zeros((), np.int64),
    }


def rate(ring: MemoryState, watch: MonitorState, seen: FeatureState, settings: Settings) -> Tensor:
    """Return the step size, float32[].

    Overlapping labels nearly repeat each other, so the more of them wait, the shorter the step.
    """
    overlapping = tf.cast(tf.maximum(memory.waiting(ring), 1), tf.float32)
    factor = monitor.learning_rate_factor(watch, features.volatility_ratio(seen))
    scaled = settings.learning_rate * power(factor, settings.rate_control)
    return scaled * tf.pow(overlapping, -_OVERLAP)


def train(
    state: LearnerState,
    batch: Batch,
    linear: Tensor,
    learning: Tensor,
    rate: Tensor,
    shape: Shape,
) -> tuple[LearnerState, Step]:
    """Take one step on a batch; without weight in the batch, or with a gradient that is not
    finite, the state stays as it is.

    ``linear`` are the linear expert's weights, float32[COUNT], to which the blocks add;
    ``learning`` float32[HEADS] is 1 for the blocks that learn; ``rate`` float32[] is the step size.
    """
    weights = network.layers(state.weights, shape)
    seen = network.activity(weights, batch.features, tf.linalg.matvec(batch.features, linear))
    total = tf.reduce_sum(batch.weight)
    share = batch.weight / tf.maximum(total, 1e-9)
    rose = batch.rose[:, None]
    # Only block 1 learns from mirrored samples, which assume a symmetric market; later blocks may
    # learn an asymmetry.
    taught = 1.0 - batch.mirrored[:, None] * (1.0 - tf.one_hot(0, HEADS))
    errors = (tf.sigmoid(seen.heads) - rose) * share[:, None] * learning * taught
    losses = tf.math.softplus(tf.where(rose > 0.5, -seen.heads, seen.heads))
    loss = tf.reduce_sum(losses[:, 0] * share)
    parts = network.gradient(weights, batch.features, seen, errors)
    gradient = joined(parts, state.first_moment)
    norm = tf.sqrt(tf.reduce_sum(gradient * gradient))
    gradient = gradient * tf.minimum(1.0, GRADIENT_NORM_MAX / (norm + 1e-12))
    wanted = total > 0.0
    usable = tf.math.is_finite(norm) & wanted

    block_steps = state.block_steps + learning
    counts = tf.maximum(block_steps, 1.0)
    scales = tf.sqrt(1 - tf.pow(BETA_2, counts)) / (1 - tf.pow(BETA_1, counts))
    scale = _per_weight(scales * learning, shape)
    first = BETA_1 * state.first_moment + (1 - BETA_1) * gradient
    second = BETA_2 * state.second_moment + (1 - BETA_2) * gradient * gradient
    stepped = state.weights - rate * scale * first / (tf.sqrt(second) + EPSILON)
    usable = usable & reduced(tf.reduce_all, tf.math.is_finite(stepped))
    taken = LearnerState(stepped, first, second, block_steps, state.steps + 1)
    kept = LearnerState(
        *(tf.where(usable, new, old) for new, old in zip(taken, state, strict=True))
    )
    return kept, Step(
        loss=tf.where(usable, loss, 0.0),
        learning_rate=tf.where(usable, rate, 0.0),
        trained=tf.where(usable, tf.reduce_sum(tf.cast(batch.weight > 0, tf.int32)), 0),
        skipped=wanted & ~usable,
    )


def _per_weight(scales: Tensor, shape: Shape) -> Tensor:
    """Return one number a block, float32[HEADS], for every weight of the flat vector."""
    return tf.gather(scales, tf.constant(_block_of(shape)))


def _block_of(shape: Shape) -> npt.NDArray[np.int32]:
    width = shape.block_units
    parts = [
        np.tile(np.repeat([0, 1], width), COUNT),
        np.repeat([0, 1], width),
        np.full(2 * width * width, 2),
        np.full(width, 2),
        np.repeat([0, 1, 2], width),
    ]
    return np.concatenate(parts).astype(np.int32)
