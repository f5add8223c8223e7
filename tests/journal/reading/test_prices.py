"""One reading of the price, whatever a log holds."""

import random
from typing import Any

import numpy as np
import pytest

from engine.market import Column, Market
from eventlog.records import (
    BookUpdate,
    Gap,
    Level,
    Quote,
    Record,
    SessionEnded,
    Side,
    Trade,
    Undecodable,
)
from eventlog.schema import encode
from journal.reading.prices import NEEDS, Prices

SECOND = 10**9
KINDS = {
    "quotes": ("quote",),
    "trades": ("trade",),
    "books": ("book",),
    "quotes and trades": ("quote", "trade"),
    "mixed": ("quote", "trade", "book"),
}


def market_of(kinds: tuple[str, ...], seed: int, count: int = 400) -> list[Record]:
    """Return a market of some kinds of records that is odd now and then: one side empty, crossed,
    clocks that jump, gaps, trades that came late."""
    draw = random.Random(seed)
    records: list[Record] = []
    now_ns = 1_795_219_200 * SECOND
    for number in range(count):
        now_ns += draw.randrange(SECOND)
        stamp = draw.choice([now_ns, now_ns, now_ns, now_ns - SECOND, None])
        if draw.random() < 0.01:
            now_ns += 7_200 * SECOND
        if draw.random() < 0.02:
            records.append(odd(draw, now_ns))
        bid = 100_00000000 + draw.randrange(-50, 50) * 10**6
        ask = bid + draw.choice([10**6, 10**6, 2 * 10**6, 0, -(10**6)])
        times: dict[str, Any] = {"exchange_ns": stamp, "received_ns": now_ns}
        kind = draw.choice(kinds)
        if kind == "quote":
            bid, ask = draw.choice([(bid, ask)] * 9 + [(0, ask)])
            decimals = {"bid_decimals": 2, "ask_decimals": 2, "last_decimals": 2}
            records.append(
                Quote(**times, bid_e8=bid, ask_e8=ask, last_e8=bid, snapshot_id=None, **decimals)
            )
        elif kind == "trade":
            late = draw.random() < 0.1
            side = draw.choice([Side.BUY, Side.SELL, None])
            facts: dict[str, Any] = {"price_decimals": 2, "volume_decimals": 0, "trade_id": number}
            records.append(
                Trade(**times, price_e8=bid, volume_e8=10**8, side=side, backfilled=late, **facts)
            )
        else:
            sides = draw.choice([(bid, ask)] * 9 + [(bid, None), (None, ask)])
            bids, asks = (
                () if price is None else (Level(price, 10**8, 2, 0, 1),) for price in sides
            )
            whole = not number or draw.random() < 0.7
            records.append(
                BookUpdate(
                    **times, bids=bids, asks=asks, snapshot=whole, checksum=None, snapshot_id=None
                )
            )
    return records


def odd(draw: random.Random, now_ns: int) -> Record:
    """Return a record that is no tick."""
    odd: list[Record] = [
        Gap(received_ns=now_ns, from_ns=now_ns - SECOND, to_ns=now_ns, why="cut"),
        Undecodable(received_ns=now_ns, raw=b"?", why="no frame"),
        SessionEnded(received_ns=now_ns, session=1, why="--for", detail="{}"),
    ]
    return draw.choice(odd)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kinds", KINDS)
def test_it_is_what_the_engine_reads(kinds: str, seed: int) -> None:
    """Tick by tick: best prices of a valid market, times and breaks; however it is cut."""
    batch = encode(market_of(KINDS[kinds], seed), first_offset=0)
    rows = Market.initial().fold(batch)
    valid = rows[:, Column.VALID] > 0
    sums_e8 = np.where(valid, rows[:, Column.BID_E8] + rows[:, Column.ASK_E8], 0)

    for step in (batch.num_rows, 37, 1):
        prices = Prices()
        parts = [
            prices.add(batch.slice(start, step).select(NEEDS))
            for start in range(0, batch.num_rows, step)
        ]
        said = [np.concatenate(cells) for cells in zip(*parts, strict=True)]
        offsets, times_ns, breaks, sums, priced = said

        assert offsets.tolist() == rows[:, Column.OFFSET].tolist()
        assert times_ns.tolist() == rows[:, Column.TIME_NS].tolist()
        assert breaks.tolist() == rows[:, Column.BREAK].astype(bool).tolist()
        assert sums.tolist() == sums_e8.tolist()
        assert np.array_equal(np.isfinite(priced) & valid, valid)
        assert priced[valid].tolist() == (sums_e8[valid] / 2e8).tolist()
        newest = prices.now
        assert newest == (priced[-1] if np.isfinite(priced[-1]) else None)


@pytest.mark.parametrize("seed", range(3))
def test_where_only_trades_are_known_the_price_is_the_last_one(seed: int) -> None:
    """A mid there is none; and what came late is no price of its moment."""
    records = market_of(("trade",), seed)
    said = Prices().add(encode(records, first_offset=0))
    trades = [each for each in records if isinstance(each, Trade) and not each.backfilled]

    assert said.prices.tolist() == [trade.price_e8 / 1e8 for trade in trades]
    assert not said.sums_e8.any()


def test_a_market_that_lost_a_side_has_no_price() -> None:
    """Neither the half of a price nor the one before is made up for it."""
    times: dict[str, Any] = {
        "exchange_ns": 1,
        "received_ns": 1,
        "checksum": None,
        "snapshot_id": None,
    }
    bid, ask = Level(10**8, 10**8, 2, 0, 1), Level(3 * 10**8, 10**8, 2, 0, 1)
    records = [
        BookUpdate(**times, bids=(bid,), asks=(ask,), snapshot=True),
        BookUpdate(**times, bids=(bid,), asks=(), snapshot=True),
    ]
    said = Prices().add(encode(records, first_offset=0))

    assert said.prices[0] == 2.0
    assert np.isnan(said.prices[1])
    assert (said.first, said.newest) == (2.0, 2.0)
