"""I5: effects of tick n depend on records 0 … n only. I6: a decision fills only at a later tick."""

import random
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.engine import Engine
from eventlog.records import BookUpdate, Decision, Fill, Gap, Quote, Record, SessionStarted, Trade
from eventlog.schema import decode, encode
from tests.support.markets import CENT_E8, SMALL, carry, cut, journal, quote, stream
from tests.support.strategies import records as any_record

COUNT = 900


def effects(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return all effects of a journal, carried in one chunk."""
    return carry(Engine.initial(SMALL), [batch])


def until(batch: pa.RecordBatch, cause: int) -> pa.RecordBatch:
    """Return the effects of ticks before an offset."""
    return batch.filter(pa.compute.less(batch.column("cause"), cause))


@pytest.mark.parametrize("cut", [1, 2, 150, 301, 477, 620, 899])
def test_another_future_does_not_change_the_past(cut: int) -> None:
    """After the cut a wholly different market follows; before it not a bit differs."""
    future = list(stream(COUNT, seed=9))[cut:]
    other = encode([*stream(COUNT)[:cut], *future], first_offset=0)

    mine, theirs = effects(journal(COUNT)), effects(other)

    assert until(mine, cut).equals(until(theirs, cut))
    assert cut == COUNT - 1 or not mine.equals(theirs)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 399), st.lists(any_record, max_size=5))
def test_no_record_changes_what_was_before_it(place: int, planted: list[Record]) -> None:
    """Whatever is put into a journal, and whatever of it ends there."""
    changed = encode([*stream(400)[:place], *planted, *stream(400)[place:]], first_offset=0)

    mine, theirs = effects(journal(400)), effects(changed.slice(0, 420))

    assert until(mine, place).equals(until(theirs, place))


def test_a_journal_s_beginning_has_the_effects_of_the_whole() -> None:
    """A chunk's later ticks are there when its earlier ones are carried, and are not looked at."""
    whole = effects(journal(COUNT))

    for end in (1, 5, 299, 640):
        assert effects(journal(COUNT).slice(0, end)).equals(until(whole, end))


def test_orders_fill_at_the_first_later_valid_tick_at_its_prices_or_worse() -> None:
    """Each fill beside the decision that asked for it and the market that it met."""
    records = stream(3_000)
    engine = Engine.initial(replace(SMALL, latency_ms=0))
    found = carry(engine, [journal(3_000).slice(start, 500) for start in range(0, 3_000, 500)])
    decided: dict[int, Decision] = {}
    fills: list[Fill] = []
    for _, record in decode(found):
        if isinstance(record, Decision):
            decided[record.cause] = record
        elif isinstance(record, Fill):
            fills.append(record)
    prices = best_prices(records)

    assert len(fills) > 50
    for fill in fills:
        assert fill.cause > fill.ordered_at
        assert decided[fill.ordered_at].action == fill.side
        between = range(fill.ordered_at + 1, fill.cause)
        # What stands between is no tick, or a tick without a valid market; a break would cancel.
        for offset in between:
            assert offset not in decided or decided[offset].reason == "market not valid"
        assert not any(isinstance(records[n], Gap | SessionStarted) for n in between)
        bid_e8, ask_e8 = prices[fill.cause]
        # The walk into the book makes it worse, never better.
        assert (fill.price_e8 >= ask_e8) if fill.side == "buy" else (fill.price_e8 <= bid_e8)
    ordered = {n for n, decision in decided.items() if decision.action != "hold"}
    assert {fill.ordered_at for fill in fills} <= ordered


def best_prices(records: tuple[Record, ...]) -> dict[int, tuple[int, int]]:
    """Return the best bid and ask after each tick, by a simple reading of the records."""
    bid_e8 = ask_e8 = 0
    books: list[dict[int, int]] = [{}, {}]
    valid, first_id = False, 0
    found = {}
    for offset, record in enumerate(records):
        if isinstance(record, Gap):
            valid = False
        elif isinstance(record, Quote):
            bid_e8, ask_e8 = record.bid_e8, record.ask_e8
        elif isinstance(record, BookUpdate):
            if record.snapshot:
                books, valid, first_id = [{}, {}], True, record.snapshot_id or 0
            if valid and (record.snapshot_id or 0) >= first_id:
                for side, levels in zip(books, (record.bids, record.asks), strict=True):
                    side.update({level.price_e8: level.volume_e8 for level in levels})
                valid = record.checksum != 12345  # the planted one
                if valid:
                    bid_e8 = max(price for price, volume in books[0].items() if volume)
                    ask_e8 = min(price for price, volume in books[1].items() if volume)
        if isinstance(record, Quote | Trade | BookUpdate):
            found[offset] = (bid_e8, ask_e8)
    return found


def test_a_break_cancels_an_order() -> None:
    """Put a gap behind an order: it does not fill, then or later."""
    records = stream(COUNT)
    found = [record for _, record in decode(effects(journal(COUNT)))]
    fill = next(record for record in found if isinstance(record, Fill))
    gap = Gap(received_ns=0, from_ns=0, to_ns=0, why="test")
    planted = [*records[: fill.ordered_at + 1], gap, *records[fill.ordered_at + 1 :]]

    after = [record for _, record in decode(effects(encode(planted, first_offset=0)))]

    assert not any(isinstance(r, Fill) and r.ordered_at == fill.ordered_at for r in after)
    ordered = next(r for r in after if isinstance(r, Decision) and r.cause == fill.ordered_at)
    assert ordered.action == fill.side


def fair_market(count: int, *, peeks: bool) -> list[Record]:
    """Return quotes of a mid that goes up or down by the toss of a coin at each.

    With ``peeks`` the last trade's price of each stands on the side to which the mid will have gone
    at the horizon, which nobody knows.
    """
    draws, middles = random.Random(3), [100_000]
    for _ in range(count + 3):
        middles.append(middles[-1] + draws.choice((-1, 1)))
    records: list[Record] = []
    for place in range(count):
        middle_e8 = middles[place] * CENT_E8
        # Quotes come 150 ms apart, so at the horizon of 400 ms the second behind is in force.
        leads = middles[place + 2] - middles[place] if peeks else 0
        last_e8 = middle_e8 + leads * CENT_E8 // 2
        bid_e8, ask_e8 = middle_e8 - CENT_E8, middle_e8 + CENT_E8
        records.append(quote(bid_e8, ask_e8, at_ms=150 * place, last_e8=last_e8))
    return records


def skill(*, peeks: bool) -> float:
    """Return the share of moves foreseen rightly in the second half of a fair market."""
    count, engine = 3_000, Engine.initial(SMALL)
    batch = encode(fair_market(count, peeks=peeks), first_offset=0)
    found = [
        record
        for _, record in decode(carry(engine, cut(batch, 1_000)))
        if isinstance(record, Decision) and record.cause > count // 2
    ]
    return sum(each.scored_hits for each in found) / sum(each.scored for each in found)


def test_nothing_is_foreseen_where_nothing_can_be() -> None:
    """About 750 labels move, each overlapping one other, so 0.08 is three deviations or more. Any
    feature or label that looked ahead would show as skill.
    """
    assert abs(skill(peeks=False) - 0.5) < 0.08


def test_looking_ahead_shows_as_skill() -> None:
    """The same market with its future told: this is what a leak would look like."""
    assert skill(peeks=True) > 0.8


def test_late_news_is_not_known_early() -> None:
    """A trade's stamp from before the tick it follows does not let it into what was then."""
    records = list(stream(400))
    place = next(n for n in range(200, 400) if isinstance(records[n], Trade))
    late = records[place]
    assert isinstance(late, Trade)
    assert late.exchange_ns is not None
    records[place] = replace(late, exchange_ns=late.exchange_ns - 10**9)

    mine, theirs = effects(journal(400)), effects(encode(records, first_offset=0))

    assert until(mine, place).equals(until(theirs, place))
