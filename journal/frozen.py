"""The frozen model: the predictions of an earlier state that no longer learns, on the same labels.

`analysis.freezing` runs that state and stores, next to the log, a row for each decision in which
labels were scored. This module reads the rows, without TensorFlow and without a second run. The
file names the log that it belongs to, so that the file of another log is ignored.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

from eventlog.fastpath import compute
from eventlog.reader import Reader
from journal.layout import JournalPath
from journal.reading.columns import numbers
from journal.sidecar import FROZEN, notes

FILE = "frozen.parquet"
SUMMED = ("scored", "hits", "loss", "frozen_hits", "frozen_loss")
SCHEMA = pa.schema(
    [
        ("offset", pa.int64()),  # of the recorded decision
        ("scored", pa.int32()),
        ("hits", pa.int32()),
        ("loss", pa.float32()),
        ("frozen_hits", pa.int32()),
        ("frozen_loss", pa.float32()),
    ]
)
LOG, AFTER, RECORDS = b"log", b"after", b"records"
"""Metadata of the file: the log's identity, the offset after which the state was frozen, and how
many records the run covered."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """The scores of the journal's model and of the frozen one, on the same labels."""

    after: int
    """The offset after which the state was frozen."""

    records: int
    """How many records of the log the run covered."""

    sums: dict[str, npt.NDArray[np.float64]]
    """By each name of `SUMMED`, shape (buckets,): the sum over each of a log's equal parts."""


def is_there(place: JournalPath) -> bool:
    """Return whether there is a file of a frozen model."""
    return (place.home / place.name / FILE).is_file()


def is_whole(place: JournalPath) -> bool | None:
    """Return whether the file has a noted digest; ``None`` if none is noted (earlier versions)."""
    digests = [line.get("blake3") for line in notes(place, FROZEN)]
    path = place.home / place.name / FILE
    return blake3(path.read_bytes()).hexdigest() in digests if digests else None


def read(place: JournalPath, log: Reader, *, buckets: int) -> Frozen | None:
    """Return the scores of a log's frozen model, summed over ``buckets`` equal parts of the log.

    ``None`` if there is no file, or if it is damaged or of another log.
    """
    path = place.home / place.name / FILE
    if not path.exists() or is_whole(place) is False:
        return None
    with pq.ParquetFile(path) as file:
        metadata = file.schema_arrow.metadata or {}
        records = int(metadata.get(RECORDS, -1))
        if metadata.get(LOG) != log.identity.hex().encode() or not 0 <= records <= log.end:
            return None
        sums = {name: np.zeros(buckets) for name in SUMMED}
        for batch in file.iter_batches():
            ticks = _ticks(log, batch.column("offset").to_numpy())
            parts = ticks * buckets // max(log.end, 1)
            for name, into in sums.items():
                values = numbers(batch.column(name), missing=0.0)
                into += np.bincount(parts, values, buckets)
    return Frozen(int(metadata[AFTER]), records, sums)


def _ticks(log: Reader, decisions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the offset of each decision's tick: that is where it is drawn (`analysis.curves`)."""
    if not len(decisions):
        return decisions
    first, end = int(decisions[0]), int(decisions[-1]) + 1
    ticks = [np.zeros(0, np.int64)]
    for part in log.read(first, end, columns=("offset", "cause")):
        offsets = part.column("offset").to_numpy()
        causes = compute.filled(part.column("cause"), -1).to_numpy()
        ticks.append(np.where(causes < 0, offsets, causes))
    return np.concatenate(ticks)[decisions - first]
