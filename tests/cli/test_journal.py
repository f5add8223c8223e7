"""Finding a journal, and what its sessions say."""

import json
import shutil
from pathlib import Path

import pytest

from cli import journal
from cli.exits import CommandError
from cli.journal import Genesis, Place, Predecessor
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Decision, Gap, Health, SessionEnded, SessionStarted
from fixtures.record import HERE, JOURNAL
from tests.strategies import quote

GENESIS = Genesis(parameters=Parameters(fee_ppm=7), initial_state="ab")


def started(session: int, received_ns: int) -> SessionStarted:
    """Return the start of a session."""
    detail = journal.session_detail(
        GENESIS, arithmetic="cd", url="ws://x", resumed_from=None, predecessor=None
    )
    return SessionStarted(received_ns=received_ns, session=session, detail=detail)


def test_the_only_journal_needs_no_name() -> None:
    """A home with one journal is that journal."""
    assert journal.find(HERE / "gap", None).name == JOURNAL
    assert journal.find(HERE / "gap", JOURNAL).home == HERE / "gap"


def test_several_journals_need_a_name(tmp_path: Path) -> None:
    """With two journals the choice is the user's, and the names are said."""
    for name in ("BTC-AUD", "ETH-AUD"):
        (tmp_path / name / "log").mkdir(parents=True)

    with pytest.raises(CommandError) as caught:
        journal.find(tmp_path, None)

    assert caught.value.code == 2
    assert "BTC-AUD, ETH-AUD" in caught.value.hint
    assert journal.find(tmp_path, "ETH-AUD").name == "ETH-AUD"


def test_the_first_record_settles_the_parameters(tmp_path: Path) -> None:
    """Genesis is read back from the log as it was written."""
    with Log.open(tmp_path / "log") as log:
        log.append([started(1, 5)])
        place = journal.Place(tmp_path, "X")

        assert journal.genesis_of(log, place) == GENESIS
        assert journal.arithmetics(log) == {0: "cd"}


def test_a_log_that_begins_otherwise_is_refused(tmp_path: Path) -> None:
    """A first record that starts no session is no journal of ours."""
    with Log.open(tmp_path / "log") as log:
        log.append([Gap(received_ns=1, from_ns=0, to_ns=1, why="x")])

        with pytest.raises(CommandError) as caught:
            journal.genesis_of(log, journal.Place(tmp_path, "X"))
    assert caught.value.code == 5


@pytest.mark.parametrize("ended", [False, True])
def test_the_predecessor_says_how_it_ended(tmp_path: Path, ended: bool) -> None:
    """A session without an end was killed; its last record's time is where the gap begins."""
    with Log.open(tmp_path / "log") as log:
        log.append([started(1, 5), SessionEnded(received_ns=6, session=1, why="x", detail="")])
        log.append([started(2, 7), Gap(received_ns=8, from_ns=6, to_ns=8, why="x")])
        if ended:
            log.append([SessionEnded(received_ns=9, session=2, why="x", detail="")])

        found = journal.predecessor_of(log)

    assert found is not None
    assert (found.session, found.ended, found.last_received_ns) == (2, ended, 9 if ended else 8)


def test_a_session_that_received_nothing_recorded_nothing(tmp_path: Path) -> None:
    """Killed before its first record came in, it does not end the gap before it."""
    first = Predecessor(session=1, ended=True, last_received_ns=6)
    detail = journal.session_detail(
        GENESIS, arithmetic="cd", url="ws://x", resumed_from=0, predecessor=first
    )
    found = []
    with Log.open(tmp_path / "log") as log:
        log.append([started(1, 5), SessionEnded(received_ns=6, session=1, why="x", detail="")])
        log.append([SessionStarted(received_ns=70, session=2, detail=detail)])
        found.append(journal.predecessor_of(log))
        log.append([Health(received_ns=80, detail="{}")])
        found.append(journal.predecessor_of(log))
        log.append([quote(1)])
        found.append(journal.predecessor_of(log))

    assert [each and each.last_received_ns for each in found] == [6, 6, quote(1).received_ns]


def test_an_empty_log_has_no_predecessor(tmp_path: Path) -> None:
    """Nothing recorded, no session."""
    with Log.open(tmp_path / "log") as log:
        assert journal.predecessor_of(log) is None


def test_the_last_decision_of_a_journal(tmp_path: Path) -> None:
    """The newest record of a kind is found from the end."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    log = Reader.open(tmp_path / "home" / JOURNAL / "log")

    found = journal.last(log, Decision)

    assert found is not None
    assert found[0] == max(
        offset
        for offset, record in journal.records(log, 0, log.end)
        if isinstance(record, Decision)
    )


def test_a_session_says_all_that_a_replay_needs() -> None:
    """Parameters, first state, arithmetic and versions are in the record."""
    detail = json.loads(started(1, 5).detail)

    assert detail["parameters"]["fee_ppm"] == 7
    assert detail["versions"]["tensorflow"] != "unknown"
    assert set(detail) >= {"initial_state", "arithmetic", "python", "machine", "url"}


def test_the_rules_of_another_version_are_read(tmp_path: Path) -> None:
    """Parameters that this version lacks are kept as they were said; what it knows it knows."""
    place = Place(tmp_path, "BTC-AUD")
    said = {"parameters": {"cash": 77_000, "horizon_ms": 500, "wheels": 4}, "initial_state": ""}
    with Log.open(place.log) as log:
        log.append([SessionStarted(received_ns=1, session=1, detail=json.dumps(said))])
        rules = journal.rules_of(log, place)

    assert rules.values["wheels"] == 4
    assert (rules.known.cash, rules.known.horizon_ms) == (77_000, 500)
    assert not rules.whole
    assert rules.digest != rules.known.digest
