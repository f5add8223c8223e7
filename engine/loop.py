"""The loop. Live, crash recovery, replay and verification are pairs of a source and a sink.

| what happens | source | sink |
|---|---|---|
| live | the log's tail, then what the feed brings, durable and numbered | keep |
| recovery | that same tail: starting *is* verifying it | keep (compares what is there already) |
| replay | a stretch of the log | compare, or keep in another journal |
| verify | the log from one checkpoint to the next | compare |
"""

from collections.abc import Iterable
from typing import Protocol

import pyarrow as pa

from engine.engine import Engine


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
