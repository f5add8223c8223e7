"""The loop. Live, crash recovery, replay and verification differ only in their source and sink.

| run | source | sink |
|---|---|---|
| live | the log's tail, then records of the feed, once durable and numbered | append |
| recovery | the log's tail: a start verifies it | compare what is recorded, append the rest |
| replay | a range of the log | compare, or append to another journal |
| verify | the log from one checkpoint to the next | compare |
"""

from collections.abc import Iterable
from typing import Protocol

import pyarrow as pa

from engine.engine import Engine


class Sink(Protocol):
    """A consumer of effects: it records, compares or shows them."""

    def accept(self, effects: pa.RecordBatch) -> None:
        """Take the effects of one chunk, in order."""

    def checkpoint(self, engine: Engine) -> None:
        """See the engine after the chunk whose effects were just accepted."""


def run(engine: Engine, source: Iterable[pa.RecordBatch], sink: Sink) -> None:
    """Carry the engine over the source."""
    for chunk in source:  # durable, numbered; 1 … CHUNK_TICKS records
        effects = engine.advance(chunk)  # the only line on which state changes
        sink.accept(effects)  # append | compare | show
        sink.checkpoint(engine)
