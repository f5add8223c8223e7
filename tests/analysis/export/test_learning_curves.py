"""Curves over a journal, a point a bucket."""

from pathlib import Path

from analysis import curves
from analysis.export.learning_curves import points, write
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath

PLACE = JournalPath(HERE / "gap", JOURNAL)


def ignored(count: int) -> None:
    """Show no progress."""


def test_points_go_on_in_ticks_and_hold_no_figure_that_is_none(tmp_path: Path) -> None:
    """Every value is finite, and each point is later than the one before."""
    log = Reader.open(PLACE.log)
    found = [*points(curves.read(log, buckets=20, start=0, end=log.end, advance=ignored))]

    assert found
    assert [ticks for _, ticks, _ in found] == sorted(ticks for _, ticks, _ in found)
    assert all(value == value for _, _, values in found for value in values.values())
    target = tmp_path / "events.out.tfevents.x"
    count = write(target, PLACE, log, 0, log.end, force=False, advance=ignored)
    assert count >= len(found)
    assert target.stat().st_size
