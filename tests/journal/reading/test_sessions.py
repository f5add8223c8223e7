"""What sessions ran on is found from the end of a log, by reading little of it."""

import json
from pathlib import Path

import pytest

from engine.identity import step_identity
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.records import Health, SessionEnded, SessionStarted
from journal.errors import JournalIncompatible
from journal.header import JournalHeader, session_detail
from journal.layout import JournalPath
from journal.reading import scan, sessions
from journal.reading.score import Score
from journal.reading.sessions import FIRST_STEP
from journal.reading.totals import carried
from tests.support.counting import Counting
from tests.support.strategies import quote

PARAMETERS = Parameters(fee_ppm=7)
OTHER = "f" * 32


def detail(log: Log | None, *, arithmetic: str = "cd", **changed: object) -> str:
    header = JournalHeader(parameters=PARAMETERS, initial_state="ab")
    said = session_detail(
        header, arithmetic=arithmetic, url="x", resumed_from=None, predecessor=None, log=log
    )
    return json.dumps({**json.loads(said), **changed})


def start(log: Log, number: int, text: str) -> int:
    """Append the start of a session, and some quotes; return its offset."""
    began = log.end
    log.append([SessionStarted(received_ns=number, session=number, detail=text)])
    log.append([quote(each) for each in range(1, 5)])
    return began


def old(text: str) -> str:
    """Return what a version said that knew no steps."""
    said = json.loads(text)
    del said["step"], said["log"]
    return json.dumps(said)


def test_a_session_says_its_step(tmp_path: Path) -> None:
    with Log.open(tmp_path / "log") as log:
        start(log, 1, detail(log))

        found = sessions.newest(log)

    assert found is not None
    assert (found.step, found.arithmetic, found.session) == (step_identity(), "cd", 1)


def test_one_of_an_earlier_version_says_none_and_goes_on(tmp_path: Path) -> None:
    with Log.open(tmp_path / "log") as log:
        start(log, 1, old(detail(log)))
        found = sessions.newest(log)

        sessions.check_newest(log, JournalPath(tmp_path, "BTC-AUD"))

    assert found is not None
    assert found.step is None


def test_another_step_is_refused_with_both_versions(tmp_path: Path) -> None:
    with Log.open(tmp_path / "log") as log:
        start(log, 1, old(detail(log)))
        began = start(log, 2, detail(log, step=OTHER, versions={"trader": "9.8.7"}))
        place = JournalPath(tmp_path, "BTC-AUD")

        with pytest.raises(JournalIncompatible) as caught:
            sessions.check_newest(log, place)
        with pytest.raises(JournalIncompatible):
            sessions.check_between(log, place, 0, log.end)
        sessions.check_between(log, place, 0, began)

    for said in ("9.8.7", OTHER[:8], step_identity()[:8]):
        assert said in str(caught.value)
    assert "replay --out" in caught.value.hint


def test_what_a_fork_copied_is_not_what_it_ran_on(tmp_path: Path) -> None:
    """Also the sessions of an origin that knew no steps, and of one that had another."""
    with Log.open(tmp_path / "origin") as origin, Log.open(tmp_path / "fork") as log:
        start(log, 1, detail(log))
        for copied in (detail(origin, step=OTHER, arithmetic="ef"), old(detail(origin))):
            start(log, 2, copied)
        start(log, 3, detail(log, arithmetic="gh"))

        found = sessions.between(log, 0, log.end)

    assert [each.step for each in found] == [step_identity()] * 4
    assert [each.arithmetic for each in found] == ["cd", "cd", "cd", "gh"]


def test_those_of_some_records_begin_with_the_one_that_was_running(tmp_path: Path) -> None:
    with Log.open(tmp_path / "log") as log:
        begun = [start(log, number, detail(log)) for number in (1, 2, 3)]

        def of(first: int, end: int) -> list[int]:
            return [each.offset for each in sessions.between(log, first, end)]

        assert of(0, log.end) == begun
        assert of(begun[1] + 2, begun[2]) == [begun[1]]
        assert of(begun[1] + 2, begun[2] + 1) == begun[1:]
        assert of(begun[2], log.end) == begun[2:]


@pytest.mark.parametrize("ended", [False, True])
def test_a_long_session_is_not_read_to_find_where_it_began(tmp_path: Path, ended: bool) -> None:
    """A sample, or the last word, names it: two starts of a session, far behind, cost no more."""
    with Counting.open(tmp_path / "log") as log:
        assert isinstance(log, Counting)
        start(log, 1, detail(log))
        began = start(log, 2, detail(log))
        for _ in range(12):
            log.append([quote(each) for each in range(1, 5_001)])
        so_far = json.dumps(carried(Score(), log, began=began))
        if ended:
            log.append([SessionEnded(received_ns=9, session=2, why="x", detail=so_far)])
        else:
            log.append([Health(received_ns=9, detail=so_far), *map(quote, range(1, 101))])

        log.shown = log.asked = 0
        found = sessions.newest(log)
        asked = log.asked
        before = scan.predecessor_of(log)

    assert found is not None
    assert before is not None
    assert found.offset == began
    assert (before.session, before.ended) == (2, ended)
    assert log.shown < 3 * FIRST_STEP
    assert asked == 2  # for the newest word, and for the start that it names


def test_the_word_of_another_log_is_none_of_this_ones(tmp_path: Path) -> None:
    """A fork copies its origin's samples, whose offsets are not its own."""
    with Log.open(tmp_path / "origin") as origin, Log.open(tmp_path / "fork") as log:
        start(origin, 1, detail(origin))
        start(log, 1, detail(log))
        foreign = json.dumps(carried(Score(), origin, began=3))
        log.append([Health(received_ns=9, detail=foreign)])

        assert sessions.began_before(log, log.end) == 0


def test_an_empty_log_has_no_session(tmp_path: Path) -> None:
    with Log.open(tmp_path / "log") as log:
        assert sessions.newest(log) is None
        assert sessions.newest_word(log) is None
