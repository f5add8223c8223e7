"""The walk: its direction can be foreseen as well as its scenario says, and no better."""

import math
from itertools import pairwise

import pytest

from feeds.simulator.draws import Draws
from feeds.simulator.scenario import SCENARIOS, Scenario
from feeds.simulator.walk import Walk

STEPS = 200_000


def hits_of_the_best_rule(scenario: Scenario, *, seed: int, horizon: int) -> list[bool]:
    """Walk; for every step, whether the best forecast of the mid's direction was right."""
    draws = Draws(seed=seed, stream="BTC-AUD", width=3)
    walk = Walk(scenario, price=100_000, row=draws.row(0))
    mids, forecasts = [], []
    reach = (1 - scenario.phi**horizon) / (1 - scenario.phi)
    beta = scenario.beta or 1e-9  # in a random walk the rule is tried all the same
    for step in range(1, STEPS + 1):
        walk.move(draws.row(step))
        mids.append(walk.log_mid)
        foreseen = scenario.drift * horizon + walk.regime * beta * reach * walk.signal
        forecasts.append(foreseen > 0)
    return [
        (mids[step + horizon] > mids[step]) == forecasts[step] for step in range(STEPS - horizon)
    ]


def mean_and_error(hits: list[bool], *, block: int) -> tuple[float, float]:
    """Return the mean and its standard error, from means of blocks: labels overlap."""
    blocks = [hits[start : start + block] for start in range(0, len(hits) - block + 1, block)]
    means = [sum(each) / block for each in blocks]
    mean = sum(means) / len(means)
    variance = sum((each - mean) ** 2 for each in means) / (len(means) - 1)
    return mean, math.sqrt(variance / len(means))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_market_is_as_foreseeable_as_it_says(name: str) -> None:
    """Over 200 000 steps the best rule is as often right as stated, within three errors."""
    scenario = SCENARIOS[name]

    mean, error = mean_and_error(hits_of_the_best_rule(scenario, seed=20, horizon=10), block=1_000)

    assert error < 0.003
    assert abs(mean - scenario.best_accuracy(1.0)) < 3 * error


@pytest.mark.parametrize("name", SCENARIOS)
def test_regimes_flip_as_seldom_as_stated(name: str) -> None:
    """The regime changes with its hazard, and never where there is none."""
    hazard = SCENARIOS[name].flip_hazard
    draws = Draws(seed=20, stream="BTC-AUD", width=3)
    walk = Walk(SCENARIOS[name], price=100_000, row=draws.row(0))
    regimes = []
    for step in range(1, STEPS + 1):
        walk.move(draws.row(step))
        regimes.append(walk.regime)
    flips = sum(before != after for before, after in pairwise(regimes))

    assert abs(flips - STEPS * hazard) <= 4 * math.sqrt(STEPS * hazard)
    assert set(regimes) == ({1, -1} if hazard else {1})


def test_a_walk_moves_as_much_as_its_scenario_says() -> None:
    """A step of the random walk has the stated deviation; the signal has deviation one."""
    scenario = SCENARIOS["random-walk"]
    draws = Draws(seed=20, stream="BTC-AUD", width=3)
    walk = Walk(scenario, price=100_000, row=draws.row(0))
    mids, signals = [walk.log_mid], []
    for step in range(1, STEPS + 1):
        walk.move(draws.row(step))
        mids.append(walk.log_mid)
        signals.append(walk.signal)
    moves = [after - before for before, after in pairwise(mids)]

    assert math.sqrt(sum(m * m for m in moves) / STEPS) == pytest.approx(scenario.sigma, rel=0.01)
    assert sum(x * x for x in signals) / STEPS == pytest.approx(1, rel=0.05)
