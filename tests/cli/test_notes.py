"""What is noted beside a log."""

from pathlib import Path

from cli.journal import Place
from cli.notes import VERIFICATIONS, note, notes, verified


def test_the_newest_verification_counts(tmp_path: Path) -> None:
    """A line that is none, or nowhere to write, changes nothing."""
    place = Place(tmp_path, "BTC-AUD")
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
