"""The short form of the campaign of hostile exchanges: a few seeds of it."""

import random
from collections.abc import Iterator

import pytest

from tests.feeds.adversary.campaign import SESSIONS, Nursery, nursery, run, run_whole, table
from tests.feeds.adversary.exchange import MODES, schedule


@pytest.fixture(scope="module")
def forks() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


@pytest.mark.parametrize("seed", [1, 3, 11, 14])
def test_nothing_from_outside_ends_it_or_is_lost_unsaid(seed: int, forks: Nursery) -> None:
    """Every trade once or in a gap, all that was acknowledged, no exception, bounded memory."""
    outcome = run(seed, forks)

    assert outcome.wrong == []
    assert outcome.counts["sessions"] == SESSIONS
    assert outcome.counts["acknowledged"] > 0
    assert outcome.counts["trades recorded"] > 0
    assert outcome.met


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
