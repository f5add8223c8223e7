"""The live view: everything in sight, on any width."""

import io

import pytest
from rich.console import Console

from cli.board import Board
from cli.view import View, block, trend
from eventlog.records import E8
from feeds import clock
from tests.cli.test_board import told


def drawn(board: Board, columns: int) -> list[str]:
    """Return the view's lines on a terminal of so many columns."""
    stream = io.StringIO()
    console = Console(file=stream, width=columns, color_system=None)
    console.print(block(board.panel(1.0, durable=9, checkpoint=5, feed="ok"), columns))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("columns", [40, 80, 119, 120, 140, 200])
def test_paper_is_always_in_sight_and_no_line_wraps(columns: int) -> None:
    """With figures and without any."""
    for board in (told(), Board("BTC-AUD", io.StringIO())):
        lines = drawn(board, columns)

        assert lines[0].startswith(" PAPER ")
        assert max(map(len, lines)) <= columns


def test_a_backlog_is_no_quiet_feed() -> None:
    """While ticks wait for their turn it says how far behind it is; once they do not, how old."""
    board = told()
    board.figures.received_ns = clock.now_ns()

    board.figures.waited_s = 97.0
    assert "feed ok, catching up, 97 s behind" in drawn(board, 80)[0]
    board.figures.waited_s = 0.02
    assert drawn(board, 80)[0].endswith("ago")


def test_the_holder_gains_from_its_own_start() -> None:
    """A session that goes on is no gain or loss of whoever held before it."""
    board = told()
    board.figures.first_others_e8["holder_equity"] = 9_000 * E8
    board.figures.others_e8["holder_equity"] = 9_090 * E8

    assert any("+1.00 %, position" in line for line in drawn(board, 80))


def test_a_wide_terminal_shows_it_in_half_the_lines() -> None:
    """The same facts, side by side."""
    board = told()

    assert len(drawn(board, 140)) < len(drawn(board, 80)) < 24
    words = {"latency", "durable", "log-loss", "account", "because", "mark"}
    assert words <= set(" ".join(drawn(board, 140)).split())


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_two_sessions_share_one_view() -> None:
    """Both stay in sight when either draws, until both have ended; then the cursor is as it was."""
    stream = Terminal()
    first, second = Board("BTC-AUD", stream), Board("ETH-AUD", stream)
    for board in (first, second):
        View.on(stream).draw(board.panel(0.0, durable=1, checkpoint=0, feed="ok"))
    first.finish(durable=2, checkpoint=1)

    assert "ETH-AUD" in stream.getvalue().rsplit("BTC-AUD", 1)[1]
    second.finish(durable=2, checkpoint=1)
    assert stream.getvalue().count("feed closed") >= 2
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


@pytest.mark.parametrize(("values", "bars"), [([], ""), ([1.0], "▄"), ([0.0, 7.0], "▁█")])
def test_a_trend(values: list[float], bars: str) -> None:
    """Scaled to itself; a flat one stays in the middle."""
    assert trend(values) == bars
