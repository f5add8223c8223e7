"""Where a journal lies, and which one is meant."""

from pathlib import Path

import pytest

from cli.exit_codes import code_of
from engine.parameters import Parameters
from eventlog.records import SessionStarted
from fixtures.record import HERE, JOURNAL
from journal import layout
from journal.errors import CommandError
from journal.header import JournalHeader, session_detail

GENESIS = JournalHeader(parameters=Parameters(fee_ppm=7), initial_state="ab")


def started(session: int, received_ns: int) -> SessionStarted:
    """Return the start of a session."""
    detail = session_detail(
        GENESIS, arithmetic="cd", url="ws://x", resumed_from=None, predecessor=None
    )
    return SessionStarted(received_ns=received_ns, session=session, detail=detail)


def test_the_only_journal_needs_no_name() -> None:
    """A home with one journal is that journal."""
    assert layout.find(HERE / "gap", None).name == JOURNAL
    assert layout.find(HERE / "gap", JOURNAL).home == HERE / "gap"


def test_several_journals_need_a_name(tmp_path: Path) -> None:
    """With two journals the choice is the user's, and the names are said."""
    for name in ("BTC-AUD", "ETH-AUD"):
        (tmp_path / name / "log").mkdir(parents=True)

    with pytest.raises(CommandError) as caught:
        layout.find(tmp_path, None)

    assert code_of(caught.value) == 2
    assert "BTC-AUD, ETH-AUD" in caught.value.hint
    assert layout.find(tmp_path, "ETH-AUD").name == "ETH-AUD"


def test_a_path_names_a_home_or_a_journal_in_it(tmp_path: Path) -> None:
    """Either is the same journal; what is neither is said to be none."""
    assert layout.at(HERE / "gap", None) == layout.at(HERE / "gap" / JOURNAL, None)

    with pytest.raises(CommandError) as caught:
        layout.at(tmp_path / "nowhere", None)
    assert code_of(caught.value) == 10
