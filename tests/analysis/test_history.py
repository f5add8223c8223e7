"""Everything that a report tells, in one pass."""

import shutil
from dataclasses import replace
from pathlib import Path

from analysis.history import gather
from analysis.report import figures
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import SessionEnded, SessionStarted
from feeds import clock
from fixtures.record import HERE, JOURNAL
from journal.header import JournalHeader, session_detail
from journal.layout import JournalPath
from journal.messages import as_json
from journal.reading.scan import records
from journal.reading.score import COLUMNS, Score
from tests.support.strategies import quote


def test_sessions_share_the_whole() -> None:
    """What the sessions say adds up to what the log says."""
    place = JournalPath(HERE / "kill-and-resume", JOURNAL)
    log = Reader.open(place.log)
    told, score = gather(place, log), Score()
    for batch in log.read(columns=COLUMNS):
        score.add(batch)

    assert [session.number for session in told.sessions] == [1, 2]
    assert sum(session.ticks for session in told.sessions) == score.decisions
    assert sum(session.scored for session in told.sessions) == score.scored
    assert not told.sessions[0].ended
    assert told.checkpoints


def test_gaps_and_fills_stand_one_by_one() -> None:
    """With time, side and price; probabilities are judged about as often as they were scored."""
    place = JournalPath(HERE / "gap", JOURNAL)
    told = gather(place, Reader.open(place.log))

    assert len(told.gaps) == 4
    assert {fill["side"] for fill in told.fills} == {"buy", "sell"}
    assert all(fill["price"] > 0 for fill in told.fills)
    scored = told.curves.sums["scored"].sum()
    assert abs(told.reliability.labels - scored) < 0.05 * scored


def test_hours_are_those_of_the_data(tmp_path: Path) -> None:
    """An import of an old recording is told in the hours of the recording; it lasted as long."""
    began_ns, old_ns = 1_795_219_200 * 10**9, 1_700_000_000 * 10**9
    header = JournalHeader(parameters=Parameters(), initial_state="0" * 32)
    detail = session_detail(
        header, arithmetic="0" * 32, url="", resumed_from=None, predecessor=None
    )
    with Log.open(tmp_path / "A-B" / "log") as log:
        log.append([SessionStarted(received_ns=began_ns, session=1, detail=detail)])
        quotes = [replace(quote(1), received_ns=old_ns + n * 10**9) for n in range(60)]
        log.append(quotes)
        why = {"why": "imported", "detail": "{}"}
        log.append([SessionEnded(received_ns=began_ns + 10**9, session=1, **why)])
        told = gather(place := JournalPath(tmp_path, "A-B"), Reader.open(place.log))
    said = as_json(figures(told, None))

    assert (said["first_ns"], said["last_ns"]) == (old_ns, old_ns + 59 * 10**9)
    assert said["sessions"][0]["seconds"] == 59
    assert {row["until"][:10] for row in said["periods"]} == {"2023-11-14"}
    assert said["words"][1].endswith("no account to speak of.")


def test_a_session_runs_while_its_journal_is_locked(tmp_path: Path) -> None:
    """Without a last word it runs, or it was killed: the lock says which."""
    shutil.copytree(HERE / "kill-and-resume" / JOURNAL, tmp_path / JOURNAL)
    place = JournalPath(tmp_path, JOURNAL)
    with Log.open(place.log) as log:
        number = 3
        (first,) = (each for _, each in records(log, 0, 1))
        assert isinstance(first, SessionStarted)
        log.append([replace(first, session=number, received_ns=clock.now_ns())])
        ended = [
            row["ended"]
            for row in as_json(figures(gather(place, Reader.open(place.log)), None))["sessions"]
        ]
        assert ended[::2] == ["killed", "running"]
    ended = [
        row["ended"]
        for row in as_json(figures(gather(place, Reader.open(place.log)), None))["sessions"]
    ]
    assert ended[::2] == ["killed", "killed"]
