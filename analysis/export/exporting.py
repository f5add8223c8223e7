"""An export: the records, the network or the curves between two offsets, as a file's name asks."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from analysis.export import forms, learning_curves, tables
from analysis.export.tables import Form
from eventlog.reader import Reader
from journal.layout import JournalPath
from journal.progress import progress
from journal.summaries import CurvesExported, Exported, RecordsExported


def write(
    target: Path,
    place: JournalPath,
    log: Reader,
    start: int,
    end: int,
    *,
    form: Form | None,
    kinds: Sequence[str] | None,
    force: bool,
) -> Exported:
    """Write a file of what is between two offsets; it appears whole or not at all.

    Args:
        target: the file. Without a form it is a Keras model, or TensorBoard's curves.
        place: the journal.
        log: its log.
        start: the first offset; a model has none.
        end: the offset to stop before; a model is as it stood before it, and needs TensorFlow.
        form: of records.
        kinds: only records of these kinds; all if there are none.
        force: replaces a file that is there.

    Raises:
        CommandError: as `journal.outputs.check`.
        JournalDiverged: if what a model is derived from is not what was recorded.
        OSError: if it cannot be written.
    """
    if form is not None:
        with progress("exporting", end - start) as advance:
            rows = tables.batches(log, start, end, kinds=kinds, advance=advance)
            count, size_bytes = tables.write(target, rows, form=form, kinds=kinds, force=force)
        return RecordsExported(file=str(target), records=count, bytes=size_bytes)
    if target.suffix == forms.MODEL:
        from analysis.export import model

        return model.write(target, place, log, end - 1, force=force)
    with progress("reading", end - start) as advance:
        points = learning_curves.write(target, place, log, start, end, force=force, advance=advance)
    return CurvesExported(file=str(target), points=points)


def put(
    stream: BinaryIO,
    log: Reader,
    start: int,
    end: int,
    *,
    form: Form,
    kinds: Sequence[str] | None,
) -> RecordsExported:
    """Write the records between two offsets into a stream of bytes.

    Raises:
        OSError: if it cannot be written.
    """
    with progress("exporting", end - start) as advance:
        rows = tables.batches(log, start, end, kinds=kinds, advance=advance)
        count = tables.put(stream, rows, form=form, kinds=kinds)
    stream.flush()
    return RecordsExported(file="-", records=count)
