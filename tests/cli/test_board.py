"""The status line."""

import io

from cli.board import Board, fitted


def test_the_line_says_paper_first() -> None:
    """What matters most stands first, so that a narrow terminal still shows it."""
    board = Board("BTC-AUD", io.StringIO())

    parts = board.parts(0.0, durable=5, checkpoint=4, feed="ok")

    assert parts[0] == "PAPER BTC-AUD"
    assert not any(part.startswith("feed") for part in parts)


def test_a_feed_that_is_not_well_is_said_at_once() -> None:
    """A lost connection moves to the front."""
    board = Board("BTC-AUD", io.StringIO())

    assert board.parts(0.0, durable=5, checkpoint=4, feed="reconnecting")[1] == "feed reconnecting"


def test_a_line_never_wraps() -> None:
    """It has at most as many characters as the terminal has columns."""
    parts = ["PAPER BTC-AUD", "1,234 ticks", "accuracy 0.512"]

    for columns in range(1, 60):
        assert len(fitted(parts, columns)) <= columns


def test_off_a_terminal_there_are_no_control_characters() -> None:
    """A file gets plain lines."""
    stream = io.StringIO()
    Board("BTC-AUD", stream).finish(durable=5, checkpoint=4)

    assert stream.getvalue().endswith("\n")
    assert "\x1b" not in stream.getvalue()
