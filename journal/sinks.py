"""Where effects go: a journal that grows, a comparison with what was recorded, or a collection."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from engine.checkpoint import Checkpoints
from engine.comparison import Comparison, Divergence
from engine.engine import Engine
from eventlog.log import Log
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
    """Append what the engine derives, and keep its state after every chunk."""

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
        self.checkpoint_offset = after

    @property
    def compared(self) -> int:
        """How many effects the log already had."""
        return self._comparison.compared

    def accept(self, effects: pa.RecordBatch) -> None:
        """Compare or append; returns when what was appended is durable.

        Raises:
            Diverged: at the first difference; nothing is appended then.
        """
        lacking = self._comparison.compare(effects)
        if self._comparison.divergence is not None:
            raise Diverged(self._comparison.divergence)
        if lacking.num_rows:
            self._show(self._log.append_batch(lacking))

    def checkpoint(self, engine: Engine) -> None:
        """Keep the state, if the engine has seen every input that stands in the log.

        While it catches up with the log's tail it has not: a state after some tick is then no state
        after an offset. Behind the tail, what is appended goes through the engine at once.
        """
        if engine.position + 1 >= self._tail_end:
            self.checkpoint_offset = self._log.end - 1
            self._checkpoints.keep(engine, offset=self.checkpoint_offset, chain=self._log.chain)


def _unwatched(engine: Engine) -> None:
    """Look at nothing."""


class ComparingSink:
    """Compare what the engine derives with what was recorded, and count it; nothing is written."""

    def __init__(
        self, comparison: Comparison, *, watch: Callable[[Engine], None] = _unwatched
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
        watch: Callable[[Engine], None] = _unwatched,
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
