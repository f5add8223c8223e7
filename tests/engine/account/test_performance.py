"""Equity, the deepest fall and the Sharpe ratio, beside plain sums."""

import math
from itertools import pairwise

import numpy as np
import pytest

from engine.account import performance, portfolio
from engine.account.performance import MINUTE_NS, Performance, PerformanceState
from engine.account.portfolio import BUY_HOLD, FIRST_RANDOM, OURS, PortfolioState
from engine.arithmetic import tf
from engine.parameters import Parameters
from tests.support.markets import row

E8 = 10**8
PARAMETERS = Parameters(cash=1_000)
START_NS = 10**18 // MINUTE_NS * MINUTE_NS


def accounts(**ours: int) -> PortfolioState:
    """Return the accounts at the start, with fields of ours replaced."""
    state = portfolio.initial_state(PARAMETERS)
    for name, value in ours.items():
        state["ledger"][portfolio.Ledger._fields.index(name), OURS] = value
    return PortfolioState(**{name: tf.constant(array) for name, array in state.items()})


def measured(equities: list[tuple[float, int]]) -> list[Performance]:
    """Return what is said of an account that holds one unit and nothing else, at (minute, mid)."""
    state = PerformanceState(
        **{
            name: tf.constant(array)
            for name, array in performance.initial_state(PARAMETERS).items()
        }
    )
    held = accounts(cash_e8=0, position_e8=E8)
    found = []
    for minute, mid in equities:
        at_ns = START_NS + int(minute * MINUTE_NS)
        tick = row(time_ns=at_ns, bid_e8=(mid - 1) * E8, ask_e8=(mid + 1) * E8)
        state, said = performance.measure(state, held, tick)
        found.append(said)
    return found


def test_the_deepest_fall_is_from_the_highest_before_it() -> None:
    """A later, higher peak and a smaller fall from it change nothing."""
    mids = [1_000, 1_050, 1_020, 1_040, 980, 1_200, 1_150]

    falls = [int(said.drawdown_e8) // E8 for said in measured(list(enumerate(mids)))]

    assert falls == [0, 0, 30, 30, 70, 70, 70]


def test_the_sharpe_ratio_is_that_of_whole_minutes() -> None:
    """Ticks within a minute say nothing; a minute without one is part of the return over it."""
    path = [(0.5, 1_000), (0.7, 5_000), (1.1, 1_010), (1.9, 1), (2.0, 1_005), (4.2, 1_100)]

    said = [float(each.sharpe) for each in measured(path)]

    marks = [1_000, 1_010, 1_005, 1_100]
    returns = [after / before - 1 for before, after in pairwise(marks)]
    assert said[:4] == [0.0] * 4
    assert said[4] == pytest.approx(np.mean(returns[:2]) / np.std(returns[:2]), rel=1e-5)
    assert said[5] == pytest.approx(np.mean(returns) / np.std(returns), rel=1e-5)


def test_returns_that_do_not_differ_have_no_ratio() -> None:
    """An account that is flat has a ratio of 0, and never one that is no number."""
    said = measured([(minute, 1_000) for minute in range(5)])

    assert [float(each.sharpe) for each in said] == [0.0] * 5
    assert not any(math.isnan(float(each.sharpe)) for each in said)


def test_the_figures_are_of_their_accounts() -> None:
    """Ours before fees; the holder's; the random traders' mean, rounded down."""
    state = portfolio.initial_state(PARAMETERS)
    cash = portfolio.Ledger._fields.index("cash_e8")
    state["ledger"][cash, BUY_HOLD] = 700
    state["ledger"][cash, FIRST_RANDOM:] = [600, 606, 612, 600, 606, 617]
    state["ledger"][portfolio.Ledger._fields.index("fees_e8"), OURS] = 5
    held = PortfolioState(**{name: tf.constant(array) for name, array in state.items()})
    begun = performance.initial_state(PARAMETERS)

    _, said = performance.measure(
        PerformanceState(**{name: tf.constant(array) for name, array in begun.items()}),
        held,
        row(time_ns=START_NS, bid_e8=E8, ask_e8=2 * E8),
    )

    assert int(said.equity_e8) == 1_000 * E8
    assert int(said.gross_equity_e8) == 1_000 * E8 + 5
    assert int(said.buy_hold_equity_e8) == 700
    assert int(said.random_equity_e8) == 606
