"""Where effects go: a journal that grows, a comparison with what was recorded, or a collection.

What was received must be durable before the engine sees it (I2), and that is the only durable write
between a frame and its decision. What the engine derives follows from it (I7), so it may wait a
little: effects wait in memory for the next write to the log, whether that is the next tick's or one
of their own (`RecordingSink.settle`). Until effects are durable nobody is shown them. If the
process is killed before, the next one derives them again.

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
    """What the engine derives is not what the log says it derived before."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(
            f"re-derived effects differ from the log {divergence}",
            hint="Nothing was written. trader verify --deep shows where it begins.",
        )
        self.divergence = divergence


class RecordingSink:
    """Append what the engine derives, and keep its state.

    All inputs have to be appended here (`append`, `append_batch`), so that they follow the effects
    of those before them. What waits is at most the effects of the chunks since the last append.
    """

    def __init__(
        self,
        log: Log,
        checkpoints: Checkpoints,
        *,
        after: int,
        show: Callable[[pa.RecordBatch], None],
    ) -> None:
        """Continue a journal whose engine stands after the record at offset ``after``.

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
        """The offset after which the state was kept last: it is durable."""

    @property
    def compared(self) -> int:
        """How many effects the log already had."""
        return self._comparison.compared

    @property
    def is_settled(self) -> bool:
        """Whether all effects are durable."""
        return not self._waiting

    def accept(self, effects: pa.RecordBatch) -> None:
        """Compare; what the log lacks waits for the next write.

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

        While it catches up with the log's tail it has not: a state after some tick is then no state
        after an offset. Behind the tail, what is appended goes through the engine at once.
        """
        if engine.position + 1 >= self._tail_end:
            self._unkept = engine

    def append(self, records: Sequence[Record]) -> pa.RecordBatch:
        """Append inputs, and what waits before them, in one durable write; return the inputs' rows.

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
        """Make the effects that wait durable, by one synchronous write; without any, nothing.

        Only when the engine has seen all that was appended.
        """
        if self._waiting:
            self._show(self._append_waiting())

    def keep(self) -> None:
        """Keep the state, if it has changed, after the effects that wait.

        In this order, so that a state is never ahead of the log. Only when the engine has seen all
        that was appended.
        """
        self.settle()
        if self._unkept is not None:
            engine, self._unkept = self._unkept, None
            offset = self._log.end - 1
            self._checkpoints.keep(engine, offset=offset, chain=self._log.chain)
            self.checkpoint_offset = offset

    def keep_whole(self, engine: Engine) -> None:
        """Keep the whole state, changed or not, after the effects that wait."""
        self.settle()
        offset = self._log.end - 1
        self._checkpoints.keep_whole(engine, offset=offset, chain=self._log.chain)
        self._unkept, self.checkpoint_offset = None, offset

    def _append_waiting(self) -> pa.RecordBatch:
        effects = pa.concat_batches(self._waiting)
        self._waiting.clear()
        return self._log.append_batch(effects)


def unwatched(engine: Engine) -> None:
    """Look at nothing."""


class ComparingSink:
    """Compare what the engine derives with what was recorded, and count it; nothing is written."""

    def __init__(
        self, comparison: Comparison, *, watch: Callable[[Engine], None] = unwatched
    ) -> None:
        """Compare with the effects that ``comparison`` holds; ``watch`` sees every chunk's end."""
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
        """``take`` is called with decisions, in order; ``watch`` sees every chunk's end."""
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
