"""Online calibration of the mixture: p = sigmoid(f(logit) + offset), f a bent line through zero.

Platt 1999 fits one slope. That does not do for a mixture that is too timid where it is unsure and
right where it is sure, as one that has found an exclusive or is; so the slope may change where the
logit passes `BENDS` on either side (linear splines, Lucena 2018, arXiv:1809.07751). It is learned
as a recursive logistic regression (`engine.learner.experts`) on the parts of the logit between the
bends and a one. Every slope stays above nothing, so a higher probability never becomes a lower one.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.learner import experts

BENDS = (0.5, 1.5)
"""Logits: probabilities of 0.62 and 0.82, and of 0.38 and 0.18."""

LOW = (0.25, 0.05, 0.05, -1.0)
HIGH = (4.0, 4.0, 4.0, 1.0)
"""Bounds of the slopes, from the inside out, and of the offset."""

_VARIANCES = (0.04, 0.04, 0.04, 0.0025)
_WANDER = 1e-6


class CalibrationState(NamedTuple):
    """The slopes and the offset, and how uncertain they are."""

    scaling: Tensor  # float32[4]: slopes from the inside out, offset
    covariance: Tensor  # float32[4, 4]


def initial_state() -> dict[str, npt.NDArray[Any]]:
    """Return the scaling that changes nothing."""
    return {
        "scaling": np.array([1.0, 1.0, 1.0, 0.0], np.float32),
        "covariance": np.diag(np.array(_VARIANCES, np.float32)),
    }


def logit(p_up: Tensor) -> Tensor:
    """Return the logit of a probability, held within what an expert may say."""
    said = tf.clip_by_value(p_up, 1e-6, 1.0 - 1e-6)
    return tf.math.log(said / (1.0 - said))


def parts(p_up: Tensor) -> Tensor:
    """Return what of the logit lies within the bends, between them and beyond, and a one."""
    whole = logit(p_up)
    inner, outer = (tf.clip_by_value(whole, -bend, bend) for bend in BENDS)
    return tf.stack([inner, outer - inner, whole - outer, tf.constant(1.0)])


def calibrate(state: CalibrationState, p_up: Tensor) -> Tensor:
    """Return the calibrated probability, float32[]."""
    return tf.sigmoid(tf.reduce_sum(state.scaling * parts(p_up)))


def correct(
    state: CalibrationState, p_up: Tensor, rose: Tensor, weight: Tensor
) -> CalibrationState:
    """Learn from one label; ``p_up`` is what the mixture said, ``weight`` 0 changes nothing."""
    outcome = tf.cast(rose, tf.float32)
    updated = experts.update(
        experts.Bayes(state.scaling, state.covariance), parts(p_up), outcome, weight, _WANDER
    )
    scaling = tf.clip_by_value(updated.weights, tf.constant(LOW), tf.constant(HIGH))
    return CalibrationState(scaling, updated.covariance)
