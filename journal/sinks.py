"""Where effects go: a growing journal, a comparison with the recorded effects, or a collection.

Inputs must be durable before the engine sees them (I2), and that is the only durable write between
a frame and its decision. Effects follow from the inputs (I7), so they may wait in memory for the
next write to the log: that of the next tick, or one of their own (`RecordingSink.settle`). Effects
are shown only once they are durable. If the process is killed before that, the next one derives
them again.

The state needs no write to be safe once its ticks are durable. It is kept (`RecordingSink.keep`)
so that the next start has little to derive again.
"""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from engine.checkpoint import Checkpoints
from engine.comparison import Comparison, Divergence
from engine.engine import Engine
from eventlog.errors import TooLarge
from eventlog.log import Log
from eventlog.records import Record
from eventlog.schema import encode
from journal.errors import JournalDiverged
from journal.reading.score import Score


class Diverged(JournalDiverged):
    """Effects that the engine derives again differ from those in the log."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(
            f"re-derived effects differ from the log {divergence}",
            hint="Nothing was written. trader verify --deep shows where it begins.",
        )
        self.divergence = divergence


class RecordingSink:
    """Append what the engine derives, and keep its state.

    All inputs have to be appended here (`append`, `append_batch`), so that they follow the effects
    of earlier inputs. At most the effects of the chunks since the last append wait.
    """

    def __init__(
        self,
        log: Log,
        checkpoints: Checkpoints,
        *,
        after: int,
        show: Callable[[pa.RecordBatch], None],
    ) -> None:
        """Continue a journal whose engine has seen the records up to offset ``after``.

        ``show`` is called with effects that were not in the log before, once they are durable.
        """
        self._log = log
        self._checkpoints = checkpoints
        self._show = show
        self._comparison = Comparison(log.read(after + 1, log.end))
        self._tail_end = log.end
        self._waiting: list[pa.RecordBatch] = []
        self._unkept: Engine | None = None
        self.checkpoint_offset = after
        """The offset of the last record in the newest durable checkpoint."""

    @property
    def compared(self) -> int:
        """How many effects the log already had."""
        return self._comparison.compared

    @property
    def is_settled(self) -> bool:
        """Whether all effects are durable."""
        return not self._waiting

    def accept(self, effects: pa.RecordBatch) -> None:
        """Compare effects with the log's; those that the log lacks wait for the next write.

        Raises:
            Diverged: at the first difference; nothing is appended then.
        """
        lacking = self._comparison.compare(effects)
        if self._comparison.divergence is not None:
            raise Diverged(self._comparison.divergence)
        if lacking.num_rows:
            self._waiting.append(lacking)

    def checkpoint(self, engine: Engine) -> None:
        """Note that the state has changed, if the engine has seen every input in the log.

        While the engine catches up with the log's tail it has not: its state is then not the one
        after the last record. After the tail, appended inputs go through the engine at once.
        """
        if engine.position + 1 >= self._tail_end:
            self._unkept = engine

    def append(self, records: Sequence[Record]) -> pa.RecordBatch:
        """Append the waiting effects, then inputs, in one durable write; return the inputs' rows.

        The engine has to see them before anything else is appended.

        Raises:
            TooLarge: if the inputs exceed one frame; they are not written.
            WriteFailed: if the device refuses.
        """
        if self._waiting:
            return self.append_batch(encode(records, first_offset=0))
        return self._log.append(records).batch()

    def append_batch(self, inputs: pa.RecordBatch) -> pa.RecordBatch:
        """Like `append`, for rows in the schema of records; their offsets are replaced."""
        if not self._waiting:
            return self._log.append_batch(inputs)
        try:
            written = self._log.append_batch(pa.concat_batches([*self._waiting, inputs]))
        except TooLarge:
            self._show(self._append_waiting())
            return self._log.append_batch(inputs)
        count = written.num_rows - inputs.num_rows
        self._waiting.clear()
        self._show(written.slice(0, count))
        return written.slice(count)

    def settle(self) -> None:
        """Make the waiting effects durable, by one synchronous write; without any, do nothing.

        Call it only when the engine has seen all that was appended.
        """
        if self._waiting:
            self._show(self._append_waiting())

    def keep(self) -> None:
        """Make the waiting effects durable; then keep the state, if it has changed.

        In this order, so that a state is never ahead of the log. Call it only when the engine has
        seen all that was appended.
        """
        self.settle()
        if self._unkept is not None:
            engine, self._unkept = self._unkept, None
            offset = self._log.end - 1
            self._checkpoints.keep(engine, offset=offset, chain=self._log.chain)
            self.checkpoint_offset = offset

    def keep_whole(self, engine: Engine) -> None:
        """Make the waiting effects durable; then keep the whole state, changed or not."""
        self.settle()
        offset = self._log.end - 1
        self._checkpoints.keep_whole(engine, offset=offset, chain=self._log.chain)
        self._unkept, self.checkpoint_offset = None, offset

    def _append_waiting(self) -> pa.RecordBatch:
        effects = pa.concat_batches(self._waiting)
        self._waiting.clear()
        return self._log.append_batch(effects)


def unwatched(engine: Engine) -> None:
    """Ignore the engine."""


class ComparingSink:
    """Compare what the engine derives with what was recorded, and count it; nothing is written."""

    def __init__(
        self, comparison: Comparison, *, watch: Callable[[Engine], None] = unwatched
    ) -> None:
        """Compare with the effects of ``comparison``; call ``watch`` after every chunk."""
        self._watch = watch
        self.comparison = comparison
        self.score = Score()

    def accept(self, effects: pa.RecordBatch) -> None:
        """Compare effects, and count them."""
        self.comparison.compare(effects)
        self.score.add(effects)

    def checkpoint(self, engine: Engine) -> None:
        """Show the engine to whoever watches it."""
        self._watch(engine)


class CollectingSink:
    """Hand on each chunk's decisions as they are derived; nothing is written or compared."""

    def __init__(
        self,
        take: Callable[[pa.RecordBatch], None],
        *,
        watch: Callable[[Engine], None] = unwatched,
    ) -> None:
        """``take`` is called with decisions, in order; ``watch`` after every chunk."""
        self._take = take
        self._watch = watch
        self.ticks = 0
        self.fills = 0

    def accept(self, effects: pa.RecordBatch) -> None:
        """Hand on the decisions among effects, and count the fills."""
        kinds = effects.column("kind")
        decisions = effects.filter(pc.equal(kinds, "decision"))
        self.fills += pc.sum(pc.equal(kinds, "fill")).as_py() or 0
        self.ticks += decisions.num_rows
        if decisions.num_rows:
            self._take(decisions)

    def checkpoint(self, engine: Engine) -> None:
        """Show the engine to whoever watches it."""
        self._watch(engine)
