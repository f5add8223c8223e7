"""`trader compare` shows two journals side by side."""

from pathlib import Path

import pytest

from fixtures.record import HERE, JOURNAL
from tests.support.commands import trader

GAP = HERE / "gap"


def test_a_home_and_a_journal_in_it_are_the_same_place() -> None:
    """Either names the journal; the lines fit a terminal."""
    answer = trader("compare", str(GAP), str(GAP / JOURNAL))

    assert answer.code == 0
    assert "all 1,000 paired decisions are the same" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 100


def test_in_json_too() -> None:
    """One object, with the figures."""
    summary = trader("compare", str(GAP), str(GAP), "--json").summary

    assert summary["paired"] == 1_000
    assert summary["parameters"] == {}


@pytest.mark.parametrize(("other", "code"), [("nowhere", 10), (HERE / "kill-and-resume", 2)])
def test_what_cannot_be_compared(other: Path | str, code: int) -> None:
    """A clear word, and the documented code."""
    assert trader("compare", str(GAP), str(other)).code == code
