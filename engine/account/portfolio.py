"""The paper accounts: money, orders and fills in integers (I8), always with fees.

Eight accounts are filled in the same way at once: *ours*, one that *buys and holds*, and six
*random traders*, which enter as often as we do and hold as long as we do on average, at random
moments. All start with the same cash, put the same amount into an order and pay the same costs, so
they differ only in when they trade. (An account that is always flat keeps its cash and need not be
computed.)

Assumptions about fills:

* An order placed by the decision at a tick is a market order. It is sent when that tick was taken
  up: at its event time plus its delay. It fills at the first later tick with a valid market (I6)
  whose event time is at least the latency after that. A break cancels it. So does an exchange that
  takes no market orders, because it rejects them.
* The filling tick was also *received* at least the latency after the order was sent, both on our
  clock. With the exchange's timestamps alone, an order could fill at a tick that had arrived
  together with the tick of the decision and was only read after it.
* The time between taking up a tick and sending an order is not in the log. But the order was sent
  before the next tick was taken up. If that tick waited longer than the latency, the session was
  held up (by a stalled disk or a suspended process), and the order counts as sent only then: no
  tick that arrived meanwhile fills it.
* An order never fills at a late tick, since nothing is traded on one; it waits for one in time.
* A tick in time that was received before the order was sent, by more than ``late_ms``, shows that
  our clock was set back. Then the exchange's timestamps alone decide.
* Where a record does not say when it was taken up, its delay is 0, and the exchange's timestamps
  alone decide.
* An order takes the levels of this tick's book, best first, up to their volumes; the rest of it is
  cancelled. A level better than the newest quote is filled at the quote's price. Where only quotes
  are known and no book, the order fills at the best price whatever its size; the fill then has 0
  levels.
* The market does not react: the book stays as recorded.
* Every amount is rounded against the account.

With absurd prices an account could exceed what a log can hold; it is clipped at `money.E8_MAX`.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import randomness
from engine.account import fees
from engine.account.money import (
    E8,
    E8_MAX,
    before_share_e8,
    product_e8,
    quotient_e8,
    share_up_e8,
    total_e8,
)
from engine.arithmetic import Tensor, tf
from engine.market import LEVELS
from engine.parameters import Parameters
from engine.row import Row, is_late
from engine.settings import Settings, settings_of
from engine.venue_rules import DEFAULT_RULES, VenueRules

NONE, BUY, SELL = range(3)

OURS, BUY_HOLD, FIRST_RANDOM = range(3)
RANDOM_TRADERS = 6
ACCOUNTS = FIRST_RANDOM + RANDOM_TRADERS


class Ledger(NamedTuple):
    """The amounts that only fills change, int64[ACCOUNTS] each; sums since the first record.

    A *trip* begins when a position is opened and ends when it is closed.
    """

    cash_e8: Tensor
    position_e8: Tensor
    entered_ns: Tensor  # event time at which the last trip began
    trip_e8: Tensor  # proceeds of the open trip so far: sales minus buys minus fees
    fees_e8: Tensor
    spread_cost_e8: Tensor  # cost of fills compared with the mid: half spreads and slippage
    turnover_e8: Tensor  # bought and sold
    entries: Tensor  # trips begun
    round_trips: Tensor  # trips ended
    winning_trips: Tensor  # ended trips with a profit after fees
    held_ns: Tensor  # total duration of the ended trips


class Orders(NamedTuple):
    """The waiting order of each account, int64[ACCOUNTS] each."""

    side: Tensor  # NONE, BUY, SELL
    at: Tensor  # offset of the tick whose decision placed it
    at_ns: Tensor  # event time at which it was sent: that tick's plus its delay
    left_us: Tensor  # when it was sent on our clock, rounded up; 0 if unknown
    has_left: Tensor  # 1 once a later tick was taken up, so that it has certainly been sent


class PortfolioState(NamedTuple):
    """All accounts, packed into few arrays, because every array costs time at each call."""

    ledger: Tensor  # int64[fields of Ledger, ACCOUNTS]
    orders: Tensor  # int64[3, ACCOUNTS]: side + 4 * has_left + 8 * left_us, at, at_ns
    fee_ppm: Tensor  # int64[ACCOUNTS]: taker fee in force in this hour
    turnover_e8: Tensor  # int64[1 + ACCOUNTS, fees.DAYS]: day number, then turnovers
    hour: Tensor  # int64[]: the hour for which the fee was computed


class Execution(NamedTuple):
    """Our fill at a tick, or none if ``side`` is NONE; int64[] each."""

    side: Tensor
    price_e8: Tensor  # volume-weighted
    volume_e8: Tensor
    value_e8: Tensor  # paid or received for the volume, before the fee
    fee_e8: Tensor
    slippage_e8: Tensor  # cost of levels beyond the best price; part of the value
    levels: Tensor  # number of levels taken; 0 where no book was known
    ordered_at: Tensor


def initial_state(
    parameters: Parameters, rules: VenueRules = DEFAULT_RULES
) -> dict[str, npt.NDArray[Any]]:
    """Return the accounts before the first tick: all cash."""
    ledger = np.zeros((len(Ledger._fields), ACCOUNTS), np.int64)
    ledger[0] = parameters.cash * E8
    return {
        "ledger": ledger,
        "orders": np.zeros((3, ACCOUNTS), np.int64),
        "fee_ppm": np.full(ACCOUNTS, settings_of(parameters, rules).first_fee_ppm, np.int64),
        "turnover_e8": np.zeros((1 + ACCOUNTS, fees.DAYS), np.int64),
        "hour": np.zeros((), np.int64),
    }


def ledger_of(state: PortfolioState) -> Ledger:
    """Return the ledger by name."""
    return Ledger(*tf.unstack(state.ledger))


def orders_of(state: PortfolioState) -> Orders:
    """Return the orders by name."""
    packed, at, at_ns = tf.unstack(state.orders)
    return Orders(
        side=packed % 4, at=at, at_ns=at_ns, left_us=packed // 8, has_left=packed // 4 % 2
    )


def _packed(orders: Orders) -> Tensor:
    """Pack orders for `orders_of`; older states have zeros in the fields added since."""
    combined = orders.side + 4 * orders.has_left + 8 * orders.left_us
    packed = tf.where(orders.side == NONE, tf.zeros_like(combined), combined)
    return tf.stack([packed, orders.at, orders.at_ns])


def _left_us(row: Row) -> Tensor:
    """Return when a row was taken up, in µs; rounded up, so that no earlier receipt is after it."""
    return (row.taken_ns + 999) // 1_000


def fill(state: PortfolioState, row: Row, settings: Settings) -> tuple[PortfolioState, Execution]:
    """Fill the orders that are due at this tick; return the accounts and our fill."""
    orders = orders_of(state)
    late = is_late(row, settings)
    waits = (orders.side != NONE) & ~row.breaks & ~row.halted
    orders = _seen_leaving(orders, row, settings)
    due = waits & row.valid & ~late & _has_arrived(orders, row, settings)
    left = tf.where(waits & ~due, orders.side, NONE)
    hour = row.time_ns // fees.HOUR_NS
    # Most ticks fill no order, and a branch that is not taken costs no time.
    ledger, fee_ppm, turnover_e8, execution = tf.cond(
        tf.reduce_any(due) | (hour != state.hour),
        lambda: _settle(state, tf.where(due, orders.side, NONE), row, settings),
        lambda: (
            state.ledger,
            state.fee_ppm,
            state.turnover_e8,
            tf.zeros(len(Execution._fields), tf.int64),
        ),
    )
    filled = PortfolioState(
        ledger=ledger,
        orders=_packed(orders._replace(side=left)),
        fee_ppm=fee_ppm,
        turnover_e8=turnover_e8,
        hour=hour,
    )
    return filled, Execution(*tf.unstack(execution))


def _seen_leaving(orders: Orders, row: Row, settings: Settings) -> Orders:
    """Return the orders with the times of sending that this tick shows."""
    is_later = (orders.left_us > 0) & (_left_us(row) > orders.left_us)
    is_first = is_later & (orders.has_left == 0)
    held_up = row.delay_ns > tf.minimum(settings.latency_ns, settings.late_ns)
    return orders._replace(
        left_us=tf.where(is_first & held_up, _left_us(row), orders.left_us),
        has_left=tf.where(is_later, tf.ones_like(orders.has_left), orders.has_left),
    )


def _has_arrived(orders: Orders, row: Row, settings: Settings) -> Tensor:
    """Return whether each order reached the exchange before this tick, by both clocks."""
    by_stamp = row.time_ns - orders.at_ns >= settings.latency_ns
    known = (row.taken_ns > 0) & (orders.left_us > 0)
    lasted_us = (row.taken_ns - row.delay_ns) // 1_000 - orders.left_us
    was_set_back = lasted_us < -(settings.late_ns // 1_000)
    return by_stamp & (~known | (lasted_us >= settings.latency_ns // 1_000) | was_set_back)


def order(state: PortfolioState, action: Tensor, row: Row, settings: Settings) -> PortfolioState:
    """Place our order (NONE, BUY, SELL) and those of the other accounts, where none waits yet."""
    ledger, orders = ledger_of(state), orders_of(state)
    ours = tf.cast(action, tf.int64)
    flat = ledger.position_e8 == 0
    chances = randomness.fractions(
        RANDOM_TRADERS, seed=settings.seed, stream=randomness.ENTRIES, offset=row.offset
    )
    # Every random trader owes one trip for each of ours. It enters with a probability per tick of
    # what it owes times our own rate of entries: 2 * entries / offset, since about half of all
    # records are ticks. So a random trader trades as often as we do, some time after us.
    owed = tf.cast(ledger.round_trips[OURS] - ledger.entries[FIRST_RANDOM:], tf.float64)
    rate = 2.0 * tf.cast(ledger.entries[OURS], tf.float64)
    enters = chances * tf.cast(row.offset + 1, tf.float64) < owed * rate
    holding_ns = ledger.held_ns[OURS] // tf.maximum(ledger.round_trips[OURS], 1)
    leaves = row.time_ns - ledger.entered_ns[FIRST_RANDOM:] >= holding_ns
    none, buy, sell = (tf.constant(side, tf.int64) for side in (NONE, BUY, SELL))
    random = tf.where(
        flat[FIRST_RANDOM:], tf.where(enters, buy, none), tf.where(leaves, sell, none)
    )
    holder = tf.where(ledger.entries[BUY_HOLD] == 0, buy, none)
    tradable = row.valid & ~row.halted & ~is_late(row, settings)
    others = tf.where(tradable, tf.concat([holder[None], random], 0), none)
    actions = tf.concat([ours[None], others], 0)
    places = (actions != NONE) & (orders.side == NONE)
    at, at_ns, left_us = (
        tf.fill([ACCOUNTS], value)
        for value in (row.offset, row.time_ns + row.delay_ns, _left_us(row))
    )
    waiting = Orders(actions, at, at_ns, left_us, has_left=tf.zeros_like(actions))
    placed = _packed(waiting)
    return state._replace(orders=tf.where(places, placed, state.orders))


def equities_e8(state: PortfolioState, row: Row) -> Tensor:
    """Return cash plus the position at the mid, int64[ACCOUNTS]; at the last price where the mid is
    not valid.
    """
    ledger = ledger_of(state)
    value_e8 = product_e8(ledger.position_e8, _middle_e8(row))
    return tf.minimum(ledger.cash_e8 + value_e8, E8_MAX)


def _middle_e8(row: Row) -> Tensor:
    middle_e8 = (row.bid_e8 + row.ask_e8) // 2
    return tf.where(row.valid, middle_e8, tf.maximum(row.last_e8, 0))


def _settle(
    state: PortfolioState, side: Tensor, row: Row, settings: Settings
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return ledger, fees, daily turnover and our execution after fills on these sides."""
    ledger, day = ledger_of(state), row.time_ns // fees.DAY_NS
    fee_ppm = _fee_ppm(state, day, row, settings)
    buys, sells = side == BUY, side == SELL
    prices_e8, volumes_e8, known = _levels(row, buys)
    # The part of the budget that can buy volume, so that volume and fee together fit the budget.
    budget_e8 = tf.minimum(ledger.cash_e8, settings.order_cash_e8)
    net_e8 = before_share_e8(budget_e8, fee_ppm)
    enough = quotient_e8(net_e8, prices_e8[:, 0]) >= settings.amount_min_e8
    bought_e8 = _affordable_e8(net_e8, prices_e8, volumes_e8, settings)
    none = tf.zeros_like(bought_e8)
    wanted_e8 = tf.where(
        buys, tf.where(enough, bought_e8, none), tf.where(sells, ledger.position_e8, none)
    )
    taken_e8 = tf.clip_by_value(
        wanted_e8[:, None] - tf.cumsum(volumes_e8, 1, exclusive=True), 0, volumes_e8
    )
    volume_e8 = tf.reduce_sum(taken_e8, 1)
    down_e8, up_e8 = total_e8(taken_e8, prices_e8)
    value_e8 = tf.where(buys, up_e8, down_e8)
    fee_e8 = share_up_e8(value_e8, fee_ppm)
    after = _booked(ledger, buys, volume_e8, value_e8, fee_e8, row)

    beyond_e8 = tf.abs(prices_e8 - prices_e8[:, :1])
    _, slippage_e8 = total_e8(taken_e8, beyond_e8)
    count = tf.reduce_sum(tf.cast(taken_e8 > 0, tf.int64), 1)
    execution = Execution(
        side=tf.where(volume_e8 > 0, side, NONE),
        price_e8=_mean_price_e8(taken_e8, prices_e8, beyond_e8, buys),
        volume_e8=volume_e8,
        value_e8=value_e8,
        fee_e8=fee_e8,
        slippage_e8=slippage_e8,
        levels=tf.where(known, count, 0),
        ordered_at=orders_of(state).at,
    )
    turnover_e8 = _with_turnover(state.turnover_e8, day, value_e8)
    return tf.stack(after), fee_ppm, turnover_e8, tf.stack([part[OURS] for part in execution])


def _fee_ppm(state: PortfolioState, day: Tensor, row: Row, settings: Settings) -> Tensor:
    """Return what each account pays: as the exchange does, anew at the first tick of an hour."""
    days, turnover_e8 = state.turnover_e8[0], state.turnover_e8[1:]
    # Each place has its day's number, so a moment of a wrong clock overwrites one day only.
    counts = (day - days >= 0) & (day - days < fees.DAYS)
    recent_e8 = tf.reduce_sum(tf.where(counts, turnover_e8, 0), 1)
    is_new = row.time_ns // fees.HOUR_NS != state.hour
    return tf.where(is_new, fees.taker_ppm(recent_e8, settings), state.fee_ppm)


def _with_turnover(turnover_e8: Tensor, day: Tensor, value_e8: Tensor) -> Tensor:
    """Return the daily turnover with this fill added; an older day in the same place is dropped."""
    is_place = tf.range(fees.DAYS, dtype=tf.int64) == day % fees.DAYS
    before_e8 = tf.where(turnover_e8[0] == day, turnover_e8[1:], 0)
    today_e8 = tf.minimum(before_e8 + value_e8[:, None], E8_MAX // fees.DAYS)
    return tf.where(is_place, tf.concat([tf.fill([1, fees.DAYS], day), today_e8], 0), turnover_e8)


def _levels(row: Row, buys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the levels that each account would take: prices and volumes, int64[ACCOUNTS, LEVELS],
    best first, and whether a book is known. No price is better than the newest quote.
    """
    asks_e8 = tf.maximum(row.ask_prices_e8, row.ask_e8)
    bids_e8 = tf.minimum(row.bid_prices_e8, row.bid_e8)
    prices_e8 = tf.where(buys[:, None], asks_e8, bids_e8)
    volumes_e8 = tf.where(buys[:, None], row.ask_volumes_e8, row.bid_volumes_e8)
    known = row.book_valid & (volumes_e8[:, 0] > 0)
    best_e8 = tf.where(buys, row.ask_e8, row.bid_e8)[:, None]
    unlimited_e8 = tf.constant([E8_MAX] + [0] * (LEVELS - 1), tf.int64)
    return (
        tf.where(known[:, None], prices_e8, best_e8),
        tf.where(known[:, None], volumes_e8, unlimited_e8),
        known,
    )


def _affordable_e8(
    net_e8: Tensor, prices_e8: Tensor, volumes_e8: Tensor, settings: Settings
) -> Tensor:
    """Return the volume that an amount of money buys from the levels, int64[ACCOUNTS]."""
    costs_e8 = product_e8(volumes_e8, prices_e8) + tf.cast(volumes_e8 > 0, tf.int64)
    left_e8 = net_e8[:, None] - tf.cumsum(costs_e8, 1, exclusive=True)
    part_e8 = quotient_e8(tf.maximum(left_e8, 0), prices_e8)
    # A level that is affordable is taken whole, because a quotient may be slightly too small.
    taken_e8 = tf.where(left_e8 >= costs_e8, volumes_e8, tf.minimum(part_e8, volumes_e8))
    total = tf.reduce_sum(taken_e8, 1)
    return total // settings.amount_step_e8 * settings.amount_step_e8


def _mean_price_e8(taken_e8: Tensor, prices_e8: Tensor, beyond_e8: Tensor, buys: Tensor) -> Tensor:
    """Return the volume-weighted price, rounded against the account, within the prices taken."""
    taken, beyond = tf.cast(taken_e8, tf.float64), tf.cast(beyond_e8, tf.float64)
    mean = tf.reduce_sum(taken * beyond, 1) / tf.maximum(tf.reduce_sum(taken, 1), 1.0)
    worst_e8 = tf.reduce_max(tf.where(taken_e8 > 0, beyond_e8, tf.zeros_like(beyond_e8)), 1)
    mean_e8 = tf.minimum(tf.cast(tf.math.ceil(mean * (1.0 + 2.0**-49)), tf.int64), worst_e8)
    return prices_e8[:, 0] + tf.where(buys, mean_e8, -mean_e8)


def _booked(
    ledger: Ledger, buys: Tensor, volume_e8: Tensor, value_e8: Tensor, fee_e8: Tensor, row: Row
) -> Ledger:
    """Return the ledger after fills of these volumes; a volume of 0 is no fill."""
    gained_e8 = tf.where(buys, volume_e8, -volume_e8)
    got_e8 = tf.where(buys, -value_e8, value_e8) - fee_e8
    position_e8 = ledger.position_e8 + gained_e8
    began = (ledger.position_e8 == 0) & (position_e8 > 0)
    ended = (ledger.position_e8 > 0) & (position_e8 == 0)
    trip_e8 = ledger.trip_e8 + got_e8
    middle_e8 = _middle_e8(row)
    # Defined so that a fill lowers equity at the mid by exactly the spread cost plus the fee.
    moved_e8 = product_e8(position_e8, middle_e8) - product_e8(ledger.position_e8, middle_e8)
    one, zero = tf.ones_like(began, tf.int64), tf.zeros_like(began, tf.int64)
    lasted_ns = tf.maximum(row.time_ns - ledger.entered_ns, 0)
    return Ledger(
        cash_e8=tf.minimum(ledger.cash_e8 + got_e8, E8_MAX),
        position_e8=position_e8,
        entered_ns=tf.where(began, row.time_ns, ledger.entered_ns),
        trip_e8=tf.where(ended, zero, trip_e8),
        fees_e8=tf.minimum(ledger.fees_e8 + fee_e8, E8_MAX),
        spread_cost_e8=tf.clip_by_value(
            ledger.spread_cost_e8 - moved_e8 - got_e8 - fee_e8, -E8_MAX, E8_MAX
        ),
        turnover_e8=tf.minimum(ledger.turnover_e8 + value_e8, E8_MAX),
        entries=ledger.entries + tf.where(began, one, zero),
        round_trips=ledger.round_trips + tf.where(ended, one, zero),
        winning_trips=ledger.winning_trips + tf.where(ended & (trip_e8 > 0), one, zero),
        held_ns=ledger.held_ns + tf.where(ended, lasted_ns, zero),
    )
