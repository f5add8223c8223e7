"""What a running session says of itself."""

import io

import pytest

from eventlog.records import E8
from journal.live.counters import Board
from journal.reading.score import Score
from tests.support.boards import effects, told


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


def test_off_a_terminal_there_are_no_control_characters() -> None:
    """A file gets plain lines."""
    stream = io.StringIO()
    Board("BTC-AUD", stream).finish(durable=5, checkpoint=4)

    assert stream.getvalue().endswith("\n")
    assert "\x1b" not in stream.getvalue()


def test_the_panel_adds_up() -> None:
    """Its figures are those of what was shown."""
    board = told()
    panel = board.panel(1.0, durable=2_023, checkpoint=2_000, feed="ok")

    assert panel.ticks == board.score.decisions == sum(panel.reasons.values())
    assert panel.behind == 22
    assert panel.figures.position_e8 is not None
    assert panel.p99_ms is not None
    assert panel.p50_ms is not None
    assert panel.p50_ms <= panel.p99_ms
    assert panel.recent.labels == board.score.scored


def test_a_session_that_goes_on_counts_from_the_beginning() -> None:
    """What was before is in every figure; what is of this session stands next to it."""
    board, alone = Board("BTC-AUD", io.StringIO()), told()
    before = Score(decisions=10, fills=2, scored=8, hits=4, loss=5.0, equity_e8=9_000 * E8)
    before.milestones.update(["drift"])
    board.begin(before, cash_e8=10_000 * E8, first_price=50_000.0)
    board.show(effects())
    board.price(100_000.0)
    panel = board.panel(1.0, durable=9, checkpoint=8, feed="ok")

    assert panel.ticks == 10 + alone.ticks
    assert panel.score.fills == 2 + alone.score.fills
    assert panel.score.milestones == {"drift": 1}
    assert panel.session is not None
    assert (panel.session.decisions, panel.session.fills) == (alone.ticks, alone.score.fills)
    assert panel.session.log_loss == pytest.approx(alone.score.log_loss)
    assert panel.market_gain == 1.0
    assert panel.hold_gain == alone.hold_gain
    assert panel.recent.labels == alone.score.scored
    assert alone.panel(1.0, durable=9, checkpoint=8, feed="ok").session is None
    board.start()
    assert (board.session.decisions, board.session.fills, board.session.scored) == (0, 0, 0)
