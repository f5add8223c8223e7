"""Filling holes from a desk that answers at once."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest

from eventlog.records import Gap, Health, Input, Trade, Undecodable
from feeds.btcmarkets import backfill, replies
from feeds.btcmarkets.backfill import Backfill
from feeds.btcmarkets.replies import Page
from feeds.deduplicator import COMPARED, COMPARED_NS, TradeDeduplicator
from feeds.errors import RestRefused, RestUnavailable
from feeds.simulator.source import Frame
from tests.support.desks import MARKET, desk


class _Desk:
    """A client over a desk in this process; ``asked`` are the cursors."""

    def __init__(self, steps: int) -> None:
        self.desk, self.source, self.ids = desk(steps=steps)
        self.asked: list[int | None] = []

    async def trades(self, market: str, *, before: int | None = None) -> Page:
        self.asked.append(before)
        cursor = "" if before is None else f"&before={before}"
        reply = self.desk.answer(f"/v3/markets/{market}/trades?limit=200{cursor}")
        return replies.page_of(json.loads(reply.body), market, 0)


def filled(
    rest: Any,
    deduplicator: TradeDeduplicator,
    *,
    streams: Sequence[int] = (),
    raises: type[Exception] | None = None,
    doubts: list[int] | None = None,
    times: int = 1,
) -> list[Input]:
    """Fill, mostly once; ``streams`` come by the stream meanwhile; it may be that it raises."""
    kept: list[Input] = []

    async def keep(_: str, records: Sequence[Input]) -> None:
        kept.extend(
            each
            for each in records
            if not isinstance(each, Trade) or deduplicator.add(each.trade_id)
        )

    async def run() -> None:
        filling = Backfill(
            rest,
            {MARKET: deduplicator},
            keep,
            doubt=lambda _, trades: None if doubts is None else doubts.extend(ids(trades)),
            settle_s=0.01,
            interval_s=60.0,
        )
        for _ in range(times):
            task = asyncio.create_task(filling.fill(MARKET))
            await asyncio.sleep(0)
            for each in streams:
                deduplicator.add(each)
            await task

    with pytest.raises(raises) if raises else nullcontext():
        asyncio.run(run())
    return kept


def ids(records: Sequence[Input]) -> list[int]:
    return [record.trade_id for record in records if isinstance(record, Trade)]


def test_a_hole_of_several_pages() -> None:
    """From the newest page back to the last known trade; all marked, each page in its order."""
    rest = _Desk(6_000)
    deduplicator = TradeDeduplicator(rest.ids[:100], behind=rest.ids[99])

    kept = filled(rest, deduplicator)

    missing = rest.ids[100:]
    assert ids(kept)[:200] == missing[-200:]
    assert sorted(ids(kept)) == missing
    *trades, compared = kept
    assert all(isinstance(record, Trade) and record.backfilled for record in trades)
    assert isinstance(compared, Health)
    detail = json.loads(compared.detail)
    assert (detail[COMPARED], set(detail)) == (rest.ids[-1], {COMPARED, COMPARED_NS})
    assert len(rest.asked) >= 4
    assert deduplicator.behind is None


def test_the_first_look_takes_nothing() -> None:
    """What was traded before the journal began is not missing from it."""
    rest = _Desk(2_000)
    deduplicator = TradeDeduplicator()

    assert [type(record) for record in filled(rest, deduplicator)] == [Health]
    assert rest.asked == [None]
    assert deduplicator.begun


def test_what_the_stream_brings_meanwhile_came_in_time() -> None:
    """It is not kept a second time."""
    rest = _Desk(1_000)
    deduplicator = TradeDeduplicator(rest.ids[:50], behind=rest.ids[49])

    kept = filled(rest, deduplicator, streams=rest.ids[-3:])

    assert ids(kept) == rest.ids[50:-3]


def test_too_large_a_hole_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fetched is kept, and a gap says that there is more."""
    monkeypatch.setattr(backfill, "PAGES_MAX", 2)
    rest = _Desk(6_000)
    deduplicator = TradeDeduplicator(rest.ids[:10], behind=rest.ids[9])

    kept = filled(rest, deduplicator)

    *trades, gap, compared = kept
    assert isinstance(gap, Gap)
    assert "2 pages" in gap.why
    assert gap.from_ns <= gap.to_ns
    assert isinstance(compared, Health)
    assert sorted(ids(trades)) == rest.ids[-399:]


@pytest.mark.parametrize("pages", [1, 2, 3])
@pytest.mark.parametrize("known", [100, None])
def test_who_ends_between_two_pages_has_kept_those_before(pages: int, known: int | None) -> None:
    """The next one fetches the rest: nothing twice, nothing lost, and only then it is filled.

    With a known hole, and where the look at a complete stream was what found one.
    """
    rest = _Desk(6_000)
    old = rest.ids[:100]
    deduplicator = TradeDeduplicator(old, behind=old[-1]) if known else TradeDeduplicator(old)

    class Ends(_Desk):
        async def trades(self, market: str, *, before: int | None = None) -> Page:
            if len(self.asked) == pages:
                raise RestRefused(url="/trades", status=404, code="Gone", message="gone")
            return await super().trades(market, before=before)

    ending = Ends(0)
    ending.desk, ending.source = rest.desk, rest.source
    first = filled(ending, deduplicator, raises=RestRefused)
    assert len(ids(first)) == 200 * pages - (pages - 1)
    assert not any(isinstance(record, Health) for record in first)
    assert deduplicator.behind == old[-1 if known else 0]

    # In the same process, and in the next one, which knows what stands in the log.
    again = TradeDeduplicator([*old, *ids(first)], behind=old[-1] if known else old[0])
    for each in (again, deduplicator):
        rest.asked.clear()
        rest_of_it = filled(rest, each)
        assert sorted(ids(first) + ids(rest_of_it)) == rest.ids[100:]
        assert each.behind is None


def test_a_trade_that_the_stream_lost_is_found() -> None:
    """Without any known hole the newest page is enough to see it; the stream is then doubted."""
    rest = _Desk(1_000)
    lost = rest.ids[-5]
    deduplicator = TradeDeduplicator([each for each in rest.ids if each != lost])

    doubts: list[int] = []
    assert ids(filled(rest, deduplicator, doubts=doubts)) == [lost]
    assert rest.asked == [None]
    assert doubts == [lost]


def test_a_hole_that_is_known_is_no_doubt() -> None:
    """What a lost connection missed, the stream could not bring."""
    rest = _Desk(1_000)
    doubts: list[int] = []

    filled(rest, TradeDeduplicator(rest.ids[:50], behind=rest.ids[49]), doubts=doubts)

    assert doubts == []


class _Pages:
    """A client whose pages are given, as bodies by their cursors."""

    def __init__(self, pages: dict[int | None, object]) -> None:
        self._pages = pages
        self.asked: list[int | None] = []

    async def trades(self, market: str, *, before: int | None = None) -> Page:
        self.asked.append(before)
        return replies.page_of(self._pages.get(before, []), market, 0)


def row(number: int, **changes: object) -> dict[str, object]:
    time = f"2026-09-23T04:31:{number % 60:02d}.000000Z"
    return {"id": str(number), "price": "1", "amount": "1", "timestamp": time, **changes}


def test_an_odd_row_is_recorded_and_the_hole_is_told_once() -> None:
    """The others are used; and the same page again says nothing new."""
    rest = _Pages({None: [row(9), row(8, timestamp="yesterday"), row(7), row(6), row(5)]})
    deduplicator = TradeDeduplicator([5], behind=5)

    kept = filled(rest, deduplicator, times=3)

    assert ids(kept) == [6, 7, 9]
    (odd,) = [record for record in kept if isinstance(record, Undecodable)]
    assert json.loads(odd.raw)["id"] == "8"
    (gap,) = [record for record in kept if isinstance(record, Gap)]
    assert gap.why.startswith("1 trades of REST could not be read: timestamp")
    assert gap.to_ns - gap.from_ns == 2 * 10**9
    assert deduplicator.behind is None


def test_an_odd_row_that_the_stream_has_brought_is_no_hole() -> None:
    """Its bytes are recorded, and nothing is missing."""
    rest = _Pages({None: [row(9), row(8, price="x"), row(7)]})

    kept = filled(rest, TradeDeduplicator([7, 8, 9]))

    assert [type(record) for record in kept] == [Undecodable, Health]


def test_pages_of_odd_rows_are_walked_by_what_can_be_read() -> None:
    """A page without a single trade is not the last one."""
    odd = [row(number, amount=None) for number in range(20, 10, -1)]
    rest = _Pages({None: odd, 11: [row(10), row(9), row(8)]})

    kept = filled(rest, TradeDeduplicator([8], behind=8))

    assert rest.asked == [None, 11]
    assert ids(kept) == [9, 10]
    assert sum(isinstance(record, Undecodable) for record in kept) == 10


@pytest.mark.parametrize(
    "pages",
    [
        {None: [row(9), row(8)], 8: [row(9), row(8)]},
        {None: [row(9), row(8)], 8: [row(30), row(20)]},
        {None: [5, None, "x"]},
    ],
)
def test_pages_that_lead_nowhere_leave_a_gap(pages: dict[int | None, object]) -> None:
    """The same page again, newer ones, nothing that can be read: the hole is told, and no loop."""
    rest = _Pages(pages)

    kept = filled(rest, TradeDeduplicator([1], behind=1))

    assert len(rest.asked) <= 3
    told = [record.why for record in kept if isinstance(record, Gap)]
    assert any("lead no further" in why for why in told)


def test_endless_pages_end() -> None:
    """Always older trades, and never the one that is known."""

    class Endless(_Pages):
        async def trades(self, market: str, *, before: int | None = None) -> Page:
            self.asked.append(before)
            top = 10**15 if before is None else before
            return replies.page_of([row(top - n) for n in range(1, 200)], market, 0)

    rest = Endless({})

    kept = filled(rest, TradeDeduplicator([1], behind=1))

    assert len(rest.asked) == backfill.PAGES_MAX
    assert any(isinstance(record, Gap) and "more than 250 pages" in record.why for record in kept)


@pytest.mark.parametrize(
    "error",
    [
        RestRefused(url="/trades", status=404, code="Gone", message="gone"),
        RestUnavailable(url="/trades", attempts=6, why="not JSON"),
    ],
)
def test_a_hole_that_cannot_be_asked_for_is_told_after_some_tries(error: Exception) -> None:
    """And from then on tried no more often than the stream is looked after anyway."""
    kept: list[Input] = []
    asked: list[int] = []

    class Refusing:
        async def trades(self, market: str, *, before: int | None = None) -> Page:
            asked.append(1)
            raise error

    async def keep(_: str, records: Sequence[Input]) -> None:
        kept.extend(records)

    async def run() -> None:
        filling = Backfill(
            Refusing(),  # type: ignore[arg-type]
            {MARKET: TradeDeduplicator([1], behind=1)},
            keep,
            doubt=lambda *_: None,
            settle_s=0.001,
            interval_s=60.0,
        )
        filling.wake(MARKET)
        task = asyncio.create_task(filling.run())
        while not kept:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())

    (gap,) = kept
    assert isinstance(gap, Gap)
    assert gap.why.startswith("trades could not be compared with REST: /trades")
    assert len(asked) == backfill.TRIES_MAX


def test_frames_are_published_in_rest_words() -> None:
    """The desk knows a trade once the market has said it."""
    rest = _Desk(0)
    text = json.dumps(
        {"tradeId": 5, "price": "1", "volume": "2", "timestamp": "2026-09-23T04:31:09.259Z"}
    )
    rest.desk.publish(Frame(MARKET, "trade", text), 1)

    (trade,) = asyncio.run(rest.trades(MARKET)).trades

    assert (trade.trade_id, trade.side) == (5, None)
