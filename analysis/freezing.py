"""The frozen model: an earlier state of the learner, run over all that came after it.

The effect of continued learning is the difference between the recorded log-loss and the frozen
model's, on the same labels. The frozen model is the state that the journal itself had, run through
the ordinary loop with labels of weight zero. Its labels must equal the recorded ones, decision by
decision; otherwise `JournalDiverged` is raised.
"""

from collections.abc import Iterable, Iterator
from itertools import tee

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from blake3 import blake3

from analysis.evaluation.answers import frozen as without_learning
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
"""Rows that are gathered for a row group of the file."""

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
    engine = Engine(without_learning(header.parameters), derived.engine.state(), header.rules)
    path = place.home / place.name / frozen.FILE
    temporary = path.with_name(path.name + ".tmp")
    metadata = {
        frozen.LOG: log.identity.hex(),
        frozen.AFTER: str(after),
        frozen.RECORDS: str(end),
    }
    # Read once: the loop takes the ticks first, and the decisions recorded on them follow.
    inputs, recorded = tee(log.read(after + 1, end, columns=_READ))
    with (
        pq.ParquetWriter(temporary, frozen.SCHEMA.with_metadata(metadata)) as writer,
        progress("frozen", end - after - 1) as advance,
    ):

        def watched() -> Iterator[pa.RecordBatch]:
            for chunk in chunks(inputs, CHUNK_TICKS):
                yield chunk
                advance(chunk.num_rows)

        scores = _PairedScores(_decisions(recorded, after=after), writer)
        run(engine, watched(), CollectingSink(scores.take))
        scores.flush()
    digest = blake3(temporary.read_bytes()).hexdigest()
    # Before the file has its name: a digest without a file does no harm, the reverse would.
    note(place, FROZEN, {"bytes": temporary.stat().st_size, "blake3": digest})
    temporary.replace(path)


def _decisions(batches: Iterable[pa.RecordBatch], *, after: int) -> Iterator[pa.RecordBatch]:
    """Yield the recorded decisions of the ticks after an offset."""
    for batch in batches:
        is_after = pc.and_(
            pc.equal(batch.column("kind"), "decision"), pc.greater(batch.column("cause"), after)
        )
        decisions = batch.filter(pc.fill_null(is_after, False))
        if decisions.num_rows:
            yield decisions


class _PairedScores:
    """Writes derived and recorded scores next to each other, where labels were scored."""

    def __init__(self, recorded: Iterator[pa.RecordBatch], writer: pq.ParquetWriter) -> None:
        self._recorded = recorded
        self._ahead: pa.RecordBatch | None = None
        self._writer = writer
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def take(self, derived: pa.RecordBatch) -> None:
        """Write the scores of some decisions, except of those that were not recorded any more."""
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
        """Write the rows that are waiting."""
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._rows = [], 0
