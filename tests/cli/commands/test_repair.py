"""`trader repair` plans, acts only when told, deletes nothing, and never touches real damage."""

import shutil
from pathlib import Path

import pytest

from engine.checkpoint import Checkpoints
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from tests.support.commands import trader


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a copy of a good journal, to be hurt."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    return tmp_path / "home"


def contents(home: Path) -> dict[Path, bytes]:
    """Return all bytes of a home, but for what `verify` notes of itself."""
    files = (path for path in home.rglob("*") if path.is_file() and path.name != "verified.jsonl")
    return {path: path.read_bytes() for path in files}


def test_a_good_journal_needs_nothing(home: Path) -> None:
    """Nothing to repair is exit 0, with and without --apply."""
    before = contents(home)

    assert trader("repair", "--home", str(home)).code == 0
    assert trader("repair", "--home", str(home), "--apply").code == 0
    assert contents(home) == before


def test_an_interrupted_write_is_cut_with_a_copy(home: Path) -> None:
    """Bytes behind the last commit: planned first (4), then cut; every record stays."""
    segment = next((home / JOURNAL / "log").glob("*.open"))
    data = segment.read_bytes()
    used = len(data.rstrip(b"\0"))
    used += -used % 64
    torn = b"EVF1 an interrupted write"
    segment.write_bytes(data[:used] + torn + data[used + len(torn) :])
    records = Reader.open(home / JOURNAL / "log").end
    before = contents(home)

    assert trader("verify", "--home", str(home)).code == 4
    plan = trader("repair", "--home", str(home))
    assert plan.code == 4
    assert contents(home) == before

    done = trader("repair", "--home", str(home), "--apply")
    assert done.code == 0, done.out + done.err
    assert trader("verify", "--home", str(home)).code == 0
    assert Reader.open(home / JOURNAL / "log").end == records
    copies = [path.read_bytes() for path in (home / JOURNAL / "log" / "quarantine").iterdir()]
    assert any(torn in copy for copy in copies)


def test_a_damaged_checkpoint_is_moved_away(home: Path) -> None:
    """Then the one before it counts, and the damaged one is still there to look at."""
    kept = Checkpoints(home / JOURNAL / "checkpoints")
    path = kept.path(kept.offsets()[-1])
    damaged = path.read_bytes()[:-64]
    path.write_bytes(damaged)

    assert trader("repair", "--home", str(home)).code == 4
    assert path.exists()
    assert trader("repair", "--home", str(home), "--apply").code == 0
    assert not path.exists()
    assert [copy.read_bytes() for copy in (path.parent / "quarantine").iterdir()] == [damaged]
    assert trader("verify", "--home", str(home)).code == 0


def test_acknowledged_records_are_never_repaired(home: Path) -> None:
    """A changed bit in them is beyond repair (5), and nothing is changed, --apply or not."""
    segment = next((home / JOURNAL / "log").glob("*.open"))
    data = bytearray(segment.read_bytes())
    data[20_000] ^= 1
    segment.write_bytes(bytes(data))
    before = contents(home)

    answer = trader("repair", "--home", str(home), "--apply")

    assert answer.code == 5
    assert "beyond repair" in answer.out
    assert contents(home) == before
