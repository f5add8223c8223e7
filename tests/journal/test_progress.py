"""Progress is shown on a terminal, and a line a minute off it; stages say their seconds."""

import io
import re
import sys
import threading

import pytest

from journal import progress as module
from journal.progress import progress, stage


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Awaited(io.StringIO):
    """A stream that says when it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


def test_off_a_terminal_nothing_is_written_of_what_is_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe or a file gets no bar."""
    monkeypatch.setattr(module, "TOLD_S", float("inf"))
    with progress("working", 10) as advance:
        advance(4)
        advance(6)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ""


def test_what_is_long_says_how_far_it_is_and_what_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while nothing advances: the line does not wait for the work."""
    stream = Awaited()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(module, "MINUTE_S", 0.001)
    monkeypatch.setattr(module, "TOLD_S", 0.0)
    with progress("working", 10) as advance:
        advance(4)
        stream.written.clear()
        assert stream.written.wait(60)

    lines = stream.getvalue().splitlines()
    told = re.compile(r"working: 4 of 10 \(40%\) in .+, [0-9,]+/s, about .+ left")
    assert any(told.fullmatch(line) for line in lines)
    assert lines[-1].startswith("working: ")
    assert lines[-1].endswith(" s")


def test_on_a_terminal_it_says_how_far_and_how_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Done, of how many, a rate, the time left; and without a colour where none is wanted."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("[red]working[/red]\x1b[2J", 1_000) as advance:
        for _ in range(10):
            advance(100)

    said = stream.getvalue()
    assert "[red]working[/red]" in said
    assert "1000/1000" in said
    assert "\x1b[3" not in said
    assert "\x1b[2J" not in said


def test_a_stage_says_its_name_its_seconds_and_what_came_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with stage("restore") as running:
        running.note = "the state after offset 7\x1b[2J"

    said = capsys.readouterr().err
    assert said.startswith("restore ")
    assert said.endswith(" s  the state after offset 7\\x1b[2J\n")
    assert said.count("\n") == 1


def test_a_stage_that_lasts_is_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Awaited()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(module, "MINUTE_S", 0.001)
    with stage("load"):
        assert stream.written.wait(60)

    assert "so far\n" in stream.getvalue()


def test_a_stage_that_fails_says_no_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """What it failed with is said by whoever knows."""
    with pytest.raises(ValueError, match="damaged"), stage("load"):
        raise ValueError("damaged")

    assert capsys.readouterr().err == ""
