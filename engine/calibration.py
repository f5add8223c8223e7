"""Online Platt scaling: p = sigmoid(slope · logit + offset), corrected by each label that ripens.

Platt 1999, fitted by stochastic gradient on the log-loss. The slope starts at one and stays within
bounds, so the calibrated probability never reverses what the network says.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf

RATE = 0.002
SLOPE_MIN, SLOPE_MAX, OFFSET_MAX = 0.05, 4.0, 2.0


class CalibrationState(NamedTuple):
    """The two numbers of the scaling, float32 scalars."""

    slope: Tensor
    offset: Tensor


def genesis() -> dict[str, npt.NDArray[Any]]:
    """Return the scaling that changes nothing."""
    return {"slope": np.ones((), np.float32), "offset": np.zeros((), np.float32)}


def calibrate(state: CalibrationState, logit: Tensor) -> Tensor:
    """Return the calibrated probability of a logit, float32[]."""
    return tf.sigmoid(state.slope * logit + state.offset)


def correct(
    state: CalibrationState, logit: Tensor, rose: Tensor, scored: Tensor
) -> CalibrationState:
    """Move the scaling down the gradient of one label's log-loss; only where ``scored``."""
    error = tf.where(scored, calibrate(state, logit) - rose, 0.0)
    slope = state.slope - RATE * error * tf.clip_by_value(logit, -4.0, 4.0)
    offset = state.offset - RATE * error
    return CalibrationState(
        slope=tf.clip_by_value(slope, SLOPE_MIN, SLOPE_MAX),
        offset=tf.clip_by_value(offset, -OFFSET_MAX, OFFSET_MAX),
    )
