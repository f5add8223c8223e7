"""The short form of the campaign of hostile exchanges: a few seeds of it."""

import random
from collections import Counter

import pytest

from tests.feeds.adversary.campaign import SESSIONS, Outcome, nursery, run, run_whole, table
from tests.feeds.adversary.exchange import MODES, schedule

SEEDS = (1, 3, 11, 14)


@pytest.fixture(scope="module")
def outcomes() -> dict[int, Outcome]:
    with nursery() as forks:
        return {seed: run(seed, forks) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_from_outside_ends_it_or_is_lost_unsaid(
    seed: int, outcomes: dict[int, Outcome]
) -> None:
    """Every trade once or in a gap, all that was acknowledged, no exception, bounded memory."""
    outcome = outcomes[seed]

    assert outcome.wrong == []
    assert outcome.counts["sessions"] == SESSIONS
    assert outcome.counts["acknowledged"] > 0


def test_there_was_something_to_lose(outcomes: dict[int, Outcome]) -> None:
    """Trades were recorded, sessions were killed, and the exchange was hostile to them."""
    total = sum((outcome.counts for outcome in outcomes.values()), Counter[str]())

    assert total["trades recorded"] > 20
    assert total["killed"] > 0
    assert all(outcome.met for outcome in outcomes.values())


def test_a_session_with_its_learner_goes_through_the_same() -> None:
    """The command itself, and what it recorded verifies."""
    outcome = run_whole(5, kills=0)

    assert outcome.wrong == []
    assert outcome.counts["trades recorded"] > 0
    assert outcome.met
    assert any("trades missing unsaid" in line for line in table([outcome]))


def test_every_mode_has_its_turn() -> None:
    """A long enough session meets all of them, each before one comes again."""
    drawn = schedule(random.Random(0), seconds=600.0)
    modes = [each.mode for each in drawn][1 : 2 * len(MODES) : 2]

    assert sorted(modes) == sorted(MODES)
