"""The frozen model: the predictions of an earlier state that no longer learns, on the same labels.

`analysis.freezing` runs that state and keeps, next to the log, a row for each decision in which
labels were scored. Here they are read back, with neither TensorFlow nor a second run. The file
names the log that it belongs to, so one of another log is not shown.
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
"""Of the file: the log's identity, the offset after which it froze, and how far it went."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Both on the same labels, as sums over a log's stretches."""

    after: int
    """The offset after which the state was frozen."""

    records: int
    """So far it went."""

    sums: dict[str, npt.NDArray[np.float64]]


def is_there(place: JournalPath) -> bool:
    """Say whether anything was kept."""
    return (place.home / place.name / FILE).is_file()


def is_whole(place: JournalPath) -> bool | None:
    """Say whether the file is one that was kept; ``None`` where an earlier version kept it."""
    kept = [said.get("blake3") for said in notes(place, FROZEN)]
    path = place.home / place.name / FILE
    return blake3(path.read_bytes()).hexdigest() in kept if kept else None


def read(place: JournalPath, log: Reader, *, stretches: int) -> Frozen | None:
    """Return what was kept of this very log; ``None`` if nothing was."""
    path = place.home / place.name / FILE
    if not path.exists() or is_whole(place) is False:
        return None
    with pq.ParquetFile(path) as file:
        said = file.schema_arrow.metadata or {}
        records = int(said.get(RECORDS, -1))
        if said.get(LOG) != log.identity.hex().encode() or not 0 <= records <= log.end:
            return None
        sums = {name: np.zeros(stretches) for name in SUMMED}
        for batch in file.iter_batches():
            places = _ticks(log, batch.column("offset").to_numpy()) * stretches // max(log.end, 1)
            for name, into in sums.items():
                values = numbers(batch.column(name), missing=0.0)
                into += np.bincount(places, values, stretches)
    return Frozen(int(said[AFTER]), records, sums)


def _ticks(log: Reader, decisions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the offset of each decision's tick: that is where it is drawn (`analysis.curves`)."""
    if not len(decisions):
        return decisions
    first, end = int(decisions[0]), int(decisions[-1]) + 1
    found = [np.zeros(0, np.int64)]
    for part in log.read(first, end, columns=("offset", "cause")):
        offsets = part.column("offset").to_numpy()
        causes = compute.filled(part.column("cause"), -1).to_numpy()
        found.append(np.where(causes < 0, offsets, causes))
    return np.concatenate(found)[decisions - first]
