"""A state of then, over all that came after it, learning no more.

What going on learning has brought is the difference between what was recorded and what that state
says of the same labels. It is the state that the journal itself had, carried by the ordinary loop
with labels that teach nothing; its labels are the recorded ones, decision by decision, or it fails.
"""

from collections.abc import Iterable, Iterator
from itertools import tee

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from blake3 import blake3

from analysis.evaluation.answers import frozen as learning_no_more
from analysis.evaluation.evaluation import FROZEN_SHARE
from engine.chunks import chunks
from engine.engine import Engine
from engine.loop import run
from engine.step import CHUNK_TICKS
from eventlog.reader import Reader
from journal import frozen
from journal.errors import JournalDiverged
from journal.header import JournalHeader
from journal.layout import JournalPath
from journal.progress import progress
from journal.rederive import state_after
from journal.replay import COLUMNS
from journal.sidecar import FROZEN, note
from journal.sinks import CollectingSink

_ROWS = 1 << 16
"""Of a row group of the file."""

_READ = tuple(dict.fromkeys((*COLUMNS, "cause", "scored", "scored_hits", "scored_loss")))


def freeze(place: JournalPath, log: Reader, header: JournalHeader) -> None:
    """Run the state at a quarter of the journal over the rest; store its predictions with the log.

    Raises:
        JournalDiverged: if that state cannot be had as it was recorded.
    """
    end = log.end
    after = int(end * FROZEN_SHARE)
    derived = state_after(place, log, header, after)
    if derived.divergence is not None:
        problem = f"{place.name}: the state to freeze is not the recorded one {derived.divergence}"
        raise JournalDiverged(problem, hint="trader verify --deep says more.")
    engine = Engine(learning_no_more(header.parameters), derived.engine.state(), header.rules)
    path = place.home / place.name / frozen.FILE
    temporary = path.with_name(path.name + ".tmp")
    said = {
        frozen.LOG: log.identity.hex(),
        frozen.AFTER: str(after),
        frozen.RECORDS: str(end),
    }
    # Read once: the ticks go before, what was recorded of them is looked at behind.
    inputs, recorded = tee(log.read(after + 1, end, columns=_READ))
    with (
        pq.ParquetWriter(temporary, frozen.SCHEMA.with_metadata(said)) as writer,
        progress("frozen", end - after - 1) as advance,
    ):

        def watched() -> Iterator[pa.RecordBatch]:
            for chunk in chunks(inputs, CHUNK_TICKS):
                yield chunk
                advance(chunk.num_rows)

        beside = _Beside(_decisions(recorded, after=after), writer)
        run(engine, watched(), CollectingSink(beside.take))
        beside.flush()
    digest = blake3(temporary.read_bytes()).hexdigest()
    # Before it has its name: a digest too many says nothing, one too few would.
    note(place, FROZEN, {"bytes": temporary.stat().st_size, "blake3": digest})
    temporary.replace(path)


def _decisions(batches: Iterable[pa.RecordBatch], *, after: int) -> Iterator[pa.RecordBatch]:
    """Yield the recorded decisions of the ticks after an offset."""
    for batch in batches:
        taken = pc.and_(
            pc.equal(batch.column("kind"), "decision"), pc.greater(batch.column("cause"), after)
        )
        found = batch.filter(pc.fill_null(taken, False))
        if found.num_rows:
            yield found


class _Beside:
    """Writes derived and recorded scores, where labels were scored."""

    def __init__(self, recorded: Iterator[pa.RecordBatch], writer: pq.ParquetWriter) -> None:
        self._recorded = recorded
        self._ahead: pa.RecordBatch | None = None
        self._writer = writer
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def take(self, derived: pa.RecordBatch) -> None:
        """Write some decisions; without a word those that were not recorded any more."""
        while derived.num_rows:
            if self._ahead is None or not self._ahead.num_rows:
                self._ahead = next(self._recorded, None)
            if self._ahead is None:
                return  # killed before its last decisions were recorded
            count = min(derived.num_rows, self._ahead.num_rows)
            self._write(self._ahead.slice(0, count), derived.slice(0, count))
            self._ahead, derived = self._ahead.slice(count), derived.slice(count)

    def _write(self, recorded: pa.RecordBatch, derived: pa.RecordBatch) -> None:
        for name in ("cause", "scored"):
            if not np.array_equal(
                recorded.column(name).to_numpy(), derived.column(name).to_numpy()
            ):
                problem = f"the labels after offset {recorded.column('offset')[0]} differ"
                raise JournalDiverged(problem, hint="trader verify --deep says more.")
        columns = {
            "offset": recorded.column("offset"),
            "scored": recorded.column("scored"),
            "hits": recorded.column("scored_hits"),
            "loss": recorded.column("scored_loss"),
            "frozen_hits": derived.column("scored_hits"),
            "frozen_loss": derived.column("scored_loss"),
        }
        table = pa.table(columns, schema=frozen.SCHEMA)
        self._waiting.append(table.filter(pc.greater(table.column("scored"), 0)))
        self._rows += self._waiting[-1].num_rows
        if self._rows >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._rows = [], 0
