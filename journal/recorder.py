"""A journal being recorded: begun or restored, caught up with its log, extended, closed.

Live sessions, imports, backfills and forks use it. They differ in where their records come from, in
what they record at a session's start and end, and in what they show. The order in which things
become durable is defined here, once. If the process is killed between any two steps,
`Recorder.restore` and `Recorder.catch_up` bring the journal to the bytes that it would have had.

The caller opens the log, since it may have to hold its lock long before TensorFlow is loaded.
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
    """Accept whatever was restored."""


class Recorder:
    """The engine, the log and the checkpoints of one journal. Use `begin` or `restore`.

    ``resumed_from`` is the offset of the last record in the restored state. Only one thread may use
    a recorder at a time.
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
            log: the journal's log, still empty.
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
        """Continue a journal from its newest undamaged checkpoint. Nothing is appended yet.

        Args:
            place: where the journal lies.
            log: the journal's log, with at least its first record.
            header: the parameters, initial state and venue that this record states.
            show: called with effects that were not in the log before, once they are durable.
            examine: called with what was restored; if it raises, the journal is unchanged.
            in_background: prepares snapshots while recording goes on; without it, recording waits.

        Raises:
            JournalCorrupt: if there is no checkpoint, and the initial state cannot be made again.
            ForeignCheckpoint: if the newest checkpoint is of another history than the log.
            CheckpointDamaged: if there are checkpoints and all are damaged.
        """
        checkpoints = Checkpoints(
            place.checkpoints, in_background=in_background, check_owner=log.check_owner
        )
        restored = checkpoints.restore(log)
        if restored is not None:
            examine(restored)
            engine = Engine(header.parameters, restored.state, header.rules)
            return cls(place, log, checkpoints, engine, after=restored.offset, show=show)
        # Killed before its first state was kept: the seed makes the same state again.
        engine, chain = Engine.initial(header.parameters, header.rules), log.chain_after(0)
        if chain is None or engine.digest != header.initial_state:
            problem = f"{place.checkpoints}: the first state is missing and not repeatable"
            raise JournalCorrupt(problem)
        checkpoints.keep_whole(engine, offset=0, chain=chain)
        return cls(place, log, checkpoints, engine, after=0, show=show)

    @property
    def checkpoint_offset(self) -> int:
        """The offset of the last record in the newest checkpoint."""
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
        """Run the engine over batches; each one's effects are durable, and the state is kept,
        before the next.

        Args:
            batches: as for `carry`.
        """
        self.carry(self._kept(batches))

    def carry(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Run the engine over batches, each of which is durable when it is yielded (I2).

        Effects wait until whoever yields the batches appends more, or calls `settle`.

        Args:
            batches: consecutive records of the log, at most `CHUNK_TICKS` ticks each.
        """
        run(self.engine, batches, self._sink)

    def append(self, records: Sequence[Record]) -> pa.RecordBatch:
        """Append inputs, after the waiting effects, in one durable write; return the inputs' rows.

        Raises:
            TooLarge: if they exceed one frame.
            WriteFailed: if the device refuses, or has refused an earlier write.
        """
        return self._sink.append(records)

    @property
    def is_settled(self) -> bool:
        """Whether all effects are durable."""
        return self._sink.is_settled

    def settle(self) -> None:
        """Make all effects durable, by one synchronous write. Call it only between two batches.

        Raises:
            WriteFailed: if the device refuses, or has refused an earlier write.
        """
        self._sink.settle()

    def keep(self) -> None:
        """Write a checkpoint of the newest state, if it has changed. Call it only between batches.

        It shortens the next start after a kill. Nothing that is durable depends on it.

        Raises:
            WriteFailed: if the device refuses, or has refused an earlier write.
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
