"""Runs recorded ticks through the loop again and compares the result with what was recorded."""

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
    """What came of it: the engine at the end, and what it derived next to what was recorded."""

    engine: Engine
    comparison: Comparison
    score: Score

    @property
    def divergence(self) -> Divergence | None:
        """The first difference between what was recorded and what was derived."""
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
    """Carry a state, which includes the record at ``after``, over the records before ``end``.

    A chunk has ``chunk_ticks`` inputs, and ends at each of ``stops``; ``watch`` sees the engine
    after every chunk, and ``advance`` is told how many records are done. It stops behind the chunk
    in which the first difference is found.
    """
    engine = Engine(header.parameters, state, header.rules)
    # Read once: the ticks go before, what was recorded of them is compared behind.
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
    """Yield what the engine needs of the records before ``end``."""
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
    """Yield what a source yields, and have the pool take the next from it meanwhile.

    The pool has one thread, so that all reading and folding is on that one, beside the compiled
    step: a reader is not made for two.
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
