"""The paper accounts: fills by hand, and beside plain whole numbers; rounding never gains (I8)."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.account import fees, portfolio
from engine.account.money import E8_MAX
from engine.account.portfolio import (
    ACCOUNTS,
    BUY,
    BUY_HOLD,
    FIRST_RANDOM,
    NONE,
    OURS,
    RANDOM_TRADERS,
    SELL,
    Execution,
    Ledger,
    Orders,
    PortfolioState,
)
from engine.arithmetic import Tensor, tf
from engine.parameters import Parameters
from engine.row import Row
from engine.settings import settings_of
from tests.support.markets import row

E8 = 10**8
MS = 10**6
HOUR = fees.HOUR_NS
FREE = Parameters(fee_ppm=0, latency_ms=0)
Levels = list[tuple[int, int]]


def accounts(parameters: Parameters, who: int = OURS, **fields: int) -> PortfolioState:
    """Return the accounts at the start, with fields of one of them replaced."""
    state = portfolio.initial_state(parameters)
    for name, value in fields.items():
        if name.startswith("order_"):
            state["orders"][Orders._fields.index(name.removeprefix("order_")), who] = value
        else:
            state["ledger"][Ledger._fields.index(name), who] = value
    return PortfolioState(**{name: tf.constant(array) for name, array in state.items()})


def fill(
    state: PortfolioState, tick: Row, parameters: Parameters
) -> tuple[PortfolioState, Execution]:
    return portfolio.fill(state, tick, settings_of(parameters))


def order(
    state: PortfolioState, action: Tensor, tick: Row, parameters: Parameters
) -> PortfolioState:
    return portfolio.order(state, action, tick, settings_of(parameters))


def ledger(state: PortfolioState, who: int = OURS) -> dict[str, int]:
    """Return one account's ledger as Python's integers."""
    return {name: int(value[who]) for name, value in portfolio.ledger_of(state)._asdict().items()}


def waiting(state: PortfolioState, who: int = OURS) -> tuple[int, int, int]:
    """Return side, offset and time of the order that waits."""
    side, at, at_ns, *_ = (int(value[who]) for value in portfolio.orders_of(state))
    return side, at, at_ns


MARKET: dict[str, Any] = {"bid_e8": 99 * E8, "ask_e8": 100 * E8}


def tick_of(*, event_ms: int, received_ms: int, taken_ms: int, **more: Any) -> Row:
    """Return a row with a quote, its times on two clocks that began at `HOUR`."""
    return row(
        **MARKET,
        time_ns=HOUR + event_ms * MS,
        delay_ns=(taken_ms - received_ms) * MS,
        taken_ns=HOUR + taken_ms * MS,
        **more,
    )


def ordered(parameters: Parameters, tick: Row) -> PortfolioState:
    """Return the accounts after an order of ours at a tick."""
    return order(accounts(parameters), tf.constant(BUY), tick, parameters)


def filled_at(state: PortfolioState, parameters: Parameters, *ticks: Row) -> int | None:
    """Return at which of some ticks the order of ours fills."""
    for number, tick in enumerate(ticks):
        state, done = fill(state, tick, parameters)
        if whole(done)["side"] == BUY:
            return number
    return None


def whole(execution: Execution) -> dict[str, int]:
    """Return an execution as Python's integers."""
    return {name: int(value) for name, value in execution._asdict().items()}


class Taken(NamedTuple):
    """What the plain walk takes of some levels."""

    volume_e8: int
    exact: int  # in 1e-16
    beyond: int  # the part that the walk behind the best price cost
    levels: int


def walk(levels: Levels, volume_e8: int) -> Taken:
    """Take a volume from levels, best first."""
    volume = exact = beyond = count = 0
    for price_e8, there_e8 in levels:
        part = min(there_e8, volume_e8 - volume)
        volume, exact, count = volume + part, exact + part * price_e8, count + (part > 0)
        beyond += part * abs(price_e8 - levels[0][0])
    return Taken(volume, exact, beyond, count)


def affordable(levels: Levels, net_e8: int) -> int:
    """Return the volume that so much money buys; a level taken whole is paid rounded up."""
    volume = 0
    for price_e8, there_e8 in levels:
        cost_e8 = there_e8 * price_e8 // E8 + (there_e8 > 0)
        if cost_e8 > net_e8:
            return volume + min(there_e8, net_e8 * E8 // price_e8)
        volume, net_e8 = volume + there_e8, net_e8 - cost_e8
    return volume


def test_the_accounts_begin_with_cash_only() -> None:
    """Nothing is held, nothing is ordered, all have the same."""
    state = accounts(Parameters(cash=5_000))

    for who in range(ACCOUNTS):
        assert ledger(state, who) == dict.fromkeys(Ledger._fields, 0) | {"cash_e8": 5_000 * E8}
        assert waiting(state, who)[0] == NONE
    assert set(state.fee_ppm.numpy()) == {8_500}


def test_a_buy_by_hand() -> None:
    """1 000 at a fee of 1 %: 990.0990099 for the volume, 6 units of it at 100, the rest at 101."""
    parameters = Parameters(fee_ppm=10_000, order_cash=1_000, latency_ms=0)
    before = accounts(parameters, order_side=BUY, order_at=7)
    asks = [(100 * E8, 6 * E8), (101 * E8, 50 * E8)]
    tick = row(bids=[(99 * E8, E8)], asks=asks, bid_e8=99 * E8, ask_e8=100 * E8, time_ns=HOUR)

    after, done = fill(before, tick, parameters)

    net_e8 = 1_000 * E8 * 100 // 101
    second_e8 = (net_e8 - 600 * E8 - 1) * E8 // (101 * E8)
    value_e8 = 600 * E8 + second_e8 * 101
    fee_e8 = -(-value_e8 // 100)
    volume_e8 = 6 * E8 + second_e8
    found = whole(done)
    assert found.pop("price_e8") == -(-value_e8 * E8 // volume_e8)
    assert found == {
        "side": BUY,
        "volume_e8": volume_e8,
        "value_e8": value_e8,
        "fee_e8": fee_e8,
        "slippage_e8": second_e8,
        "levels": 2,
        "ordered_at": 7,
    }
    spread_cost_e8 = value_e8 - volume_e8 * 199 // 2
    assert ledger(after) == {
        "cash_e8": 10_000 * E8 - value_e8 - fee_e8,
        "position_e8": volume_e8,
        "entered_ns": HOUR,
        "trip_e8": -value_e8 - fee_e8,
        "fees_e8": fee_e8,
        "spread_cost_e8": spread_cost_e8,
        "turnover_e8": value_e8,
        "entries": 1,
        "round_trips": 0,
        "winning_trips": 0,
        "held_ns": 0,
    }
    assert waiting(after)[0] == NONE
    assert ledger(after, BUY_HOLD) == ledger(before, BUY_HOLD)


def test_a_sale_by_hand() -> None:
    """The whole position goes at the bid; value rounded down, fee rounded up; the trip is over."""
    parameters = Parameters(fee_ppm=8_500)
    before = accounts(
        parameters, order_side=SELL, order_at=9, position_e8=33_333_333, cash_e8=0,
        entered_ns=50 * MS, trip_e8=-98, entries=1, spread_cost_e8=3,
    )  # fmt: skip
    tick = row(bid_e8=301, ask_e8=303, time_ns=200 * MS)

    after, done = fill(before, tick, parameters)

    assert 33_333_333 * 301 // E8 == 100
    assert whole(done)["fee_e8"] == 1
    assert whole(done)["levels"] == 0
    assert ledger(after) == {
        "cash_e8": 99,
        "position_e8": 0,
        "entered_ns": 50 * MS,
        "trip_e8": 0,
        "fees_e8": 1,
        "spread_cost_e8": 3 + 33_333_333 * 302 // E8 - 100,
        "turnover_e8": 100,
        "entries": 1,
        "round_trips": 1,
        "winning_trips": 1,
        "held_ns": 150 * MS,
    }


def test_what_the_book_does_not_hold_is_cancelled() -> None:
    """A part of the position is left, and the trip goes on; no order waits."""
    before = accounts(FREE, order_side=SELL, position_e8=5 * E8, trip_e8=-9, entries=1)
    bids = [(10 * E8, E8), (9 * E8, 2 * E8)]
    tick = row(bids=bids, asks=[(11 * E8, E8)], bid_e8=10 * E8, ask_e8=11 * E8, time_ns=HOUR)

    after, done = fill(before, tick, FREE)

    assert whole(done)["volume_e8"] == 3 * E8
    assert whole(done)["price_e8"] == 28 * E8 // 3
    assert whole(done)["slippage_e8"] == 2 * E8
    assert ledger(after)["position_e8"] == 2 * E8
    assert (ledger(after)["round_trips"], waiting(after)[0]) == (0, NONE)


def test_a_newer_quote_is_believed_where_it_is_worse() -> None:
    """The book says 100, the quote 102: the first levels cost 102."""
    asks = [(100 * E8, 10**7), (101 * E8, 10**7), (103 * E8, 10**9)]
    tick = row(bids=[(99 * E8, E8)], asks=asks, bid_e8=99 * E8, ask_e8=102 * E8, time_ns=HOUR)

    _, done = fill(accounts(FREE, order_side=BUY), tick, FREE)

    assert whole(done)["slippage_e8"] > 0
    assert 102 * E8 < whole(done)["price_e8"] < 103 * E8


@pytest.mark.parametrize(("latency_ms", "fills"), [(0, True), (5, True), (6, False)])
def test_an_order_takes_its_time(latency_ms: int, fills: bool) -> None:
    """It fills at the first tick that is late enough."""
    parameters = Parameters(latency_ms=latency_ms)
    before = accounts(parameters, order_side=BUY, order_at=7, order_at_ns=HOUR)
    tick = row(bid_e8=99 * E8, ask_e8=100 * E8, time_ns=HOUR + 5 * MS)

    after, done = fill(before, tick, parameters)

    assert (whole(done)["side"] == BUY) == fills
    assert waiting(after) == (NONE if fills else BUY, 7, HOUR)


SLOW = Parameters(fee_ppm=0, latency_ms=100, late_ms=1_000)


def test_an_order_leaves_when_its_tick_is_taken_up() -> None:
    """Its latency counts from there: what was received before it could be there fills nothing."""
    state = ordered(SLOW, tick_of(event_ms=0, received_ms=20, taken_ms=620))
    ticks = [
        tick_of(event_ms=550, received_ms=570, taken_ms=620),  # in the same batch, but later
        tick_of(event_ms=690, received_ms=710, taken_ms=711),  # 90 ms after it left
        tick_of(event_ms=700, received_ms=720, taken_ms=721),
    ]

    assert waiting(state) == (BUY, 0, HOUR + 600 * MS)
    assert filled_at(state, SLOW, *ticks) == 2


def test_a_tick_that_was_stamped_later_but_received_before_fills_nothing() -> None:
    """A network that held everything back brings a burst: all of it came in before the decision."""
    state = ordered(SLOW, tick_of(event_ms=0, received_ms=5_000, taken_ms=5_001))
    ticks = [
        tick_of(event_ms=4_000, received_ms=5_001, taken_ms=5_001),
        tick_of(event_ms=5_200, received_ms=5_220, taken_ms=5_221),
    ]

    assert filled_at(state, SLOW, *ticks) == 1


@pytest.mark.parametrize(("late_ms", "fills"), [(1_199, False), (1_200, True)])
def test_nothing_fills_at_a_late_tick(late_ms: int, fills: bool) -> None:
    """It waits, however long it has been there; the bound itself is in time."""
    parameters = replace(SLOW, late_ms=late_ms)
    state = ordered(parameters, tick_of(event_ms=0, received_ms=0, taken_ms=1))
    ticks = [
        tick_of(event_ms=50, received_ms=50, taken_ms=51),  # by now it had left
        tick_of(event_ms=800, received_ms=800, taken_ms=2_000),
        tick_of(event_ms=2_100, received_ms=2_100, taken_ms=2_101),
    ]

    assert filled_at(state, parameters, *ticks) == (1 if fills else 2)


def test_a_session_that_was_held_up_had_not_sent_its_order() -> None:
    """The disk stalls between taking up and deciding: what came in meanwhile waits as long as the
    session did, and the order counts from there.
    """
    state = ordered(SLOW, tick_of(event_ms=0, received_ms=0, taken_ms=1))
    ticks = [
        tick_of(event_ms=500, received_ms=500, taken_ms=900),
        tick_of(event_ms=890, received_ms=890, taken_ms=900),
        tick_of(event_ms=990, received_ms=990, taken_ms=991),
        tick_of(event_ms=1_000, received_ms=1_000, taken_ms=1_400),
    ]

    assert filled_at(state, SLOW, *ticks) == 3


def test_a_session_that_is_always_busy_trades_all_the_same() -> None:
    """What proves that an order has left proves it once: no later wait moves it any more."""
    state = ordered(SLOW, tick_of(event_ms=0, received_ms=0, taken_ms=150))
    ticks = [
        tick_of(event_ms=at + 1, received_ms=at + 1, taken_ms=at + 151)
        for at in range(0, 3_000, 150)
    ]

    assert filled_at(state, SLOW, *ticks) == 2


def test_a_clock_that_was_set_back_leaves_the_order_to_the_exchange_s() -> None:
    """Our clock says nothing then; it does not keep the order for an hour."""
    state = ordered(SLOW, tick_of(event_ms=0, received_ms=3_600_000, taken_ms=3_600_001))
    ticks = [
        tick_of(event_ms=90, received_ms=60, taken_ms=61),
        tick_of(event_ms=101, received_ms=71, taken_ms=72),
    ]

    assert filled_at(state, SLOW, *ticks) == 1


def test_where_nobody_says_when_a_tick_was_taken_up_only_stamps_count() -> None:
    """As in every journal of before, to the bit: nothing else stands in the state."""
    state = ordered(SLOW, row(**MARKET, time_ns=HOUR))

    assert state.orders[:, OURS].numpy().tolist() == [BUY, 0, HOUR]
    assert filled_at(state, SLOW, row(**MARKET, time_ns=HOUR + 100 * MS)) == 0


def test_an_exchange_that_takes_no_market_orders_refuses_them() -> None:
    """What waits is gone, of every account; nobody places any."""
    state = ordered(SLOW, tick_of(event_ms=0, received_ms=0, taken_ms=1))
    halted = tick_of(event_ms=200, received_ms=200, taken_ms=201, halted=1)

    after, done = fill(state, halted, SLOW)
    after = order(after, tf.constant(NONE), halted, SLOW)

    assert whole(done)["side"] == NONE
    assert [waiting(after, who)[0] for who in range(ACCOUNTS)] == [NONE] * ACCOUNTS


@pytest.mark.parametrize(("taken_ms", "orders"), [(1_000, True), (1_001, False)])
def test_no_account_orders_on_a_late_tick(taken_ms: int, orders: bool) -> None:
    """Not the one that buys and holds, nor those that draw their moment."""
    tick = tick_of(event_ms=0, received_ms=0, taken_ms=taken_ms, offset=1_000)
    state = accounts(SLOW, round_trips=10**6, entries=10**6)

    after = order(state, tf.constant(NONE), tick, SLOW)

    sides = [waiting(after, who)[0] for who in range(BUY_HOLD, ACCOUNTS)]
    assert sides == [BUY if orders else NONE] * (ACCOUNTS - BUY_HOLD)


def test_an_order_waits_for_a_valid_market() -> None:
    """Without a valid market nothing fills and the order stays."""
    before = accounts(FREE, order_side=BUY, order_at=7)

    after, done = fill(before, row(valid=False, ask_e8=100 * E8), FREE)

    assert ledger(after) == ledger(before)
    assert waiting(after) == waiting(before)
    assert whole(done)["side"] == NONE


@pytest.mark.parametrize("valid", [True, False])
def test_a_break_cancels_an_order(valid: bool) -> None:
    """What was decided on the market before a break does not trade on the one after it."""
    before = accounts(FREE, order_side=BUY)
    tick = row(valid=valid, breaks=True, bid_e8=99 * E8, ask_e8=100 * E8, time_ns=HOUR)

    after, done = fill(before, tick, FREE)

    assert ledger(after) == ledger(before)
    assert waiting(after)[0] == NONE
    assert whole(done)["side"] == NONE


def test_amounts_have_an_increment_and_a_minimum() -> None:
    """10 at a price of 3 buy 3.33; if 4 are the least that may be bought, nothing."""
    tick = row(bid_e8=2 * E8, ask_e8=3 * E8, time_ns=HOUR)
    for least, volume_e8 in ((333_000_000, 333_000_000), (4 * E8, 0)):
        parameters = Parameters(
            fee_ppm=0, latency_ms=0, order_cash=10, amount_decimals=2, amount_min_e8=least
        )

        after, done = fill(accounts(parameters, order_side=BUY), tick, parameters)

        assert whole(done)["volume_e8"] == volume_e8
        assert (whole(done)["side"] == BUY) == (volume_e8 > 0)
        assert waiting(after)[0] == NONE


def test_fees_follow_the_volume_of_thirty_days() -> None:
    """Anew every hour; a day that is thirty days ago counts no more."""
    parameters = Parameters(latency_ms=0, order_cash=10_000)
    at_ns = 100 * fees.DAY_NS
    state = accounts(parameters, order_side=BUY)

    bought, first = fill(state, row(time_ns=at_ns, bid_e8=99 * E8, ask_e8=100 * E8), parameters)
    same_hour, _ = fill(
        bought, row(time_ns=at_ns + HOUR - 1, bid_e8=99 * E8, ask_e8=100 * E8), parameters
    )
    next_hour, _ = fill(
        same_hour, row(time_ns=at_ns + HOUR, bid_e8=99 * E8, ask_e8=100 * E8), parameters
    )
    last_day = at_ns + 29 * fees.DAY_NS
    kept, _ = fill(next_hour, row(time_ns=last_day, bid_e8=99 * E8, ask_e8=100 * E8), parameters)
    gone, _ = fill(
        kept, row(time_ns=last_day + fees.DAY_NS, bid_e8=99 * E8, ask_e8=100 * E8), parameters
    )

    value_e8 = whole(first)["value_e8"]
    assert whole(first)["fee_e8"] == -(-value_e8 * 8_500 // 10**6)
    assert 9_000 * E8 < value_e8 < 18_000 * E8
    assert int(same_hour.fee_ppm[OURS]) == 8_500
    assert int(next_hour.fee_ppm[OURS]) == int(kept.fee_ppm[OURS]) == 7_000
    assert int(gone.fee_ppm[OURS]) == int(kept.fee_ppm[BUY_HOLD]) == 8_500


def test_a_flat_fee_stays() -> None:
    """Whatever is traded."""
    parameters = Parameters(fee_ppm=7, latency_ms=0)
    before = accounts(parameters, order_side=BUY)

    after, _ = fill(before, row(time_ns=HOUR, bid_e8=99 * E8, ask_e8=100 * E8), parameters)
    later, _ = fill(after, row(time_ns=9 * HOUR, bid_e8=99 * E8, ask_e8=100 * E8), parameters)

    assert set(later.fee_ppm.numpy()) == {7}


def waits(state: PortfolioState, action: int, tick: Row) -> PortfolioState:
    """Let an action of ours wait."""
    return order(state, tf.constant(action), tick, FREE)


def test_an_action_becomes_an_order() -> None:
    """Buying and selling wait with the tick's offset and time; holding leaves what waits."""
    state = accounts(FREE)

    ordered = waits(state, SELL, row(offset=7, time_ns=70))
    held = waits(ordered, NONE, row(offset=9, time_ns=90))

    assert waiting(ordered) == waiting(held) == (SELL, 7, 70)


def test_the_holder_buys_once() -> None:
    """At the first valid tick, and never again."""
    invalid = waits(accounts(FREE), NONE, row(valid=False))
    ordered = waits(accounts(FREE), NONE, row(offset=3))
    done = waits(accounts(FREE, BUY_HOLD, entries=1, position_e8=1), NONE, row(offset=4))

    assert waiting(invalid, BUY_HOLD)[0] == waiting(done, BUY_HOLD)[0] == NONE
    assert waiting(ordered, BUY_HOLD)[:2] == (BUY, 3)


def test_random_traders_enter_as_often_as_we_and_hold_as_long() -> None:
    """Over many ticks on which we trade: trips, and time held, within a few of ours."""
    parameters = Parameters(fee_ppm=0, latency_ms=0, seed=3)
    state = accounts(parameters)
    run = tf.function(
        lambda state, action, tick: order(
            fill(state, tick, parameters)[0], action, tick, parameters
        )
    )
    for index in range(2_000):
        tick = row(offset=2 * index, time_ns=index * MS, bid_e8=99 * E8, ask_e8=100 * E8)
        action = {0: BUY, 7: SELL}.get(index % 40, NONE)
        state = run(state, tf.constant(action), tick)

    table = portfolio.ledger_of(state)
    ours, others = (np.array(table)[:, part] for part in (OURS, slice(FIRST_RANDOM, None)))
    entries = list(Ledger._fields).index("entries")
    held = list(Ledger._fields).index("held_ns")
    assert ours[entries] == 50
    assert all(ours[entries] - 5 <= count <= ours[entries] for count in others[entries])
    assert others[held].mean() == pytest.approx(ours[held], rel=0.3)
    assert len(set(others[held].tolist())) > 1
    assert len(others[entries]) == RANDOM_TRADERS


def test_equity_is_cash_and_the_position_at_the_mid() -> None:
    """Without a valid mid the last price stands in."""

    def tick(*, valid: bool) -> Row:
        return row(valid=valid, bid_e8=10 * E8, ask_e8=11 * E8, last_e8=9 * E8)

    state = accounts(Parameters(cash=1_000), position_e8=2 * E8)

    assert int(portfolio.equities_e8(state, tick(valid=True))[OURS]) == 1_021 * E8
    assert int(portfolio.equities_e8(state, tick(valid=False))[OURS]) == 1_018 * E8
    assert int(portfolio.equities_e8(state, tick(valid=True))[BUY_HOLD]) == 1_000 * E8


@pytest.mark.parametrize("last_e8", [-1, -(10**18) + 1])
def test_a_last_price_below_nothing_is_nothing(last_e8: int) -> None:
    """A log can hold it; a position is not worth less than nothing."""
    state = accounts(Parameters(cash=1_000), position_e8=E8_MAX)

    equities_e8 = portfolio.equities_e8(state, row(valid=False, last_e8=last_e8))

    assert int(equities_e8[OURS]) == 1_000 * E8


def test_an_account_holds_what_a_log_can_hold() -> None:
    """A volume bought at an absurd price and sold at a usual one is not more than that."""
    parameters = Parameters(cash=1_001, order_cash=1_000, fee_ppm=0, latency_ms=0)
    before = accounts(parameters, order_side=BUY)
    usual = row(bid_e8=60_000 * E8, ask_e8=60_001 * E8, time_ns=HOUR)

    held, bought = fill(before, row(bid_e8=1, ask_e8=2), parameters)
    sells = held._replace(orders=accounts(parameters, order_side=SELL).orders)
    left, sold = fill(sells, usual, parameters)

    assert whole(bought)["volume_e8"] == E8_MAX
    assert int(portfolio.equities_e8(held, usual)[OURS]) == E8_MAX
    assert ledger(left)["cash_e8"] == whole(sold)["value_e8"] == E8_MAX
    assert all(abs(value) <= E8_MAX for value in ledger(left).values())


@st.composite
def books(draw: st.DrawFn) -> tuple[Levels, Levels]:
    """Draw both sides of a book, best first; there may be fewer levels than a row shows."""
    volumes = st.integers(1, 10**6) | st.integers(1, 10**12)
    steps = st.integers(1, 10**7)
    price_e8 = draw(st.integers(10**4, 10**14))
    bids, asks = [], []
    low_e8 = high_e8 = price_e8
    for _ in range(draw(st.integers(1, 5))):
        high_e8 += draw(steps)
        asks.append((high_e8, draw(volumes)))
    for _ in range(draw(st.integers(1, 5))):
        low_e8 -= draw(steps)
        if low_e8 > 0:
            bids.append((low_e8, draw(volumes)))
    return bids or [(1, 1)], asks


@settings(max_examples=200, deadline=None)
@given(
    book=books(),
    fee_ppm=st.integers(0, 100_000),
    order_cash=st.integers(1, 10**5),
    decimals=st.integers(2, 8),
    position_e8=st.integers(1, 10**12),
)
def test_walking_is_what_plain_whole_numbers_say(
    book: tuple[Levels, Levels], fee_ppm: int, order_cash: int, decimals: int, position_e8: int
) -> None:
    """Both sides of random books: volume, value, fee, slippage, mean price; never better than the
    best price, never more than was to be spent, never more than there is.
    """
    bids, asks = book
    parameters = Parameters(
        cash=10**5, order_cash=order_cash, fee_ppm=fee_ppm, latency_ms=0,
        amount_decimals=decimals, amount_min_e8=0,
    )  # fmt: skip
    tick = row(bids=bids, asks=asks, bid_e8=bids[0][0], ask_e8=asks[0][0], time_ns=HOUR)
    before = accounts(parameters, position_e8=position_e8, order_side=SELL)
    table = before.orders.numpy()
    table[0, BUY_HOLD] = BUY
    before = before._replace(orders=tf.constant(table))

    after, sold = fill(before, tick, parameters)
    holder, done = ledger(after, BUY_HOLD), whole(sold)

    taken = walk(bids, position_e8)
    assert done["volume_e8"] == taken.volume_e8
    assert done["value_e8"] == taken.exact // E8
    assert done["fee_e8"] == -(-done["value_e8"] * fee_ppm // 10**6)
    assert done["slippage_e8"] == -(-taken.beyond // E8)
    assert done["levels"] == taken.levels
    mean_e8 = taken.exact / taken.volume_e8
    assert bids[taken.levels - 1][0] <= done["price_e8"] <= bids[0][0]
    assert mean_e8 - 2 - mean_e8 * 2**-45 <= done["price_e8"] <= mean_e8 * (1 + 2**-50)

    budget_e8 = order_cash * E8
    wanted_e8 = affordable(asks, budget_e8 * 10**6 // (10**6 + fee_ppm))
    step_e8 = 10 ** (8 - decimals)
    volume_e8 = holder["position_e8"]
    assert volume_e8 % step_e8 == 0
    assert wanted_e8 - wanted_e8 / 2**48 - 1 - step_e8 < volume_e8 <= wanted_e8
    bought = walk(asks, volume_e8)
    assert bought.volume_e8 == volume_e8
    value_e8 = -(-bought.exact // E8)
    fee_e8 = -(-value_e8 * fee_ppm // 10**6)
    assert 10**5 * E8 - holder["cash_e8"] == value_e8 + fee_e8 <= budget_e8
    assert value_e8 * E8 >= volume_e8 * asks[0][0]


@settings(max_examples=100, deadline=None)
@given(
    cash=st.integers(1, 10**9),
    share=st.integers(1, 10**9),
    fee_ppm=st.integers(0, 100_000),
    bid_e8=st.integers(1, 10**16),
    spread_e8=st.integers(1, 10**9),
)
def test_going_in_and_out_costs_at_least_spread_and_fees(
    cash: int, share: int, fee_ppm: int, bid_e8: int, spread_e8: int
) -> None:
    """For any parameters: an order never spends more than it may, and rounding never gains."""
    order_cash = max(1, cash * share // 10**9)
    parameters = Parameters(
        cash=cash, order_cash=order_cash, fee_ppm=fee_ppm, latency_ms=0, amount_min_e8=0
    )
    tick = row(bid_e8=bid_e8, ask_e8=bid_e8 + spread_e8)

    held, bought = fill(accounts(parameters, order_side=BUY), tick, parameters)
    sells = held._replace(orders=accounts(parameters, order_side=SELL).orders)
    left, sold = fill(sells, tick, parameters)

    before, during, after = cash * E8, ledger(held), ledger(left)
    volume, price, fee = (whole(bought)[name] for name in ("volume_e8", "price_e8", "fee_e8"))
    assert 0 <= before - during["cash_e8"] <= order_cash * E8
    assert (before - during["cash_e8"] - fee) * E8 >= volume * price
    assert fee * 1_000_000 * E8 >= volume * price * fee_ppm
    gained = after["cash_e8"] - during["cash_e8"]
    assert (gained + whole(sold)["fee_e8"]) * E8 <= volume * bid_e8
    assert after["position_e8"] == 0
    assert after["cash_e8"] < before or not volume


@settings(max_examples=100, deadline=None)
@given(book=books(), side=st.sampled_from([BUY, SELL]), fee_ppm=st.integers(0, 100_000))
def test_a_fill_takes_fee_and_crossing_from_equity_and_nothing_else(
    book: tuple[Levels, Levels], side: int, fee_ppm: int
) -> None:
    """Equity at the mid before and after, exactly (I8)."""
    bids, asks = book
    parameters = Parameters(fee_ppm=fee_ppm, latency_ms=0)
    tick = row(bids=bids, asks=asks, bid_e8=bids[0][0], ask_e8=asks[0][0], time_ns=HOUR)
    before = accounts(parameters, position_e8=12_345, order_side=side)

    after, _ = fill(before, tick, parameters)

    lost_e8 = portfolio.equities_e8(before, tick)[OURS] - portfolio.equities_e8(after, tick)[OURS]
    assert int(lost_e8) == ledger(after)["fees_e8"] + ledger(after)["spread_cost_e8"]
    assert ledger(after)["spread_cost_e8"] >= -1
