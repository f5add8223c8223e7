"""The loop: one line on which state changes, with the sink shown each chunk in order."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from engine.engine import Engine
from engine.loop import run
from tests.support.markets import SMALL, cut, journal


class Noting:
    """A sink that notes what it is given, and may stop the loop."""

    def __init__(self, *, full_after: int = 10**9) -> None:
        self.effects: list[pa.RecordBatch] = []
        self.seen: list[tuple[int, str]] = []
        self._full_after = full_after

    def accept(self, effects: pa.RecordBatch) -> None:
        if len(self.effects) == self._full_after:
            raise OSError("planted: the disk is full")
        self.effects.append(effects)

    def checkpoint(self, engine: Engine) -> None:
        self.seen.append((engine.position, engine.digest))


def test_each_chunk_is_carried_accepted_and_kept() -> None:
    """The sink sees the engine after the chunk whose effects it just took."""
    engine, twin, sink = Engine.initial(SMALL), Engine.initial(SMALL), Noting()
    source = cut(journal(300), 70)

    run(engine, source, sink)

    for chunk, effects, (position, digest) in zip(source, sink.effects, sink.seen, strict=True):
        assert effects.equals(twin.advance(chunk))
        assert (position, digest) == (twin.position, twin.digest)
    assert [position for position, _ in sink.seen] == [69, 139, 209, 279, 299]


def test_a_source_is_not_read_ahead() -> None:
    """A chunk is asked for when the one before is done: what is live has no next one yet."""
    engine, sink = Engine.initial(SMALL), Noting()
    asked: list[int] = []

    def source() -> Iterator[pa.RecordBatch]:
        for chunk in cut(journal(30), 10):
            asked.append(len(sink.seen))
            yield chunk

    run(engine, source(), sink)

    assert asked == [0, 1, 2]


def test_a_sink_that_fails_ends_the_loop() -> None:
    """Nothing is checkpointed whose effects were not accepted."""
    engine, sink = Engine.initial(SMALL), Noting(full_after=1)

    with pytest.raises(OSError, match="planted"):
        run(engine, cut(journal(30), 10), sink)

    assert [position for position, _ in sink.seen] == [9]
