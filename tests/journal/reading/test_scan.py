"""What a journal's own records say of its trades, for the session that goes on with it."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import (
    Candle,
    Decision,
    Gap,
    Health,
    Input,
    SessionEnded,
    SessionStarted,
    Trade,
)
from feeds.deduplicator import COMPARED, COMPARED_NS, TradeDeduplicator
from fixtures.record import HERE, JOURNAL
from journal.header import JournalHeader, session_detail
from journal.reading import scan
from journal.reading.past import AHEAD_NS, HISTORY
from journal.reading.scan import Predecessor, deduplicator_of
from journal.reading.score import Score
from journal.reading.totals import carried
from tests.support.counting import Counting
from tests.support.strategies import quote

SECOND_NS = 10**9
HOUR_NS = 3_600 * SECOND_NS


def trade(trade_id: int, *, at_ns: int, backfilled: bool = False) -> Trade:
    return Trade(
        exchange_ns=at_ns,
        received_ns=at_ns,
        price_e8=1,
        volume_e8=1,
        price_decimals=8,
        volume_decimals=8,
        side=None,
        trade_id=trade_id,
        backfilled=backfilled,
    )


def compared(trade_id: int, *, asked_ns: int, at_ns: int) -> Health:
    detail = json.dumps({COMPARED: trade_id, COMPARED_NS: asked_ns})
    return Health(received_ns=at_ns, detail=detail)


def deduplicator(path: Path, records: Sequence[Input]) -> TradeDeduplicator:
    with Log.open(path / "log") as log:
        log.append([SessionStarted(received_ns=0, session=1, detail="{}")])
        for record in records:
            log.append([record])
        return deduplicator_of(log)


def test_a_journal_without_trades_knows_none(tmp_path: Path) -> None:
    assert not deduplicator(tmp_path, []).begun


def test_a_hole_that_was_half_filled_is_a_hole(tmp_path: Path) -> None:
    """Killed between two pages: what was kept is known, what lies before it is asked for."""
    at_ns = HOUR_NS
    found = deduplicator(
        tmp_path,
        [
            *(trade(each, at_ns=at_ns) for each in (1, 2, 3)),
            compared(3, asked_ns=at_ns, at_ns=at_ns + SECOND_NS),
            *(trade(each, at_ns=2 * at_ns, backfilled=True) for each in (8, 9)),
            trade(10, at_ns=2 * at_ns),
        ],
    )

    assert found.behind == 3
    assert [each for each in range(1, 11) if found.add(each)] == [4, 5, 6, 7]


@pytest.mark.parametrize("step", [1, 2, 5])
def test_what_came_while_pages_were_read_is_known(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far back it stands: REST was asked for its newest, and was away for an hour then."""
    monkeypatch.setattr(scan, "_BACKWARD_RECORDS", step)
    found = deduplicator(
        tmp_path,
        [
            trade(1, at_ns=SECOND_NS),
            trade(6, at_ns=HOUR_NS),  # the stream was ahead of REST
            *(trade(each, at_ns=HOUR_NS + SECOND_NS, backfilled=True) for each in (4, 5)),
            trade(7, at_ns=HOUR_NS + 2 * SECOND_NS),
            *(trade(each, at_ns=2 * HOUR_NS, backfilled=True) for each in (2, 3)),
            compared(5, asked_ns=HOUR_NS, at_ns=2 * HOUR_NS),
        ],
    )

    assert found.behind == 5
    assert [each for each in (5, 6, 7, 8) if found.add(each)] == [8]


HOSTILE = [
    '{"feed": "not streaming: compared_trade_id compared_ns"}',
    '{"feed": "\\"compared_trade_id\\": 7"}',
    '{"compared_trade_id": null}',
    '{"compared_trade_id": "7", "compared_ns": "8"}',
    '{"compared_trade_id": true}',
    '{"compared_trade_id": 1e400}',
    '{"compared_trade_id": -1}',
    '{"compared_trade_id": {"compared_trade_id": 3}}',
    '["compared_trade_id"]',
    '"compared_trade_id"',
    "compared_trade_id",
    "",
    "[" * 100_000,
]


@pytest.mark.parametrize("detail", HOSTILE, ids=range(len(HOSTILE)))
def test_a_sample_says_it_at_its_own_key_or_not_at_all(tmp_path: Path, detail: str) -> None:
    """The exchange's words stand in samples: a journal with any of them opens."""
    at_ns = HOUR_NS
    known = [trade(each, at_ns=at_ns) for each in (1, 2, 3)]
    said = compared(2, asked_ns=at_ns, at_ns=at_ns)

    found = deduplicator(tmp_path, [*known, said, Health(received_ns=at_ns + 1, detail=detail)])

    assert found.sure == 2


def test_a_time_that_is_none_counts_as_unknown(tmp_path: Path) -> None:
    """The id is what matters; the time only says how far to look back."""
    detail = json.dumps({COMPARED: 2, COMPARED_NS: "late"})
    records = [trade(each, at_ns=HOUR_NS) for each in (1, 2, 3)]

    assert deduplicator(tmp_path, [*records, Health(received_ns=HOUR_NS, detail=detail)]).sure == 2


GENESIS = JournalHeader(parameters=Parameters(fee_ppm=7), initial_state="ab")


def started(session: int, received_ns: int) -> SessionStarted:
    """Return the start of a session."""
    detail = session_detail(
        GENESIS, arithmetic="cd", url="ws://x", resumed_from=None, predecessor=None
    )
    return SessionStarted(received_ns=received_ns, session=session, detail=detail)


@pytest.mark.parametrize("ended", [False, True])
def test_the_predecessor_says_how_it_ended(tmp_path: Path, ended: bool) -> None:
    """A session without an end was killed; its last record's time is where the gap begins."""
    with Log.open(tmp_path / "log") as log:
        log.append([started(1, 5), SessionEnded(received_ns=6, session=1, why="x", detail="")])
        log.append([started(2, 7), Gap(received_ns=8, from_ns=6, to_ns=8, why="x")])
        if ended:
            log.append([SessionEnded(received_ns=9, session=2, why="x", detail="")])

        found = scan.predecessor_of(log)

    assert found is not None
    assert (found.session, found.ended, found.last_received_ns) == (2, ended, 9 if ended else 8)


def test_a_session_that_received_nothing_recorded_nothing(tmp_path: Path) -> None:
    """Killed before its first record came in, it does not end the gap before it."""
    first = Predecessor(session=1, ended=True, last_received_ns=6)
    detail = session_detail(
        GENESIS, arithmetic="cd", url="ws://x", resumed_from=0, predecessor=first
    )
    found = []
    with Log.open(tmp_path / "log") as log:
        log.append([started(1, 5), SessionEnded(received_ns=6, session=1, why="x", detail="")])
        log.append([SessionStarted(received_ns=70, session=2, detail=detail)])
        found.append(scan.predecessor_of(log))
        log.append([Health(received_ns=80, detail="{}")])
        found.append(scan.predecessor_of(log))
        log.append([quote(1)])
        found.append(scan.predecessor_of(log))

    assert [each and each.last_received_ns for each in found] == [6, 6, quote(1).received_ns]


def candle(minute: int) -> Candle:
    return Candle(
        exchange_ns=minute * 60 * SECOND_NS, received_ns=99 * HOUR_NS, length_ns=60 * SECOND_NS,
        open_e8=1, high_e8=1, low_e8=1, close_e8=1, volume_e8=1,
    )  # fmt: skip


def fetching(session: int, before: Predecessor | None = None) -> SessionStarted:
    """Return the start of a session that fetches the past, of an exchange ten seconds ahead."""
    asked: dict[str, object] = {HISTORY: {"candles": "1m", AHEAD_NS: 10 * SECOND_NS}}
    detail = session_detail(
        GENESIS, arithmetic="cd", url="http://x", resumed_from=0, predecessor=before, source=asked
    )
    return SessionStarted(received_ns=98 * HOUR_NS, session=session, detail=detail)


@pytest.mark.parametrize("ended", [False, True])
def test_recording_begins_where_history_ends(tmp_path: Path, ended: bool) -> None:
    """By our clock, and whether the session that fetched it was killed or not."""
    with Log.open(tmp_path / "log") as log:
        log.append([fetching(1), candle(7), candle(9)])
        if ended:
            detail = json.dumps(carried(Score(), log, began=0))
            log.append([SessionEnded(received_ns=100 * HOUR_NS, session=1, why="x", detail=detail)])
        found = scan.predecessor_of(log)

    assert found is not None
    assert (found.session, found.ended) == (1, ended)
    assert found.last_received_ns == (10 * 60 - 10) * SECOND_NS


def test_a_session_that_filled_gaps_recorded_nothing(tmp_path: Path) -> None:
    """The gap to the next one begins with the one that lived."""
    with Log.open(tmp_path / "log") as log:
        log.append([started(1, 5), quote(1)])
        before = scan.predecessor_of(log)
        began = log.end
        log.append([fetching(2, before), replace(candle(7), backfilled=True)])
        detail = json.dumps(carried(Score(), log, began=began))
        log.append([SessionEnded(received_ns=2**62, session=2, why="x", detail=detail)])
        found = scan.predecessor_of(log)

    assert found is not None
    assert (found.session, found.last_received_ns) == (2, quote(1).received_ns)


def test_a_trade_of_the_past_is_as_old_as_it_is(tmp_path: Path) -> None:
    """A hole after it begins then, and not when it was fetched."""
    old = replace(trade(3, at_ns=HOUR_NS, backfilled=True), received_ns=9 * HOUR_NS, source="x")

    assert deduplicator(tmp_path, [old]).sure_ns == HOUR_NS


def test_an_empty_log_has_no_predecessor(tmp_path: Path) -> None:
    """Nothing recorded, no session."""
    with Log.open(tmp_path / "log") as log:
        assert scan.predecessor_of(log) is None


def test_the_last_decision_of_a_journal(tmp_path: Path) -> None:
    """The newest record of a kind is found from the end."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    log = Reader.open(tmp_path / "home" / JOURNAL / "log")

    found = scan.last(log, Decision)

    assert found is not None
    assert found[0] == max(
        offset for offset, record in scan.records(log, 0, log.end) if isinstance(record, Decision)
    )


@pytest.mark.parametrize("sampled", [False, True])
def test_the_trades_of_a_long_log_are_looked_for_in_its_newest_part(
    tmp_path: Path, sampled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no sample says what was compared, as in an import, or only one of long ago."""
    monkeypatch.setattr(scan, "_BACKWARD_RECORDS", 16)
    monkeypatch.setattr(scan, "TRADES_RECORDS", 400)
    with Counting.open(tmp_path / "log") as log:
        assert isinstance(log, Counting)
        log.append([SessionStarted(received_ns=0, session=1, detail="{}")])
        if sampled:
            log.append([compared(1, asked_ns=SECOND_NS, at_ns=SECOND_NS)])
        log.append([trade(each, at_ns=each * SECOND_NS) for each in range(1, 3_001)])
        log.shown = 0

        found = deduplicator_of(log)

    assert log.shown <= 400
    assert [each for each in (2_601, 3_000, 3_001) if found.add(each)] == [3_001]
    assert found.behind == 3_000 - 199
