"""Recorded effects compared with derived ones: the first difference, by offset and column."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from engine.chunks import is_effect
from eventlog.records import EFFECT_KINDS
from eventlog.schema import COLUMNS, SCHEMA

COMPARED = tuple(name for name in SCHEMA.names if name != "offset")
"""Every column but the offset, which the log assigns and the engine does not know."""

_OWN = frozenset({"kind"}.union(*(COLUMNS[kind] for kind in EFFECT_KINDS)))
"""The columns of effects. All others should be null in them and are compared only if not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The first place where the recorded and the derived effects differ.

    ``offset`` is that of the recorded effect, or of the tick where the log lacks the effect.
    """

    offset: int
    cause: int
    column: str
    recorded: str
    derived: str

    def __str__(self) -> str:
        return (
            f"at offset {self.offset} (tick {self.cause}): {self.column}"
            f" recorded {self.recorded}, derived {self.derived}"
        )


class Comparison:
    """A cursor over a log's effects that advances with the derived effects.

    The n-th derived effect is compared with the n-th recorded one, however either is batched.
    """

    def __init__(self, recorded: Iterable[pa.RecordBatch]) -> None:
        """Compare with the effects among these batches of a log."""
        self._recorded = _effects_of(recorded)
        self._waiting: pa.RecordBatch | None = None
        self.compared = 0
        self.divergence: Divergence | None = None

    def compare(self, derived: pa.RecordBatch) -> pa.RecordBatch:
        """Compare derived effects with the next recorded ones; return those the log lacks.

        Only the first difference is kept, in ``divergence``: later ones may follow from it.
        """
        while derived.num_rows and (recorded := self._next()) is not None:
            count = min(recorded.num_rows, derived.num_rows)
            if self.divergence is None:
                self.divergence = _first_difference(
                    recorded.slice(0, count), derived.slice(0, count)
                )
            self.compared += count
            self._waiting = recorded.slice(count)
            derived = derived.slice(count)
        return derived

    def finish(self) -> None:
        """End the comparison: a recorded effect that is left over counts as a difference."""
        left = self._next()
        if left is not None and self.divergence is None:
            self.divergence = Divergence(
                offset=left.column("offset")[0].as_py(),
                cause=left.column("cause")[0].as_py(),
                column="kind",
                recorded=left.column("kind")[0].as_py(),
                derived="nothing",
            )

    def _next(self) -> pa.RecordBatch | None:
        while self._waiting is None or not self._waiting.num_rows:
            self._waiting = next(self._recorded, None)
            if self._waiting is None:
                return None
        return self._waiting


def _effects_of(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the effects among the records: their own columns, and others where not all null."""
    for batch in batches:
        chosen = is_effect(batch)
        names = [name for name in COMPARED if name in _OWN or _holds(batch.column(name), chosen)]
        effects = batch.select(["offset", *names]).filter(chosen)
        if effects.num_rows:
            yield effects


def _holds(column: pa.Array, rows: pa.Array) -> bool:
    if column.null_count == len(column):
        return False
    return bool(pc.any(pc.and_(rows, column.is_valid())).as_py())


def _first_difference(recorded: pa.RecordBatch, derived: pa.RecordBatch) -> Divergence | None:
    """Return the first row, and in it the first column, that differs in any bit."""
    names = recorded.schema.names[1:]
    pairs = {name: (_bits(recorded.column(name)), _bits(derived.column(name))) for name in names}
    differing = [name for name, (was, now) in pairs.items() if not was.equals(now)]
    for row in range(recorded.num_rows if differing else 0):
        for name in differing:
            was, now = pairs[name]
            if not was[row].equals(now[row]):
                return Divergence(
                    offset=recorded.column("offset")[row].as_py(),
                    cause=recorded.column("cause")[row].as_py(),
                    column=name,
                    recorded=str(recorded.column(name)[row]),
                    derived=str(derived.column(name)[row]),
                )
    return None


def _bits(column: pa.Array) -> pa.Array:
    """Return floats as their bits, so that -0.0 is not 0.0 and NaN is itself."""
    return column.view(pa.int32()) if pa.types.is_float32(column.type) else column
