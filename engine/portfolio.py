"""The paper account: cash, position, one pending order; fees always on; all of it integer (I8).

An order placed by the decision at a tick fills at the first later tick with a valid market (I6), at
that tick's best opposite price. A break cancels it. The walk through deeper levels, latency and fee
tiers are not modelled: orders are small.

An absurd price can make an account richer than a log can hold; it then stays at `money.E8_MAX`.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.money import E8, E8_MAX, before_share_e8, product_e8, quotient_e8, share_up_e8
from engine.parameters import Parameters
from engine.row import Row

NONE, BUY, SELL = range(3)


class PortfolioState(NamedTuple):
    """Counts of 1e-8 of the quote or base currency, and the order that waits."""

    cash_e8: Tensor  # int64[]
    position_e8: Tensor  # int64[]
    entered_ns: Tensor  # int64[]: event time of the last buy
    order_side: Tensor  # int32[]: NONE, BUY, SELL
    order_at: Tensor  # int64[]: offset of the tick whose decision placed it


class Execution(NamedTuple):
    """A fill, or nothing where ``side`` is NONE."""

    side: Tensor  # int32[]
    price_e8: Tensor  # int64[]
    volume_e8: Tensor  # int64[]
    fee_e8: Tensor  # int64[]
    ordered_at: Tensor  # int64[]


def genesis(parameters: Parameters) -> dict[str, npt.NDArray[Any]]:
    """Return the account before the first tick: all cash."""
    return {
        "cash_e8": np.array(parameters.cash * E8, np.int64),
        "position_e8": np.zeros((), np.int64),
        "entered_ns": np.zeros((), np.int64),
        "order_side": np.zeros((), np.int32),
        "order_at": np.zeros((), np.int64),
    }


def fill(
    state: PortfolioState, row: Row, parameters: Parameters
) -> tuple[PortfolioState, Execution]:
    """Fill the waiting order at this tick's prices, if there is one and the market is valid."""
    waits = (state.order_side != NONE) & ~row.breaks
    side = tf.where(waits & row.valid, state.order_side, NONE)
    buys, sells = side == BUY, side == SELL
    price_e8 = tf.where(buys, row.ask_e8, row.bid_e8)
    # What is left for the volume once the fee on it is paid, both rounded against us.
    budget_e8 = tf.minimum(state.cash_e8, parameters.order_cash * E8)
    net_e8 = before_share_e8(budget_e8, parameters.fee_ppm)
    volume_e8 = tf.where(buys, quotient_e8(net_e8, price_e8), state.position_e8)
    value_e8 = product_e8(volume_e8, price_e8)
    # Rounded up for a buy, down for a sale: rounding never makes money.
    value_e8 = value_e8 + tf.cast(buys, tf.int64)
    fee_e8 = share_up_e8(value_e8, parameters.fee_ppm)
    zero = tf.zeros_like(value_e8)
    paid_e8 = tf.where(buys, value_e8 + fee_e8, tf.where(sells, fee_e8 - value_e8, zero))
    gained_e8 = tf.where(buys, volume_e8, tf.where(sells, -volume_e8, zero))
    still_waits = waits & (side == NONE)
    filled = PortfolioState(
        cash_e8=tf.minimum(state.cash_e8 - paid_e8, E8_MAX),
        position_e8=state.position_e8 + gained_e8,
        entered_ns=tf.where(buys, row.time_ns, state.entered_ns),
        order_side=tf.where(still_waits, state.order_side, NONE),
        order_at=state.order_at,
    )
    return filled, Execution(side, price_e8, volume_e8, fee_e8, state.order_at)


def order(state: PortfolioState, action: Tensor, offset: Tensor) -> PortfolioState:
    """Let an action (NONE, BUY, SELL) wait for the next tick."""
    places = action != NONE
    return state._replace(
        order_side=tf.where(places, action, state.order_side),
        order_at=tf.where(places, offset, state.order_at),
    )


def equity_e8(state: PortfolioState, row: Row) -> Tensor:
    """Return cash plus the position at the mid, int64[]; without a valid mid, at the last price."""
    middle_e8 = (row.bid_e8 + row.ask_e8) // 2
    price_e8 = tf.where(row.valid, middle_e8, tf.maximum(row.last_e8, 0))
    return tf.minimum(state.cash_e8 + product_e8(state.position_e8, price_e8), E8_MAX)
