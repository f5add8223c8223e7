"""`trader replay`: from anywhere to anywhere, the same decisions; and forks."""

from pathlib import Path

import pytest

from fixtures.record import HERE
from tests.commands import trader
from tests.golden.test_fixtures import EXPECTED, claim

HOME = HERE / "kill-and-resume"


@pytest.mark.parametrize("start", ["beginning", "1", "3000", "-10", "checkpoint"])
def test_from_anywhere_it_ends_the_same(start: str) -> None:
    """Wherever the replay begins, it ends in the same state and fingerprint."""
    claim(HOME)
    answer = trader("replay", "--home", str(HOME), "--from", start, "--json")

    assert answer.code == 0
    assert answer.summary["diverged_at"] is None
    assert answer.summary["state"] == EXPECTED["kill-and-resume"]["state"]


def test_to_stops_before_an_offset() -> None:
    """--to is the first offset that is not replayed."""
    claim(HOME)
    answer = trader("replay", "--home", str(HOME), "--from", "beginning", "--to", "500", "--json")

    assert answer.summary["to"] == 500
    ticks = answer.summary["ticks"]
    assert isinstance(ticks, int)
    assert 0 < ticks < 500


def test_the_summary_has_its_fields() -> None:
    """--json ends in one object with these fields."""
    claim(HOME)
    summary = trader("replay", "--home", str(HOME), "--from", "-500", "--json").summary

    assert set(summary) >= {
        *("from", "to", "ticks", "compared", "diverged_at", "seconds", "ticks_per_second"),
        *("fingerprint", "log_loss", "accuracy", "equity"),
    }


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
