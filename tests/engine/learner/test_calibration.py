"""Calibration: it begins as nothing, learns from labels, and never turns an answer around."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arithmetic import Tensor, tf
from engine.learner import calibration
from engine.learner.calibration import BENDS, HIGH, LOW, CalibrationState


def initial_state() -> CalibrationState:
    """Return the scaling at the start, as tensors."""
    return CalibrationState(
        **{name: tf.constant(array) for name, array in calibration.initial_state().items()}
    )


def scaled(*scaling: float) -> CalibrationState:
    """Return this scaling, as uncertain as at the start."""
    return initial_state()._replace(scaling=tf.constant(scaling, tf.float32))


def bent(logits: np.ndarray, inner: float, middle: float, outer: float, offset: float) -> Any:
    """Return a bent line at these logits, put together from the bends outwards."""
    first, second = BENDS
    sizes = np.abs(logits)
    line = np.where(
        sizes <= first,
        inner * sizes,
        inner * first
        + np.where(
            sizes <= second,
            middle * (sizes - first),
            middle * (second - first) + outer * (sizes - second),
        ),
    )
    return np.sign(logits) * line + offset


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
    assert said(initial_state(), p_up) == pytest.approx(p_up, rel=1e-5)


@pytest.mark.parametrize("p_up", [0.0, 1.0])
def test_a_certainty_has_a_logit(p_up: float) -> None:
    """Of a certain probability too something finite is said, and learned."""
    assert math.isfinite(float(calibration.logit(tf.constant(p_up))))
    after = corrected(initial_state(), p_up, rose=p_up == 0.0)

    assert np.isfinite(after.scaling.numpy()).all()
    assert 0 < said(after, p_up) < 1


def test_one_label_by_hand() -> None:
    """The first step of a Kalman filter, from variances 0.04 and 0.0025."""
    logit = 2.0
    p_up = 1 / (1 + math.exp(-logit))
    inputs, covariance = np.array([0.5, 1.0, 0.5, 1.0]), np.diag([0.04, 0.04, 0.04, 0.0025])
    information = p_up * (1 - p_up) + 1e-4
    posterior = np.linalg.inv(np.linalg.inv(covariance) + information * np.outer(inputs, inputs))

    after = corrected(initial_state(), p_up, rose=False)

    expected = np.array([1.0, 1.0, 1.0, 0.0]) - posterior @ inputs * p_up
    np.testing.assert_allclose(after.scaling, expected, rtol=1e-4)
    np.testing.assert_allclose(after.covariance, posterior, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("p_up", [0.01, 0.2, 0.45, 0.55, 0.75, 0.9])
def test_the_line_is_bent_where_it_says(p_up: float) -> None:
    """Within the bends, between them, and beyond, on both sides."""
    scaling = (2.0, 0.5, 1.5, 0.25)

    logit = bent(np.log([p_up / (1 - p_up)]), *scaling)[0]

    assert said(scaled(*scaling), p_up) == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-5)


@pytest.mark.parametrize("p_up", [0.0, 0.3, 0.9])
def test_only_labels_with_weight_count(p_up: float) -> None:
    """A label that did not move, or is not there, changes no bit."""
    state = corrected(initial_state(), 0.7, rose=True)
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
    "truth",
    [
        (0.5, 0.5, 0.5, 0.0),
        (2.0, 2.0, 2.0, 0.0),
        (1.0, 1.0, 1.0, 0.6),
        (0.4, 0.4, 0.4, -0.5),
        (1.0, 1.0, 1.0, 0.0),
        (2.8, 0.1, 0.1, 0.0),
        (0.5, 1.5, 1.0, 0.2),
    ],
)
def test_it_corrects_a_planted_miscalibration(truth: tuple[float, ...]) -> None:
    """Too sure, too timid, biased or bent; and a mixture that is calibrated is left alone."""
    draws = np.random.default_rng(1)
    logits = draws.normal(size=20_000) * 1.5
    rises = 1 / (1 + np.exp(-bent(logits, *truth)))
    rose = draws.random(logits.size) < rises
    p_up = (1 / (1 + np.exp(-logits))).astype(np.float32)

    state = carried(initial_state(), tf.constant(p_up), tf.constant(rose))

    found = 1 / (1 + np.exp(-bent(logits, *state.scaling.numpy())))
    assert np.abs(found - rises).max() < 0.04
    covariance = state.covariance.numpy()
    assert covariance.tobytes() == covariance.T.tobytes()
    assert np.linalg.eigvalsh(covariance).min() > 0


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("bounds", [LOW, HIGH])
def test_it_stops_at_its_bounds(number: int, bounds: tuple[float, ...]) -> None:
    """However many labels say the same."""
    scaling = [1.0, 1.0, 1.0, 0.0]
    scaling[number] = bounds[number]
    is_high = bounds is HIGH
    # A part that is positive: more of it is wanted by a rise, less of it by a fall.
    state = corrected(scaled(*scaling), 0.95, rose=is_high)

    assert float(state.scaling[number]) == np.float32(bounds[number])


@settings(max_examples=60, deadline=None)
@given(
    scaling=st.tuples(
        *(
            st.floats(float(np.float32(low)), float(np.float32(high)), width=32)
            for low, high in zip(LOW, HIGH, strict=True)
        )
    ),
    p_up=st.floats(0.0, 1.0, width=32),
    rose=st.booleans(),
    weight=st.floats(0.0, 1.0, width=32),
)
def test_it_stays_within_its_bounds(
    scaling: tuple[float, ...], p_up: float, rose: bool, weight: float
) -> None:
    """Every slope stays above nothing, so a higher probability never becomes a lower one."""
    state = corrected(scaled(*scaling), p_up, rose=rose, weight=weight)

    low, high = (np.array(bounds, np.float32) for bounds in (LOW, HIGH))
    assert (low <= state.scaling.numpy()).all()
    assert (state.scaling.numpy() <= high).all()
    # So sure on one side that float32 knows no more certain, they may be equal.
    answers = [said(state, each) for each in (0.05, 0.3, 0.45, 0.55, 0.7, 0.95)]
    assert answers == sorted(answers)
    assert answers[2] < answers[3]
