"""A progress bar is silent off a terminal."""

import pytest

from cli.progress import progress


def test_off_a_terminal_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe or a file gets no bar."""
    with progress("working", 10) as advance:
        advance(4)
        advance(6)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ""
