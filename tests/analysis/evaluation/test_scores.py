"""Figures over forecasts, against what can be computed by hand."""

import numpy as np
import pytest

from analysis.evaluation.scores import losses, scores


def test_a_sure_and_right_forecast_is_perfect() -> None:
    rose = np.array([True, False, True, False])
    made = scores(rose.astype(np.float64), rose, persistence=0.5)

    assert (made.accuracy, made.brier, made.ece, made.kappa) == (1.0, 0.0, 0.0, 1.0)
    assert made.mcc == pytest.approx(1.0)
    assert made.log_loss == pytest.approx(1e-4, rel=0.01)


def test_calibration_is_about_how_often_it_comes_true() -> None:
    draws = np.random.default_rng(1)
    p_up = draws.uniform(size=60_000)
    rose = draws.uniform(size=60_000) < p_up

    assert scores(p_up, rose).ece < 0.01
    assert scores(np.clip(p_up * 2 - 0.5, 0, 1), rose).ece > 0.1


def test_a_right_forecast_errs_as_much_as_chance_says() -> None:
    """On few labels, and on many that repeat few."""
    draws = np.random.default_rng(2)
    found = []
    for _ in range(200):
        p_up = draws.uniform(size=300)
        rose = draws.uniform(size=300) < p_up
        blocks = np.arange(300)
        found.append(
            [
                (made.ece, made.ece_by_chance)
                for made in (
                    scores(p_up, rose),
                    scores(np.repeat(p_up, 20), np.repeat(rose, 20), blocks=np.repeat(blocks, 20)),
                )
            ]
        )

    for ece, by_chance in np.mean(found, axis=0):
        assert ece == pytest.approx(by_chance, rel=0.1)
        assert ece > 0.05


def test_nothing_is_surer_than_the_clip() -> None:
    assert losses(np.array([0.0]), np.array([True]))[0] == pytest.approx(-np.log(1e-4))


def test_matthews_of_a_constant_is_zero() -> None:
    assert scores(np.full(4, 0.7), np.array([True, False, True, True])).mcc == 0.0
