"""The network's answer, and its slope in each feature, in plain numpy: for reading, not deciding.

It is the model of `engine.learner.network.model_at` without TensorFlow, in float64, so its last
digits may differ from those of a decision. A test compares it with the Keras model's gradient.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.learner import network
from engine.learner.experts import FIRST_HEAD, HEADS
from engine.parameters import Parameters
from engine.state import Arrays

Floats = npt.NDArray[np.float64]


class Slopes(NamedTuple):
    """The answers to n rows of features."""

    logits: Floats  # [n]: of "the mid will be higher, if it moves"
    slopes: Floats  # [n, COUNT]: its derivative in each feature


def slopes(state: Arrays, features: npt.NDArray[np.float32], parameters: Parameters) -> Slopes:
    """Return the answers of a state's network, at the size to which it had grown, and their slopes.

    ``features`` are float32[n, COUNT].
    """
    weights = network.arrays(state["learner.weights"].astype(np.float64), parameters.shape)
    linear = state["experts.linear_weights"].astype(np.float64)
    grown = int(state["experts.active"][FIRST_HEAD : FIRST_HEAD + HEADS].sum())
    used = np.arange(HEADS) < grown
    outputs = np.where(used[:, None], weights.outputs.reshape(HEADS, -1), 0.0)
    to_wide, to_deep = outputs[:-1].ravel(), outputs[-1]
    wide, wide_slope = _rectified(features @ weights.wide + weights.wide_bias)
    deep, deep_slope = _rectified(wide @ weights.deep + weights.deep_bias)
    below = wide_slope * (to_wide + (deep_slope * to_deep) @ weights.deep.T)
    return Slopes(
        logits=features @ linear + wide @ to_wide + deep @ to_deep,
        slopes=linear + below @ weights.wide.T,
    )


def _rectified(values: Floats) -> tuple[Floats, Floats]:
    slope = np.where(values > 0.0, 1.0, network.SLOPE)
    return values * slope, slope
