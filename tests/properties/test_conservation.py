"""I8: money is integer, and equity changes only by fills, fees and price."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from engine.engine import Engine
from engine.market import FIRST_LEVEL, LEVELS, Column, Market
from engine.parameters import Parameters
from eventlog.records import Decision, Fill, Side
from eventlog.schema import decode
from tests.support.markets import SMALL, carry, cut, journal

E8 = 10**8
COUNT = 3_000
WITH_FEES = replace(SMALL, fee_ppm=20, confidence_floor=0.5, cash=50_000, order_cash=20_000)


@cache
def records(parameters: Parameters, seed: int) -> list[Decision | Fill]:
    """Return the effects of a long journal."""
    effects = carry(Engine.initial(parameters), cut(journal(COUNT, seed=seed), 1000))
    found = [record for _, record in decode(effects)]
    return [record for record in found if isinstance(record, Decision | Fill)]


@cache
def market(seed: int) -> dict[int, list[int]]:
    """Return the rows of the same journal by offset."""
    rows = Market.initial().fold(journal(COUNT, seed=seed)).tolist()
    return {cells[Column.OFFSET]: cells for cells in rows}


def middle_e8(cells: list[int]) -> int:
    """Return what a position is valued at."""
    if cells[Column.VALID]:
        return (cells[Column.BID_E8] + cells[Column.ASK_E8]) // 2
    return max(cells[Column.LAST_E8], 0)


JOURNEYS = pytest.mark.parametrize(
    ("parameters", "seed"), [(SMALL, 1), (SMALL, 2), (WITH_FEES, 1)], ids=["1", "2", "fees"]
)


@JOURNEYS
def test_the_account_follows_from_its_fills(parameters: Parameters, seed: int) -> None:
    """Cash, position and equity at every tick, from the fills alone, in Python's integers."""
    cash_e8, position_e8, fees_e8, turnover_e8, fills = parameters.cash * E8, 0, 0, 0, 0
    round_trips, winning_trips, trip_e8, peak_e8, drawdown_e8 = 0, 0, 0, cash_e8, 0
    for record in records(parameters, seed):
        if isinstance(record, Fill):
            assert record.value_e8 is not None
            sign = 1 if record.side is Side.BUY else -1
            cash_e8 -= sign * record.value_e8 + record.fee_e8
            trip_e8 -= sign * record.value_e8 + record.fee_e8
            position_e8 += sign * record.volume_e8
            fees_e8 += record.fee_e8
            turnover_e8 += record.value_e8
            if not position_e8:
                round_trips, winning_trips, trip_e8 = (
                    round_trips + 1,
                    winning_trips + (trip_e8 > 0),
                    0,
                )
            fills += 1
            continue
        equity_e8 = cash_e8 + position_e8 * middle_e8(market(seed)[record.cause]) // E8
        peak_e8 = max(peak_e8, equity_e8)
        drawdown_e8 = max(drawdown_e8, peak_e8 - equity_e8)
        assert (record.cash_e8, record.position_e8) == (cash_e8, position_e8), record.cause
        assert (record.equity_e8, record.drawdown_e8) == (equity_e8, drawdown_e8), record.cause
        assert record.gross_equity_e8 == equity_e8 + fees_e8, record.cause
        assert record.turnover_e8 == turnover_e8, record.cause
        assert (record.round_trips, record.winning_trips) == (round_trips, winning_trips), (
            record.cause
        )
    assert fills > 20
    assert round_trips > 5


@JOURNEYS
def test_equity_changes_only_by_fills_fees_and_price(parameters: Parameters, seed: int) -> None:
    """From one tick to the next: the price of what was held before, then what crossing cost, then
    the fee. A hundred-millionth is what rounding may make of a position's value.
    """
    found = [each for each in records(parameters, seed) if isinstance(each, Decision)]
    for before, after in pairwise(found):
        assert before.spread_cost_e8 is not None
        assert after.spread_cost_e8 is not None
        assert before.gross_equity_e8 is not None
        assert after.gross_equity_e8 is not None
        prices = [middle_e8(market(seed)[each.cause]) for each in (before, after)]
        moved_e8 = before.position_e8 * prices[1] // E8 - before.position_e8 * prices[0] // E8
        crossed_e8 = after.spread_cost_e8 - before.spread_cost_e8
        gross_e8 = after.gross_equity_e8 - before.gross_equity_e8
        assert gross_e8 == moved_e8 - crossed_e8, after.cause
        assert crossed_e8 >= -1, after.cause


@JOURNEYS
def test_nothing_is_ever_owed(parameters: Parameters, seed: int) -> None:
    """Neither cash nor position is below nothing; an order is within its amount."""
    before = parameters.cash * E8
    for record in records(parameters, seed):
        if isinstance(record, Decision):
            assert record.cash_e8 >= 0
            assert record.position_e8 >= 0
            assert before - record.cash_e8 <= parameters.order_cash * E8
            before = record.cash_e8


@JOURNEYS
def test_fills_come_later_and_are_never_better_than_the_best_price(
    parameters: Parameters, seed: int
) -> None:
    """I6, the latency, the book's volume, and the price."""
    for record in records(parameters, seed):
        if not isinstance(record, Fill):
            continue
        cells, ordered = market(seed)[record.cause], market(seed)[record.ordered_at]
        waited_ns = cells[Column.TIME_NS] - ordered[Column.TIME_NS]
        assert record.ordered_at < record.cause
        assert waited_ns >= parameters.latency_ms * 10**6
        assert cells[Column.VALID]
        buys = record.side is Side.BUY
        best_e8 = cells[Column.ASK_E8] if buys else cells[Column.BID_E8]
        assert (record.price_e8 >= best_e8) if buys else (record.price_e8 <= best_e8)
        assert record.levels is not None
        assert record.slippage_e8 is not None
        assert record.slippage_e8 >= 0
        if record.levels:
            first = FIRST_LEVEL + (3 if buys else 1) * LEVELS
            assert record.volume_e8 <= sum(cells[first : first + LEVELS])
        else:
            assert not cells[Column.BOOK_VALID]
            assert record.price_e8 == best_e8


@JOURNEYS
def test_a_trip_is_a_buy_and_sales_of_all_of_it(parameters: Parameters, seed: int) -> None:
    """Long or flat: nothing is bought on top of a position, nothing is sold that is not held."""
    held_e8 = 0
    for record in records(parameters, seed):
        if not isinstance(record, Fill):
            continue
        if record.side is Side.BUY:
            assert held_e8 == 0
            held_e8 = record.volume_e8
        else:
            held_e8 -= record.volume_e8
            assert held_e8 >= 0


@JOURNEYS
def test_rounding_is_always_against_us(parameters: Parameters, seed: int) -> None:
    """The mean price times the volume is at least what a buy paid, at most what a sale got; a fee
    is at least its share.
    """
    for record in records(parameters, seed):
        if not isinstance(record, Fill):
            continue
        assert record.value_e8 is not None
        product = record.price_e8 * record.volume_e8
        if record.side is Side.BUY:
            assert product >= (record.value_e8 - 1) * E8
        else:
            assert product <= (record.value_e8 + 1) * E8
        assert record.fee_e8 == -(-record.value_e8 * parameters.fee_ppm // 1_000_000)
