"""What a file's name asks for is what is written."""

import io
from pathlib import Path

from analysis.export.exporting import put, write
from analysis.export.tables import Form
from eventlog.reader import Reader
from fixtures.record import HERE
from journal import layout
from journal.summaries import CurvesExported, RecordsExported

PLACE = layout.find(HERE / "gap", None)


def test_records_are_counted(tmp_path: Path) -> None:
    """In a file with its size, in a stream without: the same bytes."""
    log, form, out = Reader.open(PLACE.log), Form(".csv"), tmp_path / "x.csv"
    made = write(out, PLACE, log, 10, 30, form=form, kinds=None, force=False)
    stream = io.BytesIO()
    streamed = put(stream, log, 10, 30, form=form, kinds=None)

    size_bytes = out.stat().st_size
    assert made == RecordsExported(file=str(out), records=20, bytes=size_bytes)
    assert streamed == RecordsExported(file="-", records=20)
    assert stream.getvalue() == out.read_bytes()


def test_a_name_without_a_form_is_of_curves(tmp_path: Path) -> None:
    """An event file, with as many points as it says."""
    log, out = Reader.open(PLACE.log), tmp_path / "events.x"
    made = write(out, PLACE, log, 0, log.end, form=None, kinds=None, force=False)

    assert isinstance(made, CurvesExported)
    assert made.points > 0
    assert out.stat().st_size > 0
