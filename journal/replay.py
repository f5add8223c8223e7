"""Runs recorded ticks through the loop again and compares the effects with the recorded ones."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import tee

import pyarrow as pa

from engine.chunks import chunks
from engine.comparison import Comparison, Divergence
from engine.engine import Engine
from engine.loop import run
from engine.market import READS
from engine.state import Arrays
from engine.step import CHUNK_TICKS
from eventlog.reader import Reader
from journal.header import JournalHeader
from journal.progress import Advance
from journal.reading.score import Score
from journal.sinks import ComparingSink, unwatched

COLUMNS = READS
"""The columns of a log that the engine needs."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """The result: the engine at the end, the comparison with recorded effects, and the score."""

    engine: Engine
    comparison: Comparison
    score: Score

    @property
    def divergence(self) -> Divergence | None:
        """The first difference between recorded and derived effects."""
        return self.comparison.divergence


def _nothing(count: int) -> None:
    """Ignore the progress."""


def rerun(
    log: Reader,
    header: JournalHeader,
    state: Arrays,
    *,
    after: int,
    end: int,
    chunk_ticks: int = CHUNK_TICKS,
    advance: Advance = _nothing,
    stops: Sequence[int] = (),
    watch: Callable[[Engine], None] = unwatched,
) -> Rerun:
    """Run the engine from a state over the records after ``after`` and before ``end``.

    It stops after the chunk in which the first difference is found.

    Args:
        log: the recorded journal's log.
        header: the journal's parameters and venue.
        state: the state that includes the record at ``after``.
        after: the offset of the last record in the state.
        end: the offset to stop before.
        chunk_ticks: how many inputs a chunk has, at most.
        advance: called with the number of records done, after each chunk.
        stops: offsets at which a chunk has to end as well.
        watch: called with the engine after each chunk.
    """
    engine = Engine(header.parameters, state, header.rules)
    # The log is read once: its inputs go to the engine, its effects to the comparison.
    inputs, effects = tee(log.read(after + 1, log.end))
    source = chunks(_until(inputs, end), chunk_ticks, stops=stops)
    with ThreadPoolExecutor(1) as pool:
        comparison = Comparison(_ahead(effects, pool))
        sink = ComparingSink(comparison, watch=watch)
        ticks = _ahead(_prefetched(source, engine), pool)
        run(engine, _watched(ticks, comparison, advance), sink)
        if end == log.end:
            comparison.finish()
    return Rerun(engine, comparison, sink.score)


def _until(batches: Iterable[pa.RecordBatch], end: int) -> Iterator[pa.RecordBatch]:
    """Yield the records before ``end``, with the columns that the engine needs."""
    for batch in batches:
        count = end - batch.column("offset")[0].as_py()
        if count > 0:
            yield batch.select(COLUMNS).slice(0, count)
        if count <= batch.num_rows:
            return


def _prefetched(source: Iterable[pa.RecordBatch], engine: Engine) -> Iterator[pa.RecordBatch]:
    for chunk in source:
        engine.prefetch(chunk)
        yield chunk


def _ahead(source: Iterator[pa.RecordBatch], pool: Executor) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a source, while the pool fetches the next one.

    The pool has one thread, which does all reading and folding while the compiled step runs on the
    caller's: a reader is not thread-safe.
    """
    coming = pool.submit(next, source, None)
    while (chunk := coming.result()) is not None:
        coming = pool.submit(next, source, None)
        yield chunk


def _watched(
    source: Iterable[pa.RecordBatch], comparison: Comparison, advance: Advance
) -> Iterator[pa.RecordBatch]:
    for chunk in source:
        yield chunk
        advance(chunk.num_rows)
        if comparison.divergence is not None:
            return
