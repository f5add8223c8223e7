"""What is looked at, and what each finding comes to."""

import shutil
from pathlib import Path

from engine.errors import ParameterError
from eventlog.errors import EventLogError
from fixtures.record import HERE, JOURNAL
from journal.asked import diagnostics
from journal.errors import LimitReached
from journal.summaries import CheckVerdict


def test_a_processor_that_lacks_something(tmp_path: Path) -> None:
    """Below x86-64-v3 it is said that equal bits are not claimed."""
    able, unable = tmp_path / "able", tmp_path / "unable"
    able.write_text("model name\t: X\nflags\t\t: fpu avx2 fma bmi2\n")
    unable.write_text("model name\t: Y\nflags\t\t: fpu sse2 fma\n")

    assert diagnostics.processor(able).verdict is CheckVerdict.OK
    assert diagnostics.processor(unable).verdict is CheckVerdict.NOTE
    assert "without avx2, bmi2" in diagnostics.processor(unable).says
    assert diagnostics.processor(tmp_path / "none").verdict is CheckVerdict.NOTE


def test_a_configuration_that_does_not_hold(tmp_path: Path) -> None:
    """It is a problem with its own error; a missing file is none."""
    assert diagnostics.configuration(tmp_path).verdict is CheckVerdict.NOTE

    (tmp_path / "trader.toml").write_text("[engine]\nfee_pm = 1\n")
    check = diagnostics.configuration(tmp_path)

    assert check.verdict is CheckVerdict.PROBLEM
    assert isinstance(check.error, ParameterError)
    assert "fee_ppm" in check.hint


def test_too_little_room(tmp_path: Path) -> None:
    """The floor is the one of the configuration."""
    (tmp_path / "trader.toml").write_text(f"[log]\nmin_free_mib = {1 << 30}\n")

    assert isinstance(diagnostics.disk(tmp_path).error, LimitReached)
    assert diagnostics.disk(tmp_path / "not" / "there" / "yet").verdict is CheckVerdict.OK


def test_a_disk_is_timed_and_left_as_it_was(tmp_path: Path) -> None:
    """Nothing stays behind."""
    assert "p99" in diagnostics.durability(tmp_path).says
    assert list(tmp_path.iterdir()) == []


def test_journals_that_are_there(tmp_path: Path) -> None:
    """A damaged one is a problem, and does not hide the others."""
    shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / "A")
    shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / "B")
    (tmp_path / "A" / "log" / "MANIFEST").write_bytes(b"x")

    damaged, whole = diagnostics.locks(tmp_path)

    assert damaged.name == "A"
    assert isinstance(damaged.error, EventLogError)
    assert (whole.name, whole.verdict) == ("B", CheckVerdict.OK)


def test_the_golden_run_is_that_of_the_journal() -> None:
    """The same bits twice, and compared with what the newest session recorded."""
    (check,) = diagnostics.determinism(HERE / "gap")

    assert "golden run" in check.says
    assert JOURNAL in check.says
