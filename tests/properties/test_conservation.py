"""I8: money is integer, and equity changes only by fills, fees and price."""

from dataclasses import replace
from functools import cache

import pytest

from engine.engine import Engine
from engine.market import Column, Market
from engine.parameters import Parameters
from eventlog.records import Decision, Fill, Side
from eventlog.schema import decode
from tests.markets import SMALL, carry, cut, journal

E8 = 10**8
COUNT = 3_000
WITH_FEES = replace(SMALL, fee_ppm=20, confidence_floor=0.5, cash=50_000, order_cash=20_000)


@cache
def records(parameters: Parameters, seed: int) -> list[Decision | Fill]:
    """Return the effects of a long journal."""
    effects = carry(Engine.genesis(parameters), cut(journal(COUNT, seed=seed), 1000))
    found = [record for _, record in decode(effects)]
    return [record for record in found if isinstance(record, Decision | Fill)]


JOURNEYS = pytest.mark.parametrize(
    ("parameters", "seed"), [(SMALL, 1), (SMALL, 2), (WITH_FEES, 1)], ids=["1", "2", "fees"]
)


@JOURNEYS
def test_the_account_follows_from_its_fills(parameters: Parameters, seed: int) -> None:
    """Cash, position and equity at every tick, from the fills alone, in Python's integers."""
    rows = Market.genesis().fold(journal(COUNT, seed=seed)).tolist()
    market = {cells[Column.OFFSET]: cells for cells in rows}
    cash_e8, position_e8, fills = parameters.cash * E8, 0, 0
    for record in records(parameters, seed):
        if isinstance(record, Fill):
            exact = record.price_e8 * record.volume_e8  # in 1e-16
            if record.side is Side.BUY:
                cash_e8 -= exact // E8 + 1 + record.fee_e8
                position_e8 += record.volume_e8
            else:
                cash_e8 += exact // E8 - record.fee_e8
                position_e8 -= record.volume_e8
            fills += 1
            continue
        cells = market[record.cause]
        middle_e8 = (cells[Column.BID_E8] + cells[Column.ASK_E8]) // 2
        price_e8 = middle_e8 if cells[Column.VALID] else cells[Column.LAST_E8]
        equity_e8 = cash_e8 + position_e8 * price_e8 // E8
        assert (record.cash_e8, record.position_e8) == (cash_e8, position_e8), record.cause
        assert record.equity_e8 == equity_e8, record.cause
    assert fills > 20


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
def test_fills_alternate_and_sell_all(parameters: Parameters, seed: int) -> None:
    """Long or flat: a buy, then a sale of what was bought."""
    fills = [record for record in records(parameters, seed) if isinstance(record, Fill)]

    assert [fill.side for fill in fills] == [Side.BUY, Side.SELL] * (len(fills) // 2) + (
        [Side.BUY] if len(fills) % 2 else []
    )
    for bought, sold in zip(fills[::2], fills[1::2], strict=False):
        assert sold.volume_e8 == bought.volume_e8


@JOURNEYS
def test_rounding_is_always_against_us(parameters: Parameters, seed: int) -> None:
    """A buy pays at least the exact value, a sale earns at most it, a fee is at least its share."""
    for record in records(parameters, seed):
        if not isinstance(record, Fill):
            continue
        exact = record.price_e8 * record.volume_e8
        assert record.fee_e8 * E8 * 1_000_000 >= (exact - E8) * parameters.fee_ppm
        value_e8 = exact // E8 + (record.side is Side.BUY)
        assert record.fee_e8 == -(-value_e8 * parameters.fee_ppm // 1_000_000)
