"""A plan first; then what it says, and nothing else."""

import shutil
from pathlib import Path

import pytest

from engine.checkpoint import Checkpoints
from fixtures.record import HERE
from journal import layout
from journal.integrity.repairing import plan, repair
from journal.layout import JournalPath
from journal.summaries import Verdict


@pytest.fixture
def place(tmp_path: Path) -> JournalPath:
    """Return a copy of a good journal, to be hurt."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    return layout.find(tmp_path / "home", None)


def test_a_good_journal_has_nothing_to_repair(place: JournalPath) -> None:
    said = repair(place, apply=True)

    assert plan(place).actions() == said.actions == ()
    assert (said.applied, said.verdict) == (True, Verdict.CLEAN)


def test_a_damaged_state_is_displaced_when_that_is_asked_for(place: JournalPath) -> None:
    """A plan changes nothing; what is displaced is kept, under a name that says its digest."""
    kept = Checkpoints(place.checkpoints)
    path = kept.path(kept.offsets()[-1])
    path.write_bytes(path.read_bytes()[:-64])
    damaged = path.read_bytes()

    assert repair(place, apply=False).verdict is Verdict.REPAIRABLE
    assert path.exists()
    done = repair(place, apply=True)
    assert (done.applied, done.verdict, len(done.actions)) == (True, Verdict.CLEAN, 1)
    assert not path.exists()
    (copy,) = (place.checkpoints / "quarantine").iterdir()
    assert copy.name.startswith(path.name)
    assert copy.read_bytes() == damaged


def test_nothing_is_done_while_anything_is_beyond_repair(place: JournalPath) -> None:
    """Damage to acknowledged records is for a copy to mend."""
    segment = next(place.log.glob("*.open"))
    data = bytearray(segment.read_bytes())
    data[20_000] ^= 1
    segment.write_bytes(bytes(data))

    said = repair(place, apply=True)

    assert (said.applied, said.verdict) == (False, Verdict.CORRUPT)
    assert said.beyond_repair
    assert segment.read_bytes() == bytes(data)
