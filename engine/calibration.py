"""Online Platt scaling: p = sigmoid(slope · logit + offset), corrected by each label that ripens.

Platt 1999, as a recursive logistic regression (`engine.experts`) on the logit and a one. The slope
stays within bounds, so the calibrated probability never reverses what the mixture says.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import experts
from engine.arithmetic import Tensor, tf

SLOPE_MIN, SLOPE_MAX, OFFSET_MAX = 0.25, 4.0, 1.0
_VARIANCES = (0.01, 0.0025)
_WANDER = 1e-7


class CalibrationState(NamedTuple):
    """The scaling, and how uncertain it is."""

    scaling: Tensor  # float32[2]: slope, offset
    covariance: Tensor  # float32[2, 2]


def genesis() -> dict[str, npt.NDArray[Any]]:
    """Return the scaling that changes nothing."""
    return {
        "scaling": np.array([1.0, 0.0], np.float32),
        "covariance": np.diag(np.array(_VARIANCES, np.float32)),
    }


def logit(p_up: Tensor) -> Tensor:
    """Return the logit of a probability, held within what an expert may say."""
    said = tf.clip_by_value(p_up, 1e-6, 1.0 - 1e-6)
    return tf.math.log(said / (1.0 - said))


def calibrate(state: CalibrationState, p_up: Tensor) -> Tensor:
    """Return the calibrated probability, float32[]."""
    return tf.sigmoid(state.scaling[0] * logit(p_up) + state.scaling[1])


def correct(
    state: CalibrationState, p_up: Tensor, rose: Tensor, weight: Tensor
) -> CalibrationState:
    """Learn from one label; ``p_up`` is what the mixture said, ``weight`` 0 changes nothing."""
    inputs = tf.stack([logit(p_up), tf.constant(1.0)])
    outcome = tf.cast(rose, tf.float32)
    updated = experts.update(
        experts.Bayes(state.scaling, state.covariance), inputs, outcome, weight, _WANDER
    )
    low, high = tf.constant([SLOPE_MIN, -OFFSET_MAX]), tf.constant([SLOPE_MAX, OFFSET_MAX])
    return CalibrationState(tf.clip_by_value(updated.weights, low, high), updated.covariance)
