"""The recorded ticks through the loop again, beside what was recorded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa

from cli.journal import Genesis
from cli.progress import Advance
from cli.score import Score
from engine.chunks import chunks
from engine.comparison import Comparison, Divergence
from engine.engine import Engine
from engine.loop import run
from engine.market import READS
from engine.state import Arrays
from engine.step import CHUNK_TICKS
from eventlog.reader import Reader

COLUMNS = (*READS, "received_ns")
"""The columns of a log that the engine needs."""


@dataclass(slots=True)
class Rerun:
    """What came of it: the engine at the end, its score, and the first difference, if any."""

    engine: Engine
    comparison: Comparison
    watch: Callable[[Engine], None]
    score: Score = field(default_factory=Score)

    @property
    def divergence(self) -> Divergence | None:
        """The first difference between what was recorded and what was derived."""
        return self.comparison.divergence

    def accept(self, effects: pa.RecordBatch) -> None:
        """Compare effects, and count them."""
        self.comparison.compare(effects)
        self.score.add(effects)

    def checkpoint(self, engine: Engine) -> None:
        """Show the engine to whoever watches it."""
        self.watch(engine)


def _nothing(count: int) -> None:
    """Tell nobody."""


def _unwatched(engine: Engine) -> None:
    """Look at nothing."""


def rerun(
    log: Reader,
    genesis: Genesis,
    state: Arrays,
    *,
    after: int,
    end: int,
    chunk_records: int = CHUNK_TICKS,
    advance: Advance = _nothing,
    stops: Sequence[int] = (),
    watch: Callable[[Engine], None] = _unwatched,
) -> Rerun:
    """Carry a state, which includes the record at ``after``, over the records before ``end``.

    ``advance`` is told how many records are done. It stops behind the chunk in which the first
    difference is found. A chunk ends at each of ``stops``, and ``watch`` sees the engine after
    every chunk.
    """
    engine = Engine(genesis.parameters, state)
    outcome = Rerun(engine, Comparison(log.read(after + 1, log.end)), watch)
    source = chunks(log.read(after + 1, end, columns=COLUMNS), chunk_records, stops=stops)
    with ThreadPoolExecutor(1) as pool:
        run(engine, _watched(_ahead(source, engine, pool), outcome, advance), outcome)
    if end == log.end:
        outcome.comparison.finish()
    return outcome


def _ahead(
    source: Iterator[pa.RecordBatch], engine: Engine, pool: Executor
) -> Iterator[pa.RecordBatch]:
    """Yield the chunks of a source, folding the next one while one is worked on.

    All reading stays on this thread: a reader is not made for two.
    """
    chunk = next(source, None)
    folded = None if chunk is None else pool.submit(engine.foresee, chunk)
    while chunk is not None and folded is not None:
        folded.result()
        coming = next(source, None)
        folded = None if coming is None else pool.submit(engine.foresee, coming)
        yield chunk
        chunk = coming


def _watched(
    source: Iterable[pa.RecordBatch], outcome: Rerun, advance: Advance
) -> Iterator[pa.RecordBatch]:
    for chunk in source:
        yield chunk
        advance(chunk.num_rows)
        if outcome.divergence is not None:
            return
