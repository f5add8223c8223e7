"""`trader replay`: from anywhere to anywhere, the same decisions."""

import pytest

from fixtures.record import HERE
from tests.support.commands import trader
from tests.support.golden import EXPECTED, claim

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
