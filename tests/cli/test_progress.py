"""Progress is shown on a terminal, and silent off it."""

import io
import sys

import pytest

from cli.progress import progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_off_a_terminal_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe or a file gets no bar."""
    with progress("working", 10) as advance:
        advance(4)
        advance(6)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ""


def test_on_a_terminal_it_says_how_far_and_how_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Done, of how many, a rate, the time left; and without a colour where none is wanted."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("working", 1_000) as advance:
        for _ in range(10):
            advance(100)

    said = stream.getvalue()
    assert "working" in said
    assert "1000/1000" in said
    assert "\x1b[3" not in said
