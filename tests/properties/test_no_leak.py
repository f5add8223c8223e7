"""Where nothing can be known, nothing is known: a leak of the future would show as skill.

The market S0 tosses fair coins. Whatever is right in more than half of the cases there, beyond
chance, has seen the answer: through a label that came too early, a feature that looked ahead, or a
statistic of the whole stream. The same test has to fail where the future is let in on purpose.
"""

from typing import NamedTuple

import numpy as np
import pytest

from analysis.evaluation.answers import OURS, answers
from analysis.evaluation.baselines import RULES, models
from analysis.evaluation.questions import Questions, questions
from engine.parameters import Parameters
from feeds.streams import Market, market

SEEDS = range(1, 11)
TICKS = 1_500
PARAMETERS = Parameters(
    memory_rows=1_024,
    learning_rate=0.01,
    warm_up_horizons=30,
    confidence_floor=0.5,
    fee_ppm=0,
)
"""A quick engine that learns greedily, is soon bold enough to trade, and pays no fee."""


class Outcome(NamedTuple):
    """How a forecaster did on the scored labels of one market, and the account's net gain."""

    labels: int
    hits: int
    gain_e8: int


def nobody(count: int) -> None:
    """Watch no progress."""


def hits_of(p_up: np.ndarray, asked: Questions) -> int:
    return int(np.sum(((p_up >= 0.5) == asked.rose)[asked.moved]))


def outcome_of(made: Market) -> Outcome:
    said = answers(PARAMETERS, made.batches(), advance=nobody)
    asked = questions(said.rows, horizon_ms=PARAMETERS.horizon_ms)
    gain_e8 = int(said.net_e8[-1]) - PARAMETERS.cash * 10**8
    return Outcome(
        int(asked.moved.sum()), hits_of(said.forecasts[OURS][asked.tick], asked), gain_e8
    )


def is_chance(labels: int, hits: int) -> bool:
    """Say whether so many hits are within three standard errors of a fair coin's."""
    return bool(abs(hits / labels - 0.5) <= 3 * 0.5 / np.sqrt(labels))


def peeking(made: Market) -> Market:
    """Return the market with the move of the next step in the book of this one."""
    future = np.sign(np.diff(made.mid_e8, append=made.mid_e8[-1:])).astype(np.float64)
    return made._replace(imbalance=0.5 * np.column_stack([future, made.imbalance[:, 1]]))


def test_the_engine_knows_nothing_of_fair_coins() -> None:
    """Accuracy is chance on each seed and over all; what is gained is not above zero by more.

    Though trading costs the spread only, it may well gain nothing: without skill it holds.
    """
    outcomes = [outcome_of(market("S0", seed=seed, ticks=TICKS)) for seed in SEEDS]
    gains = np.array([outcome.gain_e8 for outcome in outcomes]) / 10**8

    # Ten tests at three errors each: one that fails by chance is expected in forty runs.
    assert all(is_chance(outcome.labels, outcome.hits) for outcome in outcomes)
    assert is_chance(*np.sum([outcome[:2] for outcome in outcomes], axis=0))
    assert np.mean(gains) <= 3 * np.std(gains, ddof=1) / np.sqrt(len(gains))


def test_an_engine_that_peeks_is_found_out() -> None:
    """The same test fails where a book shows the mid to come.

    It gains nothing by that: an order fills a tick later, when the move is over (I6).
    """
    outcomes = [outcome_of(peeking(market("S0", seed=seed, ticks=TICKS))) for seed in (1, 2, 3)]

    assert not any(is_chance(outcome.labels, outcome.hits) for outcome in outcomes)


@pytest.mark.parametrize("leaks", [False, True])
def test_what_it_is_compared_with_knows_nothing_either(leaks: bool) -> None:
    """Rules and models on the same questions; and the test sees it if a feature is the future."""
    made = market("S0", seed=11, ticks=6_000)
    if leaks:
        made = peeking(made)
    rows = answers(PARAMETERS, made.batches(), advance=nobody).rows
    asked = questions(rows, horizon_ms=PARAMETERS.horizon_ms)
    features = made.imbalance.astype(np.float32)
    said = {name: rule(asked) for name, rule in RULES.items()}
    for name, model in models(slow=True).items():
        if "ARF" not in name:
            said[name] = model(asked, features, nobody)
    labels = int(asked.moved.sum())
    fair = {name for name, p_up in said.items() if is_chance(labels, hits_of(p_up, asked))}
    blind = {"prior", "persistence", "order-flow sign"}

    assert fair == (blind if leaks else set(said))
