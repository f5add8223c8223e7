"""Figures over forecasts, against what can be computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.scoring.scores import (
    Calibration,
    Interval,
    learned_by,
    log_losses,
    scores_of,
    wilson,
)
from engine.snapshot import Facts
from journal.reading.score import Learned


def test_a_sure_and_right_forecast_is_perfect() -> None:
    rose = np.array([True, False, True, False])
    made = scores_of(rose.astype(np.float64), rose, persistence=0.5)

    assert (made.accuracy, made.brier, made.ece, made.kappa) == (1.0, 0.0, 0.0, 1.0)
    assert made.mcc == pytest.approx(1.0)
    assert made.log_loss == pytest.approx(1e-4, rel=0.01)


def test_calibration_is_about_how_often_it_comes_true() -> None:
    draws = np.random.default_rng(1)
    p_up = draws.uniform(size=60_000)
    rose = draws.uniform(size=60_000) < p_up

    assert scores_of(p_up, rose).ece < 0.01
    assert scores_of(np.clip(p_up * 2 - 0.5, 0, 1), rose).ece > 0.1


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
                    scores_of(p_up, rose),
                    scores_of(
                        np.repeat(p_up, 20), np.repeat(rose, 20), events=np.repeat(blocks, 20)
                    ),
                )
            ]
        )

    for ece, by_chance in np.mean(found, axis=0):
        assert ece == pytest.approx(by_chance, rel=0.1)
        assert ece > 0.05


def test_nothing_is_surer_than_the_clip() -> None:
    assert log_losses(np.array([0.0]), np.array([True]))[0] == pytest.approx(-np.log(1e-4))


def test_matthews_of_a_constant_is_zero() -> None:
    assert scores_of(np.full(4, 0.7), np.array([True, False, True, True])).mcc == 0.0


def test_calibration_adds_up() -> None:
    """However the labels are cut, and in no bin that they are not in."""
    draws = np.random.default_rng(3)
    p_up, rose = draws.uniform(size=1_000), draws.uniform(size=1_000) < 0.5
    whole = Calibration.of(p_up, rose)
    parts = Calibration.of(p_up[:300], rose[:300]) + Calibration.of(p_up[300:], rose[300:])

    assert parts.labels == whole.labels == 1_000
    assert parts.error == pytest.approx(whole.error)
    assert parts.brier == pytest.approx(whole.brier)
    assert scores_of(p_up, rose).ece == whole.error


def test_nothing_has_no_figures() -> None:
    """Neither a calibration error nor a score, and any share is possible."""
    nothing = Calibration.of(np.zeros(0), np.zeros(0, np.bool_))

    assert (nothing.labels, nothing.error, nothing.brier) == (0, None, None)
    assert wilson(0, 0) == (0.0, 1.0)


def test_an_interval_below_zero_says_so() -> None:
    assert Interval(-1.0, -2.0, -0.5, 30).said().verdict == "below"


def test_a_state_without_labels_learned_nothing() -> None:
    """The mean of nothing is not zero."""
    facts = Facts(
        offset=0,
        chain="",
        digest="",
        parameters="",
        time_ns=0,
        steps=0,
        scored=0,
        hits=0,
        log_loss=0.0,
        baseline_log_loss=0.0,
        equity_e8=0,
    )

    assert learned_by(facts) == Learned(0, None, None, None)
    some = replace(facts, scored=4, hits=3, log_loss=0.5, baseline_log_loss=0.6)
    assert learned_by(some) == Learned(4, 0.5, 0.6, 0.75)
