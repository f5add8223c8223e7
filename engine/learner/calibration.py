"""Online calibration of the mixture: p = sigmoid(f(logit) + offset), f piecewise linear, f(0) = 0.

Platt 1999 fits one slope. One slope does not fit a mixture that is underconfident at small logits
and calibrated at large ones, such as a mixture that has learned an exclusive or. So the slope may
change where the logit passes `BENDS` on either side (linear splines, Lucena 2018,
arXiv:1809.07751). The slopes are learned by a recursive logistic regression
(`engine.learner.experts`) on the parts of the logit between the bends and a constant. Every slope
stays positive, so calibration never changes the order of two probabilities.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.learner import experts

BENDS = (0.5, 1.5)
"""Logits of the probabilities 0.62 and 0.82; mirrored, of 0.38 and 0.18."""

LOW = (0.25, 0.05, 0.05, -1.0)
HIGH = (4.0, 4.0, 4.0, 1.0)
"""Bounds of the three slopes, from the inside out, and of the offset."""

_VARIANCES = (0.04, 0.04, 0.04, 0.0025)
_WANDER = 1e-6


class CalibrationState(NamedTuple):
    """The slopes and the offset, with their covariance."""

    scaling: Tensor  # float32[4]: slopes from the inside out, offset
    covariance: Tensor  # float32[4, 4]


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the scaling that changes nothing."""
    return {
        "scaling": np.array([1.0, 1.0, 1.0, 0.0], np.float32),
        "covariance": np.diag(np.array(_VARIANCES, np.float32)),
    }


def logit(p_up: Tensor) -> Tensor:
    """Return the logit of a probability, float32[], clipped to 1e-6 … 1 - 1e-6."""
    clipped = tf.clip_by_value(p_up, 1e-6, 1.0 - 1e-6)
    return tf.math.log(clipped / (1.0 - clipped))


def parts(p_up: Tensor) -> Tensor:
    """Return the logit's part within the bends, between them and beyond, and a one; float32[4]."""
    whole = logit(p_up)
    inner, outer = (tf.clip_by_value(whole, -bend, bend) for bend in BENDS)
    return tf.stack([inner, outer - inner, whole - outer, tf.constant(1.0)])


def calibrate(state: CalibrationState, p_up: Tensor) -> Tensor:
    """Return the calibrated probability, float32[]."""
    return tf.sigmoid(tf.reduce_sum(state.scaling * parts(p_up)))


def correct(
    state: CalibrationState, p_up: Tensor, rose: Tensor, weight: Tensor
) -> CalibrationState:
    """Learn from one label. ``p_up`` is the mixture's prediction; ``weight`` 0 changes nothing."""
    outcome = tf.cast(rose, tf.float32)
    updated = experts.update(
        experts.Bayes(state.scaling, state.covariance), parts(p_up), outcome, weight, _WANDER
    )
    scaling = tf.clip_by_value(updated.weights, tf.constant(LOW), tf.constant(HIGH))
    return CalibrationState(scaling, updated.covariance)
