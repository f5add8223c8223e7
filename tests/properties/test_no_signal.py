"""A market without a signal: what is not certain is not traded on, even where trading is free."""

import random
from functools import cache

import pytest

from engine.engine import Engine
from eventlog.records import Decision
from tests.support.markets import CENT_E8, SMALL, decisions, quote

TICKS = 2_500
SEEDS = (1, 2, 3, 4)


@cache
def journey(seed: int) -> list[Decision]:
    """Return the decisions on a symmetric random walk of cents, a spread of two cents."""
    draws = random.Random(seed)
    engine, middle, found = Engine.initial(SMALL), 10_000, []
    for start in range(0, TICKS, 500):
        quotes = []
        for index in range(start, start + 500):
            middle += draws.choice((-3, -2, -1, 1, 2, 3))
            bid_e8 = (middle - 1) * CENT_E8
            quotes.append(quote(bid_e8, bid_e8 + 2 * CENT_E8, at_ms=50 * index, last_e8=bid_e8))
        found += decisions(engine, quotes)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_it_mostly_abstains(seed: int) -> None:
    """Skill that is not certain is not traded on: in position on less than a tenth of all ticks."""
    found = journey(seed)

    assert sum(decision.position_e8 > 0 for decision in found) < TICKS / 10
