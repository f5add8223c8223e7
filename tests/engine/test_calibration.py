"""Calibration: it begins as nothing, learns from labels, and never turns an answer around."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import calibration
from engine.arithmetic import Tensor, tf
from engine.calibration import OFFSET_MAX, SLOPE_MAX, SLOPE_MIN, CalibrationState


def genesis() -> CalibrationState:
    """Return the scaling at the start, as tensors."""
    return CalibrationState(
        **{name: tf.constant(array) for name, array in calibration.genesis().items()}
    )


def scaled(slope: float, offset: float) -> CalibrationState:
    """Return this scaling, as uncertain as at the start."""
    return genesis()._replace(scaling=tf.constant([slope, offset], tf.float32))


def corrected(
    state: CalibrationState, p_up: float, *, rose: bool, weight: float = 1.0
) -> CalibrationState:
    """Return the scaling after one label."""
    return calibration.correct(
        state, tf.constant(p_up), tf.constant(rose), tf.constant(weight, tf.float32)
    )


def said(state: CalibrationState, p_up: float) -> float:
    """Return the calibrated probability."""
    return float(calibration.calibrate(state, tf.constant(p_up, tf.float32)))


@pytest.mark.parametrize("p_up", [0.05, 0.5, 0.62])
def test_it_begins_as_nothing(p_up: float) -> None:
    """The first answers are the mixture's own."""
    assert said(genesis(), p_up) == pytest.approx(p_up, rel=1e-5)


@pytest.mark.parametrize("p_up", [0.0, 1.0])
def test_a_certainty_has_a_logit(p_up: float) -> None:
    """Of a certain probability too something finite is said, and learned."""
    assert math.isfinite(float(calibration.logit(tf.constant(p_up))))
    after = corrected(genesis(), p_up, rose=p_up == 0.0)

    assert np.isfinite(after.scaling.numpy()).all()
    assert 0 < said(after, p_up) < 1


def test_one_label_by_hand() -> None:
    """The first step of a Kalman filter on the logit and a one, from variances 0.01 and 0.0025."""
    logit = 2.0
    p_up = 1 / (1 + math.exp(-logit))
    inputs, covariance = np.array([logit, 1.0]), np.diag([0.01, 0.0025])
    information = p_up * (1 - p_up) + 1e-4
    posterior = np.linalg.inv(np.linalg.inv(covariance) + information * np.outer(inputs, inputs))

    after = corrected(genesis(), p_up, rose=False)

    expected = np.array([1.0, 0.0]) - posterior @ inputs * p_up
    np.testing.assert_allclose(after.scaling, expected, rtol=1e-4)
    np.testing.assert_allclose(after.covariance, posterior, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("p_up", [0.0, 0.3, 0.9])
def test_only_labels_with_weight_count(p_up: float) -> None:
    """A label that did not move, or is not there, changes no bit."""
    state = corrected(genesis(), 0.7, rose=True)
    after = corrected(state, p_up, rose=True, weight=0.0)

    assert [part.numpy().tobytes() for part in after] == [part.numpy().tobytes() for part in state]


def _carried(state: CalibrationState, p_up: Tensor, rose: Tensor) -> CalibrationState:
    """Return the scaling after many labels of weight one, in one compiled loop."""

    def body(index: Tensor, state: CalibrationState) -> tuple[Tensor, CalibrationState]:
        return index + 1, calibration.correct(state, p_up[index], rose[index], tf.constant(1.0))

    _, state = tf.while_loop(lambda index, _: index < p_up.shape[0], body, (tf.constant(0), state))
    return state


carried = tf.function(_carried, jit_compile=True, autograph=False)


@pytest.mark.parametrize(
    ("slope", "offset"), [(0.5, 0.0), (2.0, 0.0), (1.0, 0.6), (0.4, -0.5), (1.0, 0.0)]
)
def test_it_corrects_a_planted_miscalibration(slope: float, offset: float) -> None:
    """Of a mixture that is too sure, too timid or biased; and it leaves a calibrated one alone."""
    draws = np.random.default_rng(1)
    logits = draws.normal(size=20_000) * 1.5
    truth = 1 / (1 + np.exp(-(slope * logits + offset)))
    rose = draws.random(logits.size) < truth
    p_up = (1 / (1 + np.exp(-logits))).astype(np.float32)

    state = carried(genesis(), tf.constant(p_up), tf.constant(rose))

    np.testing.assert_allclose(state.scaling, [slope, offset], atol=0.08)
    covariance = state.covariance.numpy()
    assert covariance.tobytes() == covariance.T.tobytes()
    assert np.linalg.eigvalsh(covariance).min() > 0


@pytest.mark.parametrize(
    ("slope", "p_up", "rose", "bound"),
    [(SLOPE_MAX, 0.51, True, SLOPE_MAX), (SLOPE_MIN, 0.99, False, SLOPE_MIN)],
)
def test_a_slope_stops_at_its_bound(slope: float, p_up: float, rose: bool, bound: float) -> None:
    """However many labels say the same."""
    state = corrected(scaled(slope, 0.0), p_up, rose=rose)

    assert float(state.scaling[0]) == bound


def test_an_offset_stops_at_its_bound() -> None:
    """On either side."""
    for sign in (-1.0, 1.0):
        state = corrected(scaled(1.0, sign * OFFSET_MAX), 0.5, rose=sign > 0)

        assert float(state.scaling[1]) == sign * OFFSET_MAX


@settings(max_examples=60, deadline=None)
@given(
    slope=st.floats(SLOPE_MIN, SLOPE_MAX, width=32),
    offset=st.floats(-OFFSET_MAX, OFFSET_MAX, width=32),
    p_up=st.floats(0.0, 1.0, width=32),
    rose=st.booleans(),
    weight=st.floats(0.0, 1.0, width=32),
)
def test_it_stays_within_its_bounds(
    slope: float, offset: float, p_up: float, rose: bool, weight: float
) -> None:
    """The slope stays above nothing, so a higher probability never becomes a lower one."""
    state = corrected(scaled(slope, offset), p_up, rose=rose, weight=weight)

    assert SLOPE_MIN <= float(state.scaling[0]) <= SLOPE_MAX
    assert abs(float(state.scaling[1])) <= OFFSET_MAX
    assert said(state, 0.3) < said(state, 0.7)
