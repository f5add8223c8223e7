"""`trader checkpoints` lists the states that are kept."""

import json
import shutil
from pathlib import Path

from engine.checkpoint import Checkpoints
from fixtures.record import HERE, JOURNAL
from tests.support.commands import trader

HOME = HERE / "kill-and-resume"


def test_each_state_with_its_scores() -> None:
    """One line a state, with what the state says of itself."""
    lines = [
        json.loads(line)
        for line in trader("checkpoints", "--home", str(HOME), "--json").out.splitlines()
    ]
    kept = Checkpoints(HOME / JOURNAL / "checkpoints")

    assert [line["offset"] for line in lines[:-1]] == kept.offsets()
    for line in lines[:-1]:
        facts = kept.facts(line["offset"])
        assert line["digest"] == facts.digest
        assert line["steps"] == facts.steps
        assert line["size_bytes"] == kept.path(line["offset"]).stat().st_size
    assert lines[-1] == {
        "message_type": "summary",
        "checkpoints": len(lines) - 1,
        "damaged": 0,
    }


def test_a_damaged_one_is_said_to_be(tmp_path: Path) -> None:
    """A state that does not check is listed as damaged, not left out."""
    shutil.copytree(HOME, tmp_path / "home")
    kept = Checkpoints(tmp_path / "home" / JOURNAL / "checkpoints")
    kept.path(kept.offsets()[-1]).write_bytes(b"not a snapshot")

    answer = trader("checkpoints", "--home", str(tmp_path / "home"), "--json")

    assert answer.summary["damaged"] == 1
    assert "damaged" in trader("checkpoints", "--home", str(tmp_path / "home")).out


def test_the_table_fits_a_terminal_and_says_what_was_verified(tmp_path: Path) -> None:
    """Within eighty columns, with what the newest verification said of each state."""
    shutil.copytree(HOME, tmp_path / "home")
    assert trader("verify", "--home", str(tmp_path / "home")).code == 0

    lines = trader("checkpoints", "--home", str(tmp_path / "home")).out.splitlines()

    assert max(map(len, lines)) <= 80
    assert all(line.endswith("clean (default)") for line in lines[1:])
