"""The performance of the accounts: equity at every tick, largest drawdown, Sharpe ratio.

Equity is cash plus the position at the mid. Returns are per minute of event time: from the equity
at the first tick of one minute to that at the first tick of the next minute that has one.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.account import portfolio
from engine.account.money import E8
from engine.account.portfolio import BUY_HOLD, FIRST_RANDOM, OURS, RANDOM_TRADERS, PortfolioState
from engine.arithmetic import Tensor, tf
from engine.parameters import Parameters
from engine.row import Row

MINUTE_NS = 60 * 10**9
_PEAK, _FALL, _MINUTE, _MARK = range(4)


class PerformanceState(NamedTuple):
    """The history of our equity, as far as performance needs it."""

    marks: Tensor  # int64[4]: peak, largest drawdown, the minute, equity at its first tick
    returns: Tensor  # float64[3]: number of returns, their sum, the sum of their squares


class Performance(NamedTuple):
    """The performance at a tick."""

    equity_e8: Tensor  # int64[]
    gross_equity_e8: Tensor  # int64[]: before fees, but after spread cost
    buy_hold_equity_e8: Tensor  # int64[]: of buying once and holding
    random_equity_e8: Tensor  # int64[]: of the random traders, on average
    drawdown_e8: Tensor  # int64[]: the largest fall below an earlier equity so far
    sharpe: Tensor  # float32[]: mean over deviation of returns per minute; 0 before two


def initial_state(parameters: Parameters) -> dict[str, npt.NDArray[Any]]:
    """Return the state before the first tick."""
    cash_e8 = parameters.cash * E8
    return {
        "marks": np.array([cash_e8, 0, 0, cash_e8], np.int64),
        "returns": np.zeros(3, np.float64),
    }


def measure(
    state: PerformanceState, accounts: PortfolioState, row: Row
) -> tuple[PerformanceState, Performance]:
    """Return the state after this tick, and the performance at it."""
    equities_e8 = portfolio.equities_e8(accounts, row)
    equity_e8 = equities_e8[OURS]
    peak_e8 = tf.maximum(state.marks[_PEAK], equity_e8)
    fall_e8 = tf.maximum(state.marks[_FALL], peak_e8 - equity_e8)
    minute = row.time_ns // MINUTE_NS
    begins = minute != state.marks[_MINUTE]
    before_e8 = state.marks[_MARK]
    gain = tf.cast(equity_e8 - before_e8, tf.float64)
    gain = gain / tf.cast(tf.maximum(before_e8, 1), tf.float64)
    # The first minute has no equity before it.
    counts = tf.cast(begins & (state.marks[_MINUTE] != 0), tf.float64)
    returns = state.returns + counts * tf.stack([tf.ones_like(gain), gain, gain * gain])
    mark_e8 = tf.where(begins, equity_e8, before_e8)
    randoms_e8 = tf.reduce_sum(equities_e8[FIRST_RANDOM:]) // RANDOM_TRADERS
    return PerformanceState(tf.stack([peak_e8, fall_e8, minute, mark_e8]), returns), Performance(
        equity_e8=equity_e8,
        gross_equity_e8=equity_e8 + portfolio.ledger_of(accounts).fees_e8[OURS],
        buy_hold_equity_e8=equities_e8[BUY_HOLD],
        random_equity_e8=randoms_e8,
        drawdown_e8=fall_e8,
        sharpe=tf.cast(_sharpe(returns), tf.float32),
    )


def _sharpe(returns: Tensor) -> Tensor:
    count, total, squares = tf.unstack(returns)
    mean = total / tf.maximum(count, 1.0)
    variance = squares / tf.maximum(count, 1.0) - mean * mean
    deviation = tf.sqrt(tf.maximum(variance, 0.0))
    return tf.where((count >= 2.0) & (deviation > 0.0), mean / (deviation + 1e-30), 0.0)
