"""`trader replay --set … --out …`: the recorded inputs through another engine."""

from pathlib import Path

import pytest

from fixtures.record import HERE
from tests.support.commands import trader
from tests.support.golden import EXPECTED, claim

HOME = HERE / "kill-and-resume"


def test_a_fork_is_a_journal_of_its_own(tmp_path: Path) -> None:
    """Other parameters make a new journal that verifies, and both outcomes are shown."""
    claim(HOME)
    words = ("replay", "--home", str(HOME), "--set", "fee_ppm=8500", "--out", str(tmp_path))

    answer = trader(*words, "--json")

    assert answer.code == 0
    recorded, forked = answer.summary["recorded"], answer.summary["forked"]
    assert isinstance(recorded, dict)
    assert isinstance(forked, dict)
    assert recorded["ticks"] == forked["ticks"] == EXPECTED["kill-and-resume"]["ticks"]
    assert recorded["fills"] > forked["fills"] == 0
    assert trader("verify", "--home", str(tmp_path), "--deep").code == 0
    assert trader(*words).code == 2, "a fork never writes into a journal that is there"


def test_a_fork_without_a_change_is_the_same(tmp_path: Path) -> None:
    """With the same parameters the fork scores as the record does, but for draws by offset."""
    claim(HOME)
    answer = trader(
        *("replay", "--home", str(HOME), "--set", "fee_ppm=0", "--out", str(tmp_path), "--json")
    )
    recorded, forked = answer.summary["recorded"], answer.summary["forked"]
    assert isinstance(recorded, dict)
    assert isinstance(forked, dict)

    assert recorded["ticks"] == forked["ticks"]
    assert recorded["log_loss"] == pytest.approx(forked["log_loss"], abs=0.02)
