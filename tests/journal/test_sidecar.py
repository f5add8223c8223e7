"""What is noted beside a log."""

from pathlib import Path

from journal.layout import JournalPath
from journal.sidecar import (
    SESSIONS,
    VERIFICATIONS,
    covered,
    lines,
    mended,
    newest_session,
    note,
    notes,
    path_of,
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


def test_damage_is_told_from_lines_that_check(tmp_path: Path) -> None:
    """What of each line is wrong is said; the others count, and mending keeps only them."""
    place = JournalPath(tmp_path, "BTC-AUD")
    path = path_of(place, SESSIONS)
    path.parent.mkdir()
    for number in range(3):
        note(place, SESSIONS, {"session": number + 1, "offset": 10 * number})
    whole = path.read_bytes()
    first, second, third = whole.splitlines(keepends=True)

    assert path == tmp_path / "BTC-AUD" / SESSIONS
    assert [line.problem for line in lines(whole)] == ["", "", ""]
    for damaged, problems in (
        (first + second.replace(b"10", b"11") + third, ["", "its checksum is wrong", ""]),
        (
            first + second + b"{\n" + third,
            ["", "", "it is no line of JSON", "its checksum is wrong"],
        ),
        (first + second + third[:-1], ["", "", "it is cut short"]),
        (first + b'{"session": 2, "offset": 10}\n', ["", "it has lost its checksum"]),
        (first + b"[1]\n", ["", "it is cut short"]),
    ):
        assert [line.problem for line in lines(damaged)] == problems, damaged
        mend = mended(damaged)
        kept = [line.said for line in lines(damaged) if line.said is not None]
        assert [line.said for line in lines(mend)] == kept
        assert not any(line.problem for line in lines(mend))


def test_what_was_verified_covers_what_lies_before_its_end() -> None:
    """A checkpoint at or behind the end was not looked at yet; a quick look looks at none."""
    deep = {"records": 10, "depth": "deep", "verdict": "clean"}

    assert covered(3, None) == "not yet"
    assert covered(10, deep) == "not yet"
    assert covered(9, deep) == "clean (deep)"
    assert covered(9, {**deep, "depth": "quick"}) == "not looked at"
