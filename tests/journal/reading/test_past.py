"""What of the past a log holds, and what of its gaps is missing."""

import json
from pathlib import Path

import pytest

from eventlog.log import Log
from eventlog.records import Candle, Gap, Input, Quote, SessionStarted, Side, Trade
from journal.reading.past import AHEAD_NS, HISTORY, TRADES, Past

MINUTE_NS = 60 * 10**9


def started(session: int, source: object = None) -> SessionStarted:
    return SessionStarted(received_ns=0, session=session, detail=json.dumps({"source": source}))


def candle(minute: int, *, backfilled: bool = False) -> Candle:
    return Candle(
        exchange_ns=minute * MINUTE_NS, received_ns=0, length_ns=MINUTE_NS, open_e8=1, high_e8=1,
        low_e8=1, close_e8=1, volume_e8=1, backfilled=backfilled, source="there",
    )  # fmt: skip


def trade(number: int, source: str | None) -> Trade:
    return Trade(
        exchange_ns=1, received_ns=1, price_e8=1, volume_e8=1, price_decimals=0, volume_decimals=0,
        side=Side.BUY, trade_id=number, backfilled=True, source=source,
    )  # fmt: skip


def gap(from_minute: float, to_minute: float) -> Gap:
    times = (int(each * MINUTE_NS) for each in (from_minute, to_minute))
    return Gap(received_ns=0, why="", **dict(zip(("from_ns", "to_ns"), times, strict=True)))


def past_of(path: Path, *records: Input) -> Past:
    with Log.open(path / "log") as log:
        for record in records:
            log.append([record])
        return Past.of(log)


def missing(past: Past, *, since: int = 0, until: int = 1_000) -> list[tuple[int, int]]:
    found = past.missing(MINUTE_NS, since_ns=since * MINUTE_NS, until_ns=until * MINUTE_NS)
    return [(first // MINUTE_NS, last // MINUTE_NS) for first, last in found]


def test_nothing(tmp_path: Path) -> None:
    past = past_of(tmp_path)

    assert (past.has_lived, past.first_ns, past.last_ns, past.trade_offset) == (
        False,
        None,
        None,
        None,
    )
    assert missing(past) == []


def test_history_before_life(tmp_path: Path) -> None:
    """Its first and its last candle, and its newest trade; a live session's are not its own."""
    past = past_of(
        tmp_path, started(1, {HISTORY: {}}), candle(7), candle(9), trade(5, "there"),
        trade(4, "there"), trade(8, None),
    )  # fmt: skip

    assert not past.has_lived
    assert (past.first_ns, past.last_ns) == (7 * MINUTE_NS, 10 * MINUTE_NS)
    assert (past.trade_offset, past.lengths_ns) == (3, {MINUTE_NS})


def test_a_session_of_another_kind_is_life(tmp_path: Path) -> None:
    past = past_of(
        tmp_path, started(1, {HISTORY: {}}), candle(3), started(2), candle(1, backfilled=True)
    )

    assert past.has_lived
    assert (past.first_ns, past.last_ns) == (3 * MINUTE_NS, 4 * MINUTE_NS)
    others: list[object] = [None, {"files": []}, "history"]
    for other in others:
        assert past_of(tmp_path / str(others.index(other)), started(1, other)).has_lived


def test_candles_that_are_missing_in_gaps(tmp_path: Path) -> None:
    """Gaps that touch are one; short ones stay gaps; what is there is not missing."""
    past = past_of(
        tmp_path, started(1), gap(10, 10.5), gap(10.5, 12), gap(20, 20.9), gap(30.5, 34.5),
        gap(31, 33), candle(32, backfilled=True), gap(50, 49),
    )  # fmt: skip

    assert missing(past) == [(10, 12), (30, 35)]
    assert missing(past, since=31, until=34) == [(31, 34)]
    assert past.starts_ns == {32 * MINUTE_NS}


def test_a_candle_that_two_gaps_share_is_asked_for_once(tmp_path: Path) -> None:
    past = past_of(tmp_path, started(1), gap(8, 10.3), gap(10.6, 13))

    assert missing(past) == [(8, 13)]


def quote(at_minute: float, *, ahead_s: float) -> Quote:
    received_ns = int(at_minute * MINUTE_NS)
    return Quote(
        exchange_ns=received_ns + int(ahead_s * 1e9), received_ns=received_ns, bid_e8=1, ask_e8=2,
        last_e8=1, bid_decimals=0, ask_decimals=0, last_decimals=0, snapshot_id=None,
    )  # fmt: skip


@pytest.mark.parametrize("apart", [False, True])
def test_a_gap_is_looked_for_in_the_exchange_s_time(tmp_path: Path, apart: bool) -> None:
    """By the clock of what was streamed before it and after it, in whatever batch that is."""
    records: list[Input] = [
        started(1, {HISTORY: {AHEAD_NS: 120 * 10**9}}),
        gap(0, 2),
        started(2),
        gap(10, 12),
        quote(12, ahead_s=120),
        quote(20, ahead_s=-60),
        gap(20, 22),
        started(3, {HISTORY: {AHEAD_NS: 0}}),
        started(4),
        quote(22, ahead_s=300),
        quote(29, ahead_s=10**9),
        quote(29, ahead_s=180),
        gap(30, 32),
    ]
    with Log.open(tmp_path / "log") as log:
        for part in [[each] for each in records] if apart else [records]:
            log.append(part)
        past = Past.of(log)

    # Before the first tick it is that of the session that fetched the past.
    assert missing(past) == [(2, 4), (12, 14), (19, 27), (33, 35)]


def test_how_far_history_reaches_by_our_clock(tmp_path: Path) -> None:
    """To the end of the newest candle; with trades to the newest trade."""
    ahead_ns = 7
    asked = {HISTORY: {AHEAD_NS: ahead_ns, TRADES: True}}
    without = past_of(tmp_path / "1", started(1, asked), candle(3))
    past = past_of(tmp_path / "2", started(1, asked), candle(3), trade(4, "there"))

    assert without.reached_ns == 4 * MINUTE_NS - ahead_ns
    assert past.reached_ns == 1 - ahead_ns
