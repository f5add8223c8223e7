"""Filling holes from a desk that answers at once."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from eventlog.records import Gap, Health, Input, Trade
from feeds.btcmarkets import backfill, replies
from feeds.btcmarkets.backfill import Backfill
from feeds.btcmarkets.tape import COMPARED, Tape
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


def filled(rest: Any, tape: Tape, *, streams: Sequence[int] = ()) -> list[Input]:
    """Fill once; ``streams`` come by the stream while it settles."""
    kept: list[Input] = []

    async def keep(_: str, records: Sequence[Input]) -> None:
        kept.extend(records)

    async def run() -> None:
        filling = Backfill(rest, {MARKET: tape}, keep, settle_s=0.01, interval_s=60.0)
        task = asyncio.create_task(filling.fill(MARKET))
        await asyncio.sleep(0)
        for each in streams:
            tape.add(each)
        await task

    asyncio.run(run())
    return kept


def ids(records: Sequence[Input]) -> list[int]:
    return [record.trade_id for record in records if isinstance(record, Trade)]


def test_a_hole_of_several_pages_oldest_first() -> None:
    """From the newest page back to the last known trade; all marked, in their order."""
    rest = _Desk(6_000)
    tape = Tape(rest.ids[:100], behind=rest.ids[99])

    kept = filled(rest, tape)

    assert ids(kept) == rest.ids[100:]
    *trades, compared = kept
    assert all(isinstance(record, Trade) and record.backfilled for record in trades)
    assert isinstance(compared, Health)
    assert json.loads(compared.detail) == {COMPARED: rest.ids[-1]}
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

    assert isinstance(kept[0], Gap)
    assert "2 pages" in kept[0].why
    assert ids(kept) == rest.ids[-399:]


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
