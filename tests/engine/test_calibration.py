"""Calibration: it begins as nothing, learns from labels, and never turns an answer around."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import calibration
from engine.arithmetic import tf
from engine.calibration import OFFSET_MAX, RATE, SLOPE_MAX, SLOPE_MIN, CalibrationState


def genesis() -> CalibrationState:
    """Return the scaling at the start, as tensors."""
    return CalibrationState(
        **{name: tf.constant(array) for name, array in calibration.genesis().items()}
    )


def corrected(
    state: CalibrationState, logit: float, *, rose: bool, scored: bool = True
) -> CalibrationState:
    """Return the scaling after one label."""
    return calibration.correct(
        state, tf.constant(logit), tf.constant(float(rose)), tf.constant(scored)
    )


@pytest.mark.parametrize("logit", [-3.0, 0.0, 0.5])
def test_it_begins_as_nothing(logit: float) -> None:
    """The first answers are the network's own."""
    probability = float(calibration.calibrate(genesis(), tf.constant(logit)))

    assert probability == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-6)


def test_one_label_by_hand() -> None:
    """The gradient of the log-loss: error * logit for the slope, error for the offset."""
    error = 1 / (1 + math.exp(-2.0)) - 0.0

    after = corrected(genesis(), 2.0, rose=False)

    assert float(after.slope) == pytest.approx(1 - RATE * error * 2.0, rel=1e-6)
    assert float(after.offset) == pytest.approx(-RATE * error, rel=1e-6)


def test_only_scored_labels_count() -> None:
    """A label that did not move, or is not there, changes nothing."""
    after = corrected(genesis(), 2.0, rose=True, scored=False)

    assert (float(after.slope), float(after.offset)) == (1.0, 0.0)


def test_it_finds_a_bias() -> None:
    """Where everything rises, the probability of a rise goes up whatever the network says."""
    state = genesis()
    for _ in range(300):
        state = corrected(state, 0.0, rose=True)

    assert float(calibration.calibrate(state, tf.constant(0.0))) > 0.55


@pytest.mark.parametrize(
    ("slope", "logit", "rose", "bound"),
    [(SLOPE_MAX, 0.5, True, SLOPE_MAX), (SLOPE_MIN, 4.0, False, SLOPE_MIN)],
)
def test_a_slope_stops_at_its_bound(slope: float, logit: float, rose: bool, bound: float) -> None:
    """However many labels say the same."""
    state = CalibrationState(tf.constant(slope), tf.constant(0.0))

    assert float(corrected(state, logit, rose=rose).slope) == pytest.approx(bound, rel=1e-7)


def test_an_offset_stops_at_its_bound() -> None:
    """On either side."""
    for sign in (-1.0, 1.0):
        state = CalibrationState(tf.constant(1.0), tf.constant(sign * OFFSET_MAX))

        after = corrected(state, -sign * OFFSET_MAX, rose=sign > 0)

        assert float(after.offset) == sign * OFFSET_MAX


@settings(max_examples=60, deadline=None)
@given(
    slope=st.floats(0.0625, SLOPE_MAX, width=32),
    offset=st.floats(-2.0, 2.0, width=32),
    logit=st.floats(-(2.0**100), 2.0**100, width=32),
    rose=st.booleans(),
)
def test_it_stays_within_its_bounds(slope: float, offset: float, logit: float, rose: bool) -> None:
    """The slope stays above nothing, so a higher logit is never a lower probability."""
    state = CalibrationState(tf.constant(slope), tf.constant(offset))

    after = corrected(state, logit, rose=rose)

    assert np.float32(SLOPE_MIN) <= after.slope.numpy() <= SLOPE_MAX
    assert abs(float(after.offset)) <= OFFSET_MAX
    low, high = (calibration.calibrate(after, tf.constant(x)) for x in (-1.0, 1.0))
    assert float(low) < float(high)
