"""The states that are kept, as their files say."""

import shutil
from pathlib import Path

from analysis.checkpoints import kept_states
from engine.checkpoint import Checkpoints
from fixtures.record import HERE
from journal import layout
from journal.summaries import CheckpointDamagedSaid, CheckpointSaid

HOME = HERE / "kill-and-resume"


def test_every_state_is_listed_as_it_says_of_itself() -> None:
    """Oldest first; the first has neither market time nor labels."""
    place = layout.find(HOME, None)
    kept = Checkpoints(place.checkpoints)
    found = kept_states(place)

    assert [state.offset for state in found.states] == kept.offsets()
    first, *_, last = found.states
    assert isinstance(first, CheckpointSaid)
    assert isinstance(last, CheckpointSaid)
    assert (first.time_ns, first.labels, first.log_loss) == (0, 0, None)
    assert last.digest == kept.facts(last.offset).digest
    assert found.summary.checkpoints == len(kept.offsets())


def test_one_that_does_not_check_is_listed_too(tmp_path: Path) -> None:
    """With why; the others are as they were."""
    shutil.copytree(HOME, tmp_path / "home")
    place = layout.find(tmp_path / "home", None)
    kept = Checkpoints(place.checkpoints)
    kept.path(kept.offsets()[-1]).write_bytes(b"not a snapshot")

    found = kept_states(place)

    assert found.summary.damaged == 1
    assert isinstance(found.states[-1], CheckpointDamagedSaid)
    assert found.states[-1].problem
