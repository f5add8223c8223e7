"""Rows of REST that cannot be read: told once, and what they may stand for."""

from dataclasses import replace

from eventlog.records import Gap, Undecodable
from feeds.btcmarkets.oddities import KEPT_A_LIST_MAX, REMEMBERED_MAX, Oddities, recorded
from feeds.btcmarkets.replies import OddRow, Page
from feeds.deduplicator import TradeDeduplicator
from tests.support.handwritten import page as trades_of

AT_NS = 100


def odd(number: int, *, trade_id: int | None = None, raw: bytes = b"{}") -> OddRow:
    return OddRow(number=number, raw=raw, why="no price", trade_id=trade_id)


def page(*rows: OddRow, ids: tuple[int, ...] = ()) -> Page:
    timed = [replace(trade, exchange_ns=trade.trade_id) for trade in trades_of(ids)]
    return Page(trades=tuple(timed), odd=rows)


def test_a_row_is_recorded_once() -> None:
    """However often the page that it stands on is looked at."""
    oddities, deduplicator = Oddities(), TradeDeduplicator([5], behind=5)
    first = page(odd(0, trade_id=7))

    told = oddities.records(first, deduplicator, AT_NS)

    assert [type(record) for record in told] == [Undecodable, Gap]
    assert oddities.records(first, deduplicator, AT_NS) == []
    assert oddities.new(first.odd, AT_NS) == []


def test_a_trade_that_is_known_is_no_hole() -> None:
    """Its row is recorded, and nothing is missing."""
    told = Oddities().records(page(odd(0, trade_id=5)), TradeDeduplicator([4, 5]), AT_NS)

    assert [type(record) for record in told] == [Undecodable]


def test_a_hole_lies_between_its_neighbours() -> None:
    """The gap reaches from the newest older trade to the oldest newer one."""
    told = Oddities().records(page(odd(1), ids=(20, 10)), TradeDeduplicator([5], behind=5), AT_NS)

    (gap,) = [record for record in told if isinstance(record, Gap)]
    assert (gap.from_ns, gap.to_ns) == (10, 20)


def test_of_many_only_some_are_kept() -> None:
    """The others are counted."""
    *kept, rest = recorded([odd(number) for number in range(KEPT_A_LIST_MAX + 3)], AT_NS)

    assert len(kept) == KEPT_A_LIST_MAX
    assert rest.why.startswith("3 more rows")


def test_what_was_told_is_remembered_within_a_bound() -> None:
    """The oldest is forgotten first, and told again."""
    oddities = Oddities()
    rows = [odd(0, raw=b"%d" % number) for number in range(REMEMBERED_MAX + 1)]
    oddities.new(rows, AT_NS)

    assert oddities.new(rows[1:], AT_NS) == []
    assert len(oddities.new(rows[:1], AT_NS)) == 1
