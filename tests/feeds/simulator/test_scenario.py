"""What can be foreseen in each scenario."""

import pytest

from feeds.simulator.scenario import SCENARIOS, Scenario


@pytest.mark.parametrize(
    ("ratio", "horizon_s", "expected"),
    [
        *((0.1, 0.1, 0.532), (0.1, 0.5, 0.557), (0.1, 1.0, 0.564), (0.1, 5.0, 0.542)),
        *((0.5, 0.1, 0.648), (0.5, 0.5, 0.720), (0.5, 1.0, 0.710), (0.5, 5.0, 0.603)),
        *((0.1, 20.0, 0.521), (0.5, 20.0, 0.548)),
    ],
)
def test_published_optimum(ratio: float, horizon_s: float, expected: float) -> None:
    """The closed form gives the known values of an AR(1) signal with phi = 0.9."""
    scenario = Scenario(name="any", sigma=1e-5, beta=ratio * 1e-5)

    assert scenario.best_accuracy(horizon_s) == pytest.approx(expected, abs=6e-4)


def test_averaging_over_the_signal_agrees_with_the_closed_form() -> None:
    """Without drift the integral that drift needs is the closed form: half a drift is a limit."""
    calm = SCENARIOS["calm"]
    nearly = Scenario(name="nearly", drift=1e-15)

    assert nearly.best_accuracy(1.0) == pytest.approx(calm.best_accuracy(1.0), abs=1e-6)


def test_a_horizon_below_one_step_is_refused() -> None:
    """The market does not exist between steps."""
    with pytest.raises(ValueError, match="shorter than a step"):
        SCENARIOS["calm"].best_accuracy(0.01)


def test_only_a_changing_regime_makes_it_a_bound() -> None:
    """In every other scenario the best accuracy is attained."""
    assert [s.name for s in SCENARIOS.values() if s.accuracy_is_bound] == ["regime-switch"]
