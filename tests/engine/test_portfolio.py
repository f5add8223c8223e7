"""The paper account: fills by hand, and rounding that never makes money (I8)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import portfolio
from engine.arithmetic import tf
from engine.money import E8_MAX
from engine.parameters import Parameters
from engine.portfolio import BUY, NONE, SELL, Execution, PortfolioState
from engine.row import Row
from tests.markets import row

E8 = 10**8


def account(parameters: Parameters, **fields: int) -> PortfolioState:
    """Return an account at the start, with some fields replaced."""
    state = PortfolioState(
        **{name: tf.constant(array) for name, array in portfolio.genesis(parameters).items()}
    )
    replaced = {
        name: tf.constant(value, getattr(state, name).dtype) for name, value in fields.items()
    }
    return state._replace(**replaced)


def whole(state: PortfolioState | Execution) -> dict[str, int]:
    """Return the fields as Python's integers."""
    return {name: int(value) for name, value in state._asdict().items()}


def test_the_account_begins_with_cash_only() -> None:
    """Nothing is held and nothing is ordered."""
    state = whole(account(Parameters(cash=5_000)))

    assert state == {
        "cash_e8": 5_000 * E8,
        "position_e8": 0,
        "entered_ns": 0,
        "order_side": NONE,
        "order_at": 0,
    }


def test_a_buy_by_hand() -> None:
    """1 000 at a fee of 1 % and an ask of 100: 990.0990099 for the volume, 9.9 for the fee."""
    parameters = Parameters(fee_ppm=10_000, order_cash=1_000)
    before = account(parameters, order_side=BUY, order_at=7)
    tick = row(bid_e8=99 * E8, ask_e8=100 * E8, time_ns=123)

    after, done = portfolio.fill(before, tick, parameters)

    volume_e8 = 9_90099009
    value_e8 = volume_e8 * 100 + 1
    fee_e8 = -(-value_e8 // 100)
    assert whole(done) == {
        "side": BUY,
        "price_e8": 100 * E8,
        "volume_e8": volume_e8,
        "fee_e8": fee_e8,
        "ordered_at": 7,
    }
    assert whole(after) == {
        "cash_e8": 10_000 * E8 - value_e8 - fee_e8,
        "position_e8": volume_e8,
        "entered_ns": 123,
        "order_side": NONE,
        "order_at": 7,
    }


def test_a_sale_by_hand() -> None:
    """The whole position goes at the bid; value rounded down, fee rounded up."""
    parameters = Parameters(fee_ppm=8_500)
    before = account(
        parameters, order_side=SELL, order_at=9, position_e8=33_333_333, cash_e8=0, entered_ns=5
    )

    after, done = portfolio.fill(before, row(bid_e8=301, ask_e8=302, time_ns=8), parameters)

    assert 33_333_333 * 301 // E8 == 100
    assert whole(done)["fee_e8"] == 1
    assert whole(after) == {
        "cash_e8": 99,
        "position_e8": 0,
        "entered_ns": 5,
        "order_side": NONE,
        "order_at": 9,
    }


def test_an_order_waits_for_a_valid_market() -> None:
    """Without a valid market nothing fills and the order stays."""
    parameters = Parameters()
    before = account(parameters, order_side=BUY, order_at=7)

    after, done = portfolio.fill(before, row(valid=False, ask_e8=100 * E8), parameters)

    assert whole(after) == whole(before)
    assert whole(done)["side"] == NONE


@pytest.mark.parametrize("valid", [True, False])
def test_a_break_cancels_an_order(valid: bool) -> None:
    """What was decided on the market before a break does not trade on the one after it."""
    parameters = Parameters()
    before = account(parameters, order_side=BUY)
    tick = row(valid=valid, breaks=True, bid_e8=99 * E8, ask_e8=100 * E8)

    after, done = portfolio.fill(before, tick, parameters)

    assert whole(after) == whole(before) | {"order_side": NONE}
    assert whole(done)["side"] == NONE


def test_an_action_becomes_an_order() -> None:
    """Buying and selling wait with the tick's offset; holding leaves what waits."""
    state = account(Parameters())
    seven = tf.constant(7, tf.int64)

    ordered = portfolio.order(state, tf.constant(SELL), seven)
    held = portfolio.order(ordered, tf.constant(NONE), tf.constant(9, tf.int64))

    assert whole(ordered) == whole(state) | {"order_side": SELL, "order_at": 7}
    assert whole(held) == whole(ordered)


def test_equity_is_cash_and_the_position_at_the_mid() -> None:
    """Without a valid mid the last price stands in."""

    def tick(*, valid: bool) -> Row:
        return row(valid=valid, bid_e8=10 * E8, ask_e8=11 * E8, last_e8=9 * E8)

    state = account(Parameters(cash=1_000), position_e8=2 * E8)

    assert int(portfolio.equity_e8(state, tick(valid=True))) == 1_021 * E8
    assert int(portfolio.equity_e8(state, tick(valid=False))) == 1_018 * E8


@pytest.mark.parametrize("last_e8", [-1, -(10**18) + 1])
def test_a_last_price_below_nothing_is_nothing(last_e8: int) -> None:
    """A log can hold it; a position is not worth less than nothing."""
    state = account(Parameters(cash=1_000), position_e8=E8_MAX)

    assert int(portfolio.equity_e8(state, row(valid=False, last_e8=last_e8))) == 1_000 * E8


def test_an_account_holds_what_a_log_can_hold() -> None:
    """A volume bought at an absurd price and sold at a usual one is not more than that."""
    parameters = Parameters(cash=1_001, order_cash=1_000, fee_ppm=0)
    before = account(parameters, order_side=BUY)
    usual = row(bid_e8=60_000 * E8, ask_e8=60_001 * E8)

    held, bought = portfolio.fill(before, row(bid_e8=1, ask_e8=2), parameters)
    left, _ = portfolio.fill(held._replace(order_side=tf.constant(SELL)), usual, parameters)

    assert whole(bought)["volume_e8"] == E8_MAX
    assert int(portfolio.equity_e8(held, usual)) == E8_MAX
    assert whole(left)["cash_e8"] == E8_MAX


@settings(max_examples=150, deadline=None)
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
    parameters = Parameters(cash=cash, order_cash=order_cash, fee_ppm=fee_ppm)
    tick = row(bid_e8=bid_e8, ask_e8=bid_e8 + spread_e8)

    held, bought = portfolio.fill(account(parameters, order_side=BUY), tick, parameters)
    left, sold = portfolio.fill(held._replace(order_side=tf.constant(SELL)), tick, parameters)

    before, during, after = cash * E8, whole(held), whole(left)
    volume, price, fee = (whole(bought)[name] for name in ("volume_e8", "price_e8", "fee_e8"))
    assert 0 <= before - during["cash_e8"] <= order_cash * E8
    assert (before - during["cash_e8"] - fee) * E8 > volume * price
    assert fee * 1_000_000 * E8 >= volume * price * fee_ppm
    gained = after["cash_e8"] - during["cash_e8"]
    assert (gained + whole(sold)["fee_e8"]) * E8 <= volume * bid_e8
    assert after["position_e8"] == 0
    assert after["cash_e8"] < before or not volume
