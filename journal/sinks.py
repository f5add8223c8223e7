"""The sink of a journal that grows: effects that the log has are compared, others are appended."""

from collections.abc import Callable

import pyarrow as pa

from engine.checkpoint import Checkpoints
from engine.comparison import Comparison, Divergence
from engine.engine import Engine
from eventlog.log import Log
from journal.errors import JournalDiverged


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
