"""How a journal stands."""

import shutil
from pathlib import Path

from analysis.status import look, step_of
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath


def test_the_figures_of_a_journal_that_was_stopped() -> None:
    """Holds are counted, entries and exits are none; gains are since the start."""
    place = JournalPath(HERE / "gap", JOURNAL)
    standing = look(place, Reader.open(place.log))

    assert standing.state == "stopped"
    assert standing.session == 1
    assert 0 < sum(standing.holds.values()) <= standing.recent.decisions
    assert not any(reason.startswith(("entry", "exit")) for reason in standing.holds)
    assert standing.last is not None
    assert standing.gain is not None
    assert standing.market_gain is not None
    assert abs(standing.market_gain) < 0.5
    assert standing.recent_ticks_per_s is not None


def test_a_journal_that_was_killed(tmp_path: Path) -> None:
    """Without a last word of its session it was killed."""
    shutil.copytree(HERE / "kill-and-resume" / JOURNAL, tmp_path / JOURNAL)
    place = JournalPath(tmp_path, JOURNAL)
    standing = look(place, Reader.open(place.log))

    assert standing.session == 2
    assert standing.state in ("killed", "stopped")


def test_a_journal_from_before_steps_had_an_identity_is_continued() -> None:
    """It names none; what is this program's is said all the same."""
    place = JournalPath(HERE / "gap", JOURNAL)
    log = Reader.open(place.log)
    step = step_of(log)

    assert step is not None
    assert (step.continues, step.recorded) == (True, None)
    assert step.ours
    assert look(place, log).summary(step).step == step
