"""What is noted beside a log."""

from pathlib import Path

from journal.layout import JournalPath
from journal.sidecar import (
    SESSIONS,
    VERIFICATIONS,
    newest_session,
    note,
    notes,
    recoveries,
    verified,
)


def test_the_newest_verification_counts(tmp_path: Path) -> None:
    """A line that is none, or nowhere to write, changes nothing."""
    place = JournalPath(tmp_path, "BTC-AUD")
    note(place, VERIFICATIONS, {"verdict": "clean"})
    assert verified(place) is None

    (tmp_path / "BTC-AUD").mkdir()
    note(place, VERIFICATIONS, {"verdict": "corrupt"})
    note(place, VERIFICATIONS, {"verdict": "clean"})
    with (tmp_path / "BTC-AUD" / VERIFICATIONS).open("a") as file:
        file.write("{")
    found = verified(place)

    assert found is not None
    assert found["verdict"] == "clean"
    assert [said["verdict"] for said in notes(place, VERIFICATIONS)] == ["corrupt", "clean"]


def test_starts_and_sessions_are_told_apart(tmp_path: Path) -> None:
    """A start that was refused is a recovery that was tried, but no session."""
    place = JournalPath(tmp_path, "BTC-AUD")
    (tmp_path / "BTC-AUD").mkdir()
    assert newest_session(place, 10) is None
    note(place, SESSIONS, {"session": 1, "offset": 0})
    note(place, SESSIONS, {"records": 80})
    note(place, SESSIONS, {"records": 80})
    note(place, SESSIONS, {"session": 2, "offset": 82})

    assert recoveries(place) == 2
    assert newest_session(place, 83) == 2
    assert newest_session(place, 82) == 1
