"""Filling holes from a desk that answers at once."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest

from eventlog.records import Gap, Health, Input, Trade
from feeds.btcmarkets import backfill, replies
from feeds.btcmarkets.backfill import Backfill
from feeds.btcmarkets.tape import COMPARED, COMPARED_NS, Tape
from feeds.errors import RestRefused
from feeds.exchange.source import Frame
from tests.feeds.exchange.test_rest import MARKET, desk


class _Desk:
    """A client over a desk in this process; ``asked`` are the cursors."""

    def __init__(self, steps: int) -> None:
        self.desk, self.source, self.ids = desk(steps=steps)
        self.asked: list[int | None] = []

    async def trades(self, market: str, *, before: int | None = None) -> list[Trade]:
        self.asked.append(before)
        cursor = "" if before is None else f"&before={before}"
        reply = self.desk.answer(f"/v3/markets/{market}/trades?limit=200{cursor}")
        return replies.trades_of(json.loads(reply.body), 0)


def filled(
    rest: Any,
    tape: Tape,
    *,
    streams: Sequence[int] = (),
    raises: type[Exception] | None = None,
) -> list[Input]:
    """Fill once; ``streams`` come by the stream while it settles; it may be that it raises."""
    kept: list[Input] = []

    async def keep(_: str, records: Sequence[Input]) -> None:
        kept.extend(
            each for each in records if not isinstance(each, Trade) or tape.add(each.trade_id)
        )

    async def run() -> None:
        filling = Backfill(rest, {MARKET: tape}, keep, settle_s=0.01, interval_s=60.0)
        task = asyncio.create_task(filling.fill(MARKET))
        await asyncio.sleep(0)
        for each in streams:
            tape.add(each)
        await task

    with pytest.raises(raises) if raises else nullcontext():
        asyncio.run(run())
    return kept


def ids(records: Sequence[Input]) -> list[int]:
    return [record.trade_id for record in records if isinstance(record, Trade)]


def test_a_hole_of_several_pages() -> None:
    """From the newest page back to the last known trade; all marked, each page in its order."""
    rest = _Desk(6_000)
    tape = Tape(rest.ids[:100], behind=rest.ids[99])

    kept = filled(rest, tape)

    missing = rest.ids[100:]
    assert ids(kept)[:200] == missing[-200:]
    assert sorted(ids(kept)) == missing
    *trades, compared = kept
    assert all(isinstance(record, Trade) and record.backfilled for record in trades)
    assert isinstance(compared, Health)
    detail = json.loads(compared.detail)
    assert (detail[COMPARED], set(detail)) == (rest.ids[-1], {COMPARED, COMPARED_NS})
    assert len(rest.asked) >= 4
    assert tape.behind is None


def test_the_first_look_takes_nothing() -> None:
    """What was traded before the journal began is not missing from it."""
    rest = _Desk(2_000)
    tape = Tape()

    assert [type(record) for record in filled(rest, tape)] == [Health]
    assert rest.asked == [None]
    assert tape.begun


def test_what_the_stream_brings_meanwhile_came_in_time() -> None:
    """It is not kept a second time."""
    rest = _Desk(1_000)
    tape = Tape(rest.ids[:50], behind=rest.ids[49])

    kept = filled(rest, tape, streams=rest.ids[-3:])

    assert ids(kept) == rest.ids[50:-3]


def test_too_large_a_hole_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fetched is kept, and a gap says that there is more."""
    monkeypatch.setattr(backfill, "PAGES_MAX", 2)
    rest = _Desk(6_000)
    tape = Tape(rest.ids[:10], behind=rest.ids[9])

    kept = filled(rest, tape)

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
    tape = Tape(old, behind=old[-1]) if known else Tape(old)

    class Ends(_Desk):
        async def trades(self, market: str, *, before: int | None = None) -> list[Trade]:
            if len(self.asked) == pages:
                raise RestRefused(url="/trades", status=404, code="Gone", message="gone")
            return await super().trades(market, before=before)

    ending = Ends(0)
    ending.desk, ending.source = rest.desk, rest.source
    first = filled(ending, tape, raises=RestRefused)
    assert len(ids(first)) == 200 * pages - (pages - 1)
    assert not any(isinstance(record, Health) for record in first)
    assert tape.behind == old[-1 if known else 0]

    # In the same process, and in the next one, which knows what stands in the log.
    again = Tape([*old, *ids(first)], behind=old[-1] if known else old[0])
    for each in (again, tape):
        rest.asked.clear()
        rest_of_it = filled(rest, each)
        assert sorted(ids(first) + ids(rest_of_it)) == rest.ids[100:]
        assert each.behind is None


def test_a_trade_that_the_stream_lost_is_found() -> None:
    """Without any known hole the newest page is enough to see it."""
    rest = _Desk(1_000)
    lost = rest.ids[-5]
    tape = Tape([each for each in rest.ids if each != lost])

    assert ids(filled(rest, tape)) == [lost]
    assert rest.asked == [None]


def test_frames_are_published_in_rest_words() -> None:
    """The desk knows a trade once the market has said it."""
    rest = _Desk(0)
    text = json.dumps(
        {"tradeId": 5, "price": "1", "volume": "2", "timestamp": "2026-09-23T04:31:09.259Z"}
    )
    rest.desk.publish(Frame(MARKET, "trade", text), 1)

    (trade,) = asyncio.run(rest.trades(MARKET))

    assert (trade.trade_id, trade.side) == (5, None)
