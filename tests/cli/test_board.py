"""What a running session says of itself."""

import io

import pyarrow as pa
import pyarrow.compute as pc

from cli.board import Board
from cli.journal import Place
from eventlog.reader import Reader
from eventlog.records import EFFECT_KINDS
from fixtures.record import HERE, JOURNAL


def told() -> Board:
    """Return a board that has seen a whole journal, batch by batch."""
    board = Board("BTC-AUD", io.StringIO())
    for batch in Reader.open(Place(HERE / "gap", JOURNAL).log).read():
        effects = pc.is_in(batch.column("kind"), pa.array(EFFECT_KINDS))
        board.see(batch)
        board.show(batch.filter(effects))
    return board


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
    assert panel.figures.middle_e8 is not None
    assert panel.figures.position_e8 is not None
    assert panel.p99_ms is not None
    assert panel.p50_ms is not None
    assert panel.p50_ms <= panel.p99_ms
    assert sum(window.scored for window in panel.recent) == board.score.scored
