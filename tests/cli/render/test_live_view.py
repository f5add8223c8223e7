"""The live view: everything in sight, on any width."""

import io

import pytest
from rich.console import Console

from cli.render.live_view import View, block, room_of, trend
from eventlog.records import E8
from feeds import clock
from journal.live.counters import Board
from journal.reading.score import Score
from tests.support.boards import effects, told


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


def test_the_market_and_a_holder_are_two_figures() -> None:
    """The price has doubled; who held a tenth of the cash in it gained a tenth."""
    board = told()
    board.figures.cash_e8 = 10_000 * E8
    board.figures.first_price, board.figures.price = 100.0, 200.0
    board.figures.others_e8["buy_hold_equity"] = 11_000 * E8

    assert any("+100.00 %; the same stake held +10.00 %" in line for line in drawn(board, 80))


def test_a_price_keeps_its_digits() -> None:
    """A coin of a thousandth of a cent is not worth nothing."""
    board = told()
    board.figures.price = 0.00001234

    assert "0.00001234" in drawn(board, 80)[0]


def test_a_session_that_goes_on_says_what_is_its_own() -> None:
    """Next to what is of the whole journal; a first session has no such line."""
    board = told()
    assert not any("this session" in line for line in drawn(board, 80))
    board.begin(Score(decisions=5, scored=5, loss=3.0), cash_e8=10_000 * E8, first_price=1.0)
    board.show(effects())

    (line,) = (line for line in drawn(board, 80) if "this session" in line)
    assert "1,000 ticks" in line


def test_room_is_said_even_before_growth_is_known() -> None:
    """And once it is, how long it lasts."""
    assert room_of({}) == "not looked at yet"
    assert room_of({"disk_free_mib": 2048}) == "2 GiB free, growth not known yet"
    assert room_of({"disk_free_mib": 2048, "disk_days_left": 2.0}) == "2 GiB free, full in 48 h"


def test_a_wide_terminal_shows_it_in_half_the_lines() -> None:
    """The same facts, side by side."""
    board = told()

    assert len(drawn(board, 140)) < len(drawn(board, 80)) < 24
    words = {"latency", "durable", "log-loss", "account", "reason", "model"}
    assert words <= set(" ".join(drawn(board, 140)).split())


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_two_sessions_share_one_view() -> None:
    """Both stay in sight when either draws, until both have ended; then the cursor is as it was."""
    stream = Terminal()
    view = View(stream)
    first, second = (Board(name, stream, view) for name in ("BTC-AUD", "ETH-AUD"))
    for board in (first, second):
        view.draw(board.panel(0.0, durable=1, checkpoint=0, feed="ok"))
    first.finish(durable=2, checkpoint=1)

    assert "ETH-AUD" in stream.getvalue().rsplit("BTC-AUD", 1)[1]
    second.finish(durable=2, checkpoint=1)
    assert stream.getvalue().count("feed closed") >= 2
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


@pytest.mark.parametrize(("values", "bars"), [([], ""), ([1.0], "▄"), ([0.0, 7.0], "▁█")])
def test_a_trend(values: list[float], bars: str) -> None:
    """Scaled to itself; a flat one stays in the middle."""
    assert trend(values) == bars
