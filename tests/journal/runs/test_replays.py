"""A replay and a fork as values: what is refused, and what comes of a recorded journal."""

from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.record import HERE
from journal.errors import JournalCorrupt, UsageError
from journal.runs.replays import START, ReplayPlan, fork, replay
from tests.support.golden import claim

PLAN = ReplayPlan(home=HERE / "kill-and-resume", journal=None, start=START, stop="end")


def test_a_replay_says_what_it_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything is in the result, and nothing on stdout."""
    claim(PLAN.home)
    said = replay(replace(PLAN, start="-50"))

    assert (said.journal, said.diverged_at, said.difference) == ("BTC-AUD", None, None)
    assert said.same_arithmetic
    assert said.compared > 0
    assert capsys.readouterr().out == ""


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(UsageError):
        replay(replace(PLAN, start="500", stop="100"))


def test_a_journal_without_a_checkpoint_before_the_start_is_corrupt(tmp_path: Path) -> None:
    place = tmp_path / "BTC-AUD"
    place.mkdir()
    (place / "log").symlink_to(PLAN.home / "BTC-AUD" / "log")
    (place / "checkpoints").mkdir()

    with pytest.raises(JournalCorrupt, match="no checkpoint before 1"):
        replay(replace(PLAN, home=tmp_path, start="1"))


def test_a_fork_has_every_tick_and_a_home_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a fork has every tick"):
        fork(replace(PLAN, start="500"), out=tmp_path, assignments=["fee_ppm=1"])
    with pytest.raises(UsageError, match="--set needs --out"):
        fork(PLAN, out=None, assignments=["fee_ppm=1"])
