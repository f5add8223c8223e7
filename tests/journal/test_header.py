"""What the first record of a journal settles."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from cli.exit_codes import code_of
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.records import Gap, SessionStarted
from journal import layout
from journal.errors import CommandError
from journal.header import JournalHeader, check_venue, header_of, rules_of, session_detail
from journal.layout import JournalPath
from journal.reading import sessions
from tests.support.counting import Counting

GENESIS = JournalHeader(parameters=Parameters(fee_ppm=7), initial_state="ab")


def started(session: int, received_ns: int) -> SessionStarted:
    """Return the start of a session."""
    detail = session_detail(
        GENESIS, arithmetic="cd", url="ws://x", resumed_from=None, predecessor=None
    )
    return SessionStarted(received_ns=received_ns, session=session, detail=detail)


def test_the_first_record_settles_the_parameters(tmp_path: Path) -> None:
    """Genesis is read back from the log as it was written, in one read."""
    with Counting.open(tmp_path / "log") as log:
        assert isinstance(log, Counting)
        log.append([started(1, 5)])
        place = layout.JournalPath(tmp_path, "X")

        assert header_of(log, place) == GENESIS
        assert log.asked == 1
        assert sessions.arithmetics(log) == {0: "cd"}


def test_a_log_that_begins_otherwise_is_refused(tmp_path: Path) -> None:
    """A first record that starts no session is no journal of ours."""
    with Log.open(tmp_path / "log") as log:
        log.append([Gap(received_ns=1, from_ns=0, to_ns=1, why="x")])

        with pytest.raises(CommandError) as caught:
            header_of(log, layout.JournalPath(tmp_path, "X"))
    assert code_of(caught.value) == 5


def test_a_session_says_all_that_a_replay_needs() -> None:
    """Parameters, first state, arithmetic and versions are in the record."""
    detail = json.loads(started(1, 5).detail)

    assert detail["parameters"]["fee_ppm"] == 7
    assert detail["versions"]["tensorflow"] != "unknown"
    assert set(detail) >= {"initial_state", "arithmetic", "python", "machine", "url"}


def test_a_journal_names_its_venue(tmp_path: Path) -> None:
    """One that names none is BTC Markets', and one of an unknown venue is of another version."""
    said = {"parameters": asdict(Parameters()), "initial_state": ""}
    found = {}
    for name, venue in (("A", {}), ("B", {"venue": "btcmarkets"}), ("C", {"venue": "nowhere"})):
        place = JournalPath(tmp_path, name)
        detail = json.dumps({**said, **venue})
        with Log.open(place.log) as log:
            log.append([SessionStarted(received_ns=1, session=1, detail=detail)])
            if name == "C":
                with pytest.raises(CommandError, match="'nowhere', a venue that") as caught:
                    header_of(log, place)
                assert code_of(caught.value) == 12
            else:
                found[name] = header_of(log, place)

    assert found["A"].venue == found["B"].venue == "btcmarkets"
    assert found["A"] == found["B"]
    assert json.loads(started(1, 5).detail)["venue"] == "btcmarkets"


def test_a_journal_does_not_go_on_at_another_venue(tmp_path: Path) -> None:
    """Its decisions follow from the rules of one: usage (2), with both names."""
    place = JournalPath(tmp_path, "BTC-AUD")
    check_venue("btcmarkets", GENESIS, place)

    with pytest.raises(
        CommandError, match="recorded at btcmarkets, and cannot go on at second"
    ) as e:
        check_venue("second", GENESIS, place)

    assert code_of(e.value) == 2


def test_the_rules_of_another_version_are_read(tmp_path: Path) -> None:
    """Parameters that this version lacks are kept as they were said; what it knows it knows."""
    place = JournalPath(tmp_path, "BTC-AUD")
    said = {"parameters": {"cash": 77_000, "horizon_ms": 500, "wheels": 4}, "initial_state": ""}
    with Log.open(place.log) as log:
        log.append([SessionStarted(received_ns=1, session=1, detail=json.dumps(said))])
        rules = rules_of(log, place)

    assert rules.values["wheels"] == 4
    assert (rules.known.cash, rules.known.horizon_ms) == (77_000, 500)
    assert not rules.whole
    assert rules.digest != rules.known.digest
