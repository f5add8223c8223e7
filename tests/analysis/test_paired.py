"""Decisions on the same ticks, paired."""

import pytest

from analysis.paired import pair
from cli.exit_codes import code_of
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.errors import CommandError
from journal.layout import JournalPath
from journal.messages import as_json
from tests.support.commands import trader


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> JournalPath:
    """Return the recorded journal under other rules, which trade less."""
    out = tmp_path_factory.mktemp("fork")
    words = ("--set", "fee_ppm=8500", "--out", str(out))
    assert trader("replay", "--home", str(HERE / "gap"), *words).code == 0
    return JournalPath(out, JOURNAL)


def both(first: JournalPath, second: JournalPath) -> dict[str, object]:
    """Return what two journals have in common."""
    said: dict[str, object] = as_json(
        pair(first, Reader.open(first.log), second, Reader.open(second.log))
    )
    return said


def test_a_journal_and_itself_are_the_same() -> None:
    """No difference, and intervals that hold zero."""
    place = JournalPath(HERE / "gap", JOURNAL)
    said = both(place, place)

    assert said["paired"] == 1_000
    assert said["first_difference"] is None
    assert said["different_actions"] == 0
    rows = said["rows"]
    assert isinstance(rows, list)
    assert all(row["difference"] == 0 for row in rows)


def test_a_fork_is_paired_tick_by_tick(forked: JournalPath) -> None:
    """The rules differ, and so do the decisions; that draws follow offsets is said."""
    said = both(JournalPath(HERE / "gap", JOURNAL), forked)
    rows = said["rows"]

    assert said["paired"] == 1_000
    assert said["parted"] is None
    assert said["parameters"] == {"fee_ppm": [0, 8500]}
    assert said["first_difference"]
    assert isinstance(rows, list)
    by_name = {row["name"]: row for row in rows}
    assert "offsets" in " ".join(str(said["words"]).split())
    assert by_name["gain"]["a"] != by_name["gain"]["b"]


def test_the_difference_of_gains_is_that_of_the_accounts(forked: JournalPath) -> None:
    """What the row says is what status says."""
    said = both(JournalPath(HERE / "gap", JOURNAL), forked)
    rows = said["rows"]
    assert isinstance(rows, list)
    gain = next(row for row in rows if row["name"] == "gain")
    for side, home in (("a", HERE / "gap"), ("b", forked.home)):
        equity = trader("status", "--home", str(home), "--json").summary["equity"]
        assert gain[side] == pytest.approx(float(str(equity)) / 10_000 - 1, abs=1e-9)


def test_journals_of_other_ticks_are_no_pair() -> None:
    """Nothing is made of two different nights."""
    with pytest.raises(CommandError) as caught:
        both(JournalPath(HERE / "gap", JOURNAL), JournalPath(HERE / "kill-and-resume", JOURNAL))

    assert code_of(caught.value) == 2
