"""Lines that are drawn where others stood."""

import itertools

import pytest

from cli.render.watch import redrawn, repeated, screen


def test_looking_again_draws_over_what_stood_there() -> None:
    """Shorter lines, and fewer of them, leave nothing behind; the screen is never empty."""
    assert redrawn(["a", "b"]) == "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J"


def test_what_is_redrawn_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """More lines than the terminal has would scroll: the rest is counted."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "10")
    drawn = redrawn(["x" * 100] * 30)

    assert drawn.count("\n") == 9
    assert "… 22 more lines" in drawn
    assert "x" * 40 not in drawn


def test_it_looks_once_or_again() -> None:
    """Without a time once; with one as often as it is asked."""
    looks = itertools.count()

    assert list(repeated(lambda: next(looks), None)) == [0]
    assert list(itertools.islice(repeated(lambda: next(looks), 0.001), 3)) == [1, 2, 3]


def test_what_is_no_terminal_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A file or a pipe has no escapes in it."""
    screen()(["a", "b"])

    assert capsys.readouterr().out == "a\nb\n"
