"""A journal while it grows: restored or begun, caught up, carried on by the loop, closed.

A live session, an import and a fork are the three callers. They differ in where their records come
from, in what they say at a session's start and end, and in what they show; what becomes durable in
which order is written here once. A process that is killed between any two steps leaves a journal
that `Recorder.restore` and `Recorder.catch_up` bring to the bytes that it would have had.

The log is opened by the caller, who may have to hold its lock long before TensorFlow is loaded.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import pyarrow as pa

from engine.checkpoint import Checkpoints, InBackground, Restored
from engine.chunks import chunks
from engine.engine import Engine
from engine.loop import run
from engine.market import is_tick
from engine.step import CHUNK_TICKS
from eventlog.invariants import hold
from eventlog.log import Log
from eventlog.records import Record, SessionStarted
from journal.errors import JournalCorrupt
from journal.header import JournalHeader
from journal.layout import JournalPath
from journal.sidecar import SESSIONS, note
from journal.sinks import RecordingSink


def _accepted(restored: Restored) -> None:
    """Go on from whatever was restored."""


class Recorder:
    """The engine, the log and the checkpoints of one journal. Use `begin` or `restore`.

    ``resumed_from`` is the offset after which the engine stood when it was restored. Only one
    thread may use a recorder at a time.
    """

    def __init__(
        self,
        place: JournalPath,
        log: Log,
        checkpoints: Checkpoints,
        engine: Engine,
        *,
        after: int,
        show: Callable[[pa.RecordBatch], None],
    ) -> None:
        self.log = log
        self.engine = engine
        self.resumed_from = after
        self._place = place
        self._checkpoints = checkpoints
        self._sink = RecordingSink(log, checkpoints, after=after, show=show)

    @classmethod
    def begin(
        cls,
        place: JournalPath,
        log: Log,
        engine: Engine,
        started: SessionStarted,
        *,
        show: Callable[[pa.RecordBatch], None],
        in_background: InBackground | None = None,
    ) -> Self:
        """Begin a new journal: its first record, and the state after it.

        Args:
            place: where the journal lies.
            log: the journal's, still empty.
            engine: before its first record, with the parameters that ``started`` names.
            started: the first record.
            show: called with effects that were not in the log before, once they are durable.
            in_background: prepares snapshots while recording goes on; without it, recording waits.
        """
        hold("I1", not log.end, "a journal begins once", end=log.end)
        log.append([started])
        note(place, SESSIONS, {"session": started.session, "offset": 0})
        checkpoints = Checkpoints(
            place.checkpoints, in_background=in_background, check_owner=log.check_owner
        )
        checkpoints.keep_whole(engine, offset=0, chain=log.chain)
        return cls(place, log, checkpoints, engine, after=0, show=show)

    @classmethod
    def restore(
        cls,
        place: JournalPath,
        log: Log,
        header: JournalHeader,
        *,
        show: Callable[[pa.RecordBatch], None],
        examine: Callable[[Restored], None] = _accepted,
        in_background: InBackground | None = None,
    ) -> Self:
        """Continue a journal from its newest state that checks. Nothing is appended yet.

        Args:
            place: where the journal lies.
            log: the journal's, which holds its first record at least.
            header: what that record settles.
            show: called with effects that were not in the log before, once they are durable.
            examine: is shown what was restored; what it raises leaves the journal as it is.
            in_background: prepares snapshots while recording goes on; without it, recording waits.

        Raises:
            JournalCorrupt: if there is no state, and the first one cannot be made again here.
            ForeignCheckpoint: if the newest state is of another history than the log.
            CheckpointDamaged: if there are states and none checks.
        """
        checkpoints = Checkpoints(
            place.checkpoints, in_background=in_background, check_owner=log.check_owner
        )
        restored = checkpoints.restore(log)
        if restored is not None:
            examine(restored)
            engine = Engine(header.parameters, restored.state, header.rules)
            return cls(place, log, checkpoints, engine, after=restored.offset, show=show)
        # It was killed before its first state was kept: the seed says what that was.
        engine, chain = Engine.initial(header.parameters, header.rules), log.chain_after(0)
        if chain is None or engine.digest != header.initial_state:
            problem = f"{place.checkpoints}: the first state is missing and not repeatable"
            raise JournalCorrupt(problem)
        checkpoints.keep_whole(engine, offset=0, chain=chain)
        return cls(place, log, checkpoints, engine, after=0, show=show)

    @property
    def checkpoint_offset(self) -> int:
        """The offset after which the state was kept last."""
        return self._sink.checkpoint_offset

    def catch_up(self) -> int:
        """Run the engine over the records after the restored state; return the number of ticks.

        Effects that are in the log are compared, missing ones are appended.

        Raises:
            Diverged: at the first difference; nothing is appended then.
        """
        ticks = 0

        def tail() -> Iterator[pa.RecordBatch]:
            nonlocal ticks
            for chunk in chunks(self.log.read(self.resumed_from + 1), CHUNK_TICKS):
                ticks += is_tick(chunk).true_count
                yield chunk

        self.record(tail())
        return ticks

    def start(self, started: SessionStarted) -> None:
        """Record the start of a session that follows another one."""
        first = self.log.end
        batch = self.append([started])
        note(self._place, SESSIONS, {"session": started.session, "offset": first})
        self.record([batch])

    def record(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Run the engine over batches; what it derives of one is durable, and its state kept,
        before the next.

        Args:
            batches: as for `carry`.
        """
        self.carry(self._kept(batches))

    def carry(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Run the engine over batches, each of which is durable when it is yielded (I2).

        What is derived waits until whoever yields them appends more, or calls `settle`.

        Args:
            batches: consecutive records of the log, at most `CHUNK_TICKS` ticks each.
        """
        run(self.engine, batches, self._sink)

    def append(self, records: Sequence[Record]) -> pa.RecordBatch:
        """Append inputs in one durable write, with effects that wait for one; return their rows.

        Raises:
            TooLarge: if they exceed one frame.
            WriteFailed: if the device refuses, now or ever before.
        """
        return self._sink.append(records)

    @property
    def is_settled(self) -> bool:
        """Whether all effects are durable."""
        return self._sink.is_settled

    def settle(self) -> None:
        """Make all effects durable, by one synchronous write; only between two batches.

        Raises:
            WriteFailed: if the device refuses, now or ever before.
        """
        self._sink.settle()

    def keep(self) -> None:
        """Keep the state after all that was appended, if it has changed; only between two batches.

        It makes a start after a kill short. Nothing that is durable depends on it.

        Raises:
            WriteFailed: if the device refuses, now or ever before.
        """
        self._sink.keep()

    def appended(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches in the log's schema once they are durable, for `record`.

        Full segments are sealed in between; recording waits for that.
        """
        for batch in batches:
            yield self._sink.append_batch(batch)
            self.log.seal()

    def close(self) -> None:
        """Settle, write the whole state, and close the checkpoints' files."""
        self._sink.keep_whole(self.engine)
        self._checkpoints.close()

    def _kept(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            self.keep()
