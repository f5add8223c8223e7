"""The past of a synthetic market leads to it without a seam, however deep it is."""

import itertools
import math

import pytest

from eventlog.records import E8
from feeds.simulator.market import FIRST_TRADE_ID
from feeds.simulator.past import HOLE_MINUTES, MINUTE_NS
from tests.support.pasts import START_NS, market, past, sums


def test_its_trades_are_in_order_with_dense_ids_up_to_the_start() -> None:
    true = past(500)
    trades = list(true.during(0, START_NS))

    assert len(trades) == len(true) > 500
    assert [each.trade_id for each in trades] == list(range(true.oldest_id, FIRST_TRADE_ID + 1))
    assert all(a.at_ns <= b.at_ns for a, b in itertools.pairwise(trades))
    assert trades[-1].at_ns < START_NS
    assert list(true.between(0, 2**63)) == trades
    assert list(true.between(trades[7].trade_id, trades[93].trade_id)) == trades[7:94]
    assert all(each.price_e8 > 0 < each.volume_e8 for each in trades)


@pytest.mark.parametrize("minutes", [1, 60, 400])
def test_a_shallow_past_is_the_end_of_a_deep_one(minutes: int) -> None:
    shallow, deep = past(minutes), past(1_000)
    first = next(shallow.during(0, START_NS), None)

    assert first is not None
    assert list(shallow.during(0, START_NS)) == list(deep.between(first.trade_id, FIRST_TRADE_ID))


def test_it_leads_to_the_first_mid() -> None:
    """The last price of the past is as near to it as a minute moves."""
    *_, last = past(60).during(0, START_NS)
    mid = math.exp(market()._by_id["BTC-AUD"].walk.log_mid)

    assert abs(last.price_e8 / E8 / mid - 1) < 0.005


def test_a_market_of_another_name_has_another_past() -> None:
    assert list(past(60, seed=1).during(0, START_NS)) != list(past(60, seed=2).during(0, START_NS))


def test_none_at_all() -> None:
    true = past(0)

    assert len(true) == 0
    assert list(true.during(0, START_NS)) == list(true.between(0, 2**63)) == []


def test_holes_are_long_and_never_at_the_start_of_the_market() -> None:
    true = past(20 * HOLE_MINUTES, hole_every=4)
    starts = sorted(sums(list(true.during(0, START_NS))))
    holes = [b - a for a, b in itertools.pairwise(starts) if b - a > HOLE_MINUTES * MINUTE_NS]

    assert holes
    assert START_NS - starts[-1] < HOLE_MINUTES * MINUTE_NS
