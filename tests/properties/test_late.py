"""What was taken up late is learned from and not traded on; nothing fills before it could have."""

import random
from dataclasses import replace
from functools import cache

import pyarrow as pa
import pytest

from engine.account.reasons import LATE
from engine.engine import Engine
from eventlog.records import Decision, Fill, Record, Tick, market_status
from eventlog.schema import decode, encode
from tests.support.markets import MS, SMALL, START_NS, carry, cut, stream

COUNT = 3_000
PARAMETERS = replace(SMALL, latency_ms=100, late_ms=1_000)


@cache
def held_up(seed: int, *, status: bool = False) -> tuple[tuple[Record, ...], dict[int, int]]:
    """Return a market as a session recorded it that stood still now and then, and for each offset
    when the session was done with the batch that it was in: no order of it can have left later.

    A tick comes in some 20 ms after it was stamped. A session takes up what there is, is busy with
    it for a while, and then takes up what came in meanwhile.
    """
    draws = random.Random(seed)
    records = list(stream(COUNT, seed=seed))
    event_ns, clock_ns = START_NS, START_NS
    for place, record in enumerate(records):
        if isinstance(record, Tick) and record.exchange_ns is not None:
            event_ns = max(event_ns, record.exchange_ns)
        clock_ns = max(clock_ns, event_ns + draws.randrange(10, 30) * MS)
        records[place] = replace(record, received_ns=clock_ns)
    if status:
        for place in range(900, COUNT, 900):
            text = ("Post Only", "Online", "Offline")[place // 900 - 1]
            records[place] = market_status(text, received_ns=records[place].received_ns)
    done_ns: dict[int, int] = {}
    free_ns, place = 0, 0
    while place < COUNT:
        taken_ns = max(free_ns, records[place].received_ns + draws.randrange(MS))
        end = place
        while end < COUNT and records[end].received_ns <= taken_ns:
            record = records[end]
            if isinstance(record, Tick):
                records[end] = replace(record, taken_ns=taken_ns)
            end += 1
        busy_ms = (
            1 + draws.randrange(8) + (draws.randrange(4_000) if not draws.randrange(60) else 0)
        )
        free_ns = taken_ns + busy_ms * MS
        done_ns |= dict.fromkeys(range(place, end), free_ns)
        place = end
    return tuple(records), done_ns


def effects(records: tuple[Record, ...], size: int = 1_000) -> tuple[pa.RecordBatch, str]:
    """Return what an engine makes of records in chunks of a size, and its state's digest."""
    engine = Engine.initial(PARAMETERS)
    return carry(engine, cut(encode(records, first_offset=0), size)), engine.digest


@pytest.mark.parametrize("seed", [1, 2])
def test_as_many_decisions_say_so_as_ticks_were_late(seed: int) -> None:
    """Each of them holds, fills nothing, and teaches what it teaches a session that was in time."""
    records, _ = held_up(seed)
    in_time = tuple(
        replace(each, taken_ns=each.received_ns) if isinstance(each, Tick) else each
        for each in records
    )
    made = [each for _, each in decode(effects(records)[0])]
    others = [each for _, each in decode(effects(in_time)[0])]
    late = {
        offset
        for offset, each in enumerate(records)
        if isinstance(each, Tick)
        and each.taken_ns is not None
        and each.taken_ns - each.received_ns > PARAMETERS.late_ms * MS
    }
    decided = [each for each in made if isinstance(each, Decision)]
    twins = [each for each in others if isinstance(each, Decision)]

    assert {each.cause for each in decided if each.reason == LATE} == late & {
        each.cause for each in decided
    }
    assert len(late) > 50
    assert all(each.action == "hold" for each in decided if each.cause in late)
    assert not any(each.cause in late for each in made if isinstance(each, Fill))
    assert not any(each.reason == LATE for each in twins)
    assert [each.fingerprint for each in decided] == [each.fingerprint for each in twins]
    assert [each.p_up for each in decided] == [each.p_up for each in twins]
    assert sum(each.scored for each in decided if each.cause in late) > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_fills_at_a_tick_received_before_its_order_could_be_there(seed: int) -> None:
    """From when the tick was taken up, and from when the session was really done with it: what no
    record says of that, the next tick does, to within the latency.
    """
    records, done_ns = held_up(seed)
    fills = [each for _, each in decode(effects(records)[0]) if isinstance(each, Fill)]

    for fill in fills:
        ordered, tick = records[fill.ordered_at], records[fill.cause]
        assert isinstance(ordered, Tick)
        assert isinstance(tick, Tick)
        assert ordered.taken_ns is not None
        latency_ns = PARAMETERS.latency_ms * MS
        assert tick.received_ns >= ordered.taken_ns + latency_ns
        assert tick.received_ns >= done_ns[fill.ordered_at] - latency_ns
    assert len(fills) > 20


@pytest.mark.parametrize("size", [1, 7, 64])
def test_chunks_change_nothing(size: int) -> None:
    """I7, with late ticks, orders that wait across a stall, and a market that is halted."""
    records, _ = held_up(1, status=True)

    found, digest = effects(records[:1_500], size)

    assert (found.equals(effects(records[:1_500])[0]), digest) == (
        True,
        effects(records[:1_500])[1],
    )


def test_a_market_that_takes_no_market_orders_is_not_traded_on() -> None:
    """Between the status and the one that ends it nobody orders and nothing fills."""
    records, _ = held_up(1, status=True)
    made = [each for _, each in decode(effects(records)[0])]
    halts = (range(900, 1_800), range(2_700, COUNT))

    for each in made:
        if not isinstance(each, Decision | Fill):
            continue
        is_halted = any(each.cause in halt for halt in halts)
        if isinstance(each, Fill):
            assert not is_halted
            continue
        assert (each.reason in ("market not tradable", LATE)) >= is_halted
        assert is_halted >= (each.reason == "market not tradable")
    assert any(isinstance(each, Fill) and each.cause > 1_800 for each in made)
