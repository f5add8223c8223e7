"""Files of any known kind as records of one market, merged by time.

Files are merged by when their rows were received; a row stays behind those of its own file that
stand before it, and at equal times the file that is named first comes first. So the days of a
market may be named in any order, and quotes and trades may stand in files of their own.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventlog.body import int64s
from feeds.errors import TableUnreadable
from feeds.files import recordings, tables
from feeds.files.recordings import is_recording
from feeds.files.tables import Layout, Reading, is_table

KINDS = ".csv, .tsv, .parquet or .pq for tables (.csv.gz, too), .jsonl.zst for recorded frames"


def rows_of(path: Path) -> int:
    """Return about how many records a file holds.

    Raises:
        TableUnreadable: if it is missing, damaged or of no kind that is known.
    """
    if is_recording(path):
        return recordings.frames_in(path)
    if is_table(path):
        return tables.rows_of(path)
    raise TableUnreadable(path=path, why=f"by its name it is none of {KINDS}")


def readings(paths: Sequence[Path], market: str, layout: Layout) -> Iterator[Reading]:
    """Yield the records of files in the order of their times.

    Raises:
        TableUnreadable: if a file is missing, damaged, of no kind that is known, or says nothing.
    """
    files = [
        recordings.readings(path, market) if is_recording(path) else tables.readings(path, layout)
        for path in paths
    ]
    if len(files) == 1:
        yield from files[0]
    else:
        yield from _merged([_File(file) for file in files])


class _File:
    """The rows of a file that wait for their turn, and how long each has to wait."""

    def __init__(self, source: Iterator[Reading]) -> None:
        self._source = source
        self._waiting: list[pa.RecordBatch] = []
        self.times_ns = np.zeros(0, np.int64)
        self.ended = False

    def read(self) -> Reading | None:
        """Read on; return what was read, or ``None`` at the end."""
        reading = next(self._source, None)
        if reading is None:
            self.ended = True
            return None
        self._waiting.append(reading.batch)
        times_ns = np.concatenate([self.times_ns, int64s(reading.batch.column("received_ns"))])
        self.times_ns = np.maximum.accumulate(times_ns)
        return reading

    def take(self, before_ns: int | None) -> tuple[list[pa.RecordBatch], npt.NDArray[np.int64]]:
        """Return the rows from before a time, or all, and their times; they wait no longer."""
        count = len(self.times_ns)
        if before_ns is not None:
            count = int(np.searchsorted(self.times_ns, before_ns, side="left"))
        taken, self.times_ns = self.times_ns[:count], self.times_ns[count:]
        batches = []
        while count:
            batch = self._waiting.pop(0)
            batches.append(batch.slice(0, count))
            if batch.num_rows > count:
                self._waiting.insert(0, batch.slice(count))
            count -= batches[-1].num_rows
        return batches, taken


def _merged(files: list[_File]) -> Iterator[Reading]:
    refused: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    limit_ns: int | None = -1
    while limit_ns is not None:
        # Rows at the time up to which a file was read may not be the last of that time.
        for file in files:
            while not file.ended and not (len(file.times_ns) and file.times_ns[-1] > limit_ns):
                if (reading := file.read()) is not None:
                    refused.update(reading.refused)
                    noted.update(reading.noted)
        limit_ns = min((int(file.times_ns[-1]) for file in files if not file.ended), default=None)
        taken = [file.take(limit_ns) for file in files]
        batches = [batch for part, _ in taken for batch in part]
        if batches:
            order = np.argsort(np.concatenate([times_ns for _, times_ns in taken]), kind="stable")
            rows = pa.concat_batches(batches).take(pa.array(order))
            yield Reading(rows, dict(refused), dict(noted))
            refused.clear()
            noted.clear()
