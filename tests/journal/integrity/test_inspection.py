"""The log is read by a process that may die without taking the command along."""

import os
from pathlib import Path

import pytest

from eventlog import integrity
from eventlog.errors import NoLog
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.integrity import inspection
from journal.integrity.inspection import CRASHED, inspect


def _die(log: Path) -> None:
    os.abort()


def _ignore(count: int) -> None:
    """Show nothing."""


def test_it_says_how_far_it_is() -> None:
    """All records are read, and counted in parts."""
    log, read = HERE / "gap" / JOURNAL / "log", list[int]()

    inspect(log, quick=False, advance=read.append)

    assert sum(read) == Reader.open(log).end


@pytest.mark.parametrize("quick", [False, True])
def test_a_good_log_has_no_finding(quick: bool) -> None:
    """What the child finds comes back: nothing, where nothing is wrong."""
    assert inspect(HERE / "gap" / JOURNAL / "log", quick=quick, advance=_ignore) == []


def test_an_error_of_the_child_is_ours(tmp_path: Path) -> None:
    """No log is no log, whichever process looks."""
    with pytest.raises(NoLog):
        inspect(tmp_path, quick=True, advance=_ignore)


def test_a_reader_that_dies_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash is reported as what it is: nobody could judge these bytes."""
    monkeypatch.setattr(integrity, "check_quick", _die)

    findings = inspection.inspect(HERE / "gap" / JOURNAL / "log", quick=True, advance=_ignore)

    assert [finding.check for finding in findings] == [CRASHED]
