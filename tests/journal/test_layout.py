"""Where a journal lies, and which one is meant."""

from pathlib import Path

import pytest

from cli.exit_codes import code_of
from engine.parameters import Parameters
from eventlog.records import SessionStarted
from fixtures.record import HERE, JOURNAL
from journal import layout
from journal.errors import CommandError, NoJournal
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


def test_a_journal_s_parts_have_places(tmp_path: Path) -> None:
    """In a directory of its own, below the home."""
    place = layout.JournalPath(tmp_path, "BTC-AUD")

    assert (place.log, place.checkpoints) == (
        tmp_path / "BTC-AUD" / "log",
        tmp_path / "BTC-AUD" / "checkpoints",
    )


@pytest.mark.parametrize(
    ("home", "name", "hint"),
    [
        ("", "btc-aud", "Did you mean --journal BTC-AUD?"),
        ("", "ETC-EUR", "There is: BTC-AUD, ETH-AUD."),
        ("", "inner", "{top}/inner is a home of journals: --home {top}/inner"),
        ("BTC-AUD", None, "It is a journal itself: --home {top} --journal BTC-AUD"),
        ("above", None, "Did you mean --home {top}/above/home?"),
        ("empty", None, "Start one: trader live --simulated, or name its home: --home DIR"),
        ("missing", None, "Start one: trader live --simulated, or name its home: --home DIR"),
    ],
)
def test_where_a_journal_is_not_it_is_said_where_one_is(
    tmp_path: Path, home: str, name: str | None, hint: str
) -> None:
    """The words that would have named it, as far as directories show."""
    for made in ("BTC-AUD", "ETH-AUD", "inner/BTC-AUD", "above/home/BTC-AUD"):
        (tmp_path / made / "log").mkdir(parents=True)
    (tmp_path / "empty").mkdir()

    with pytest.raises(NoJournal) as caught:
        layout.find(tmp_path / home, name)

    assert caught.value.hint == hint.format(top=tmp_path)
