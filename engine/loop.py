"""The loop. Live, crash recovery, replay and verification are pairs of a source and a sink.

| what happens | source | sink |
|---|---|---|
| live | the log's tail, then what the feed brings, durable and numbered | keep |
| recovery | that same tail: starting *is* verifying it | keep (compares what is there already) |
| replay | a stretch of the log | compare, or keep in another journal |
| verify | the log from one checkpoint to the next | compare |
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

import pyarrow as pa

from engine.engine import Engine
from engine.step import CHUNK_TICKS


class Sink(Protocol):
    """What is done with effects."""

    def accept(self, effects: pa.RecordBatch) -> None:
        """Take the effects of one chunk, in order."""

    def checkpoint(self, engine: Engine) -> None:
        """Be shown the engine after the chunk whose effects were just accepted."""


def run(engine: Engine, source: Iterable[pa.RecordBatch], sink: Sink) -> None:
    """Carry the engine over the source."""
    for chunk in source:  # durable, numbered; 1 … CHUNK_TICKS records
        effects = engine.advance(chunk)  # the only line on which state changes
        sink.accept(effects)  # keep | compare | show
        sink.checkpoint(engine)


def chunks(batches: Iterable[pa.RecordBatch], size: int = CHUNK_TICKS) -> Iterator[pa.RecordBatch]:
    """Cut and join batches of a log into chunks of ``size`` records; the last may be shorter.

    The cut has no influence on any result (I7); long chunks are merely faster.
    """
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        while batch.num_rows:
            part = batch.slice(0, size - count)
            batch = batch.slice(part.num_rows)
            waiting.append(part)
            count += part.num_rows
            if count == size:
                yield _joined(waiting)
                waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
