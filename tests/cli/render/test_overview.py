"""A row a market, and what is the matter below it."""

import shutil
from pathlib import Path

from analysis.status import look
from cli.render import overview
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Health
from feeds import clock
from fixtures.record import HERE, JOURNAL
from journal import layout
from tests.support.commands import trader


def lines(home: Path) -> list[str]:
    places = [layout.find(home, name) for name in layout.names(home)]
    return [*overview.to_lines([look(place, Reader.open(place.log)) for place in places])]


def test_a_feed_that_does_not_stream_stands_below_its_row(tmp_path: Path) -> None:
    """In words of the exchange's that act on nothing."""
    shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / JOURNAL)
    detail = '{"feed": "not streaming: closed\\u001b[2J"}'
    with Log.open(tmp_path / JOURNAL / "log") as log:
        log.append([Health(received_ns=clock.now_ns(), detail=detail)])
        head, row, trouble = lines(tmp_path)

    assert head.split()[:2] == ["PAPER", "state"]
    assert row.split()[1] == "running"
    assert trouble == "  feed not streaming: closed\\x1b[2J"


def test_a_journal_that_was_killed(tmp_path: Path) -> None:
    shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / JOURNAL)
    with Log.open(tmp_path / JOURNAL / "log") as log:
        log.append([Health(received_ns=clock.now_ns(), detail="{}")])

    assert len(lines(tmp_path)) in (2, 3)


def test_a_market_that_takes_no_orders(tmp_path: Path) -> None:
    """What the exchange says of it stands below its row, and in its own screen."""
    shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / JOURNAL)
    detail = '{"feed": "streaming", "market_status": "Post Only"}'
    with Log.open(tmp_path / JOURNAL / "log") as log:
        log.append([Health(received_ns=clock.now_ns(), detail=detail)])

        assert lines(tmp_path)[2] == "  market Post Only"
        assert "the exchange says Post Only" in trader("status", "--home", str(tmp_path)).out
