"""What of the past a log holds: candles and trades that were fetched, and the gaps that are left.

A session that fetched the past says so at its start, under ``source`` in its detail. A journal has
*lived* once another session has begun.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventlog.fastpath import compute
from eventlog.log import Log
from eventlog.reader import Reader
from journal.reading.details import detail_of

HISTORY = "history"
"""Under ``source`` in the detail of a session that fetched the past: what it was asked for."""

Int64s = npt.NDArray[np.int64]
_COLUMNS = (
    *("kind", "exchange_ns", "length_ns", "trade_id", "backfilled", "source"),
    *("from_ns", "to_ns", "detail"),
)


@dataclass(slots=True)
class Past:
    """What a log holds of the past; `of` reads it."""

    has_lived: bool = False
    lengths_ns: set[int] = field(default_factory=set)
    """Of the candles from before its first session."""

    first_ns: int | None = None
    """The start of the first of them."""

    last_ns: int | None = None
    """The end of the last of them."""

    trade_id: int | None = None
    """The newest trade from before its first session."""

    _gaps: list[tuple[int, int]] = field(default_factory=list)
    _starts_ns: list[Int64s] = field(default_factory=list)

    @classmethod
    def of(cls, log: Log | Reader) -> "Past":
        """Return what a log holds: one pass over its columns of times."""
        past = cls()
        for batch in log.read(columns=_COLUMNS):
            for kind, rows in _by_kind(batch):
                if kind == "session_started":
                    past._add_sessions(rows)
                elif kind == "candle":
                    past._add_candles(rows)
                elif kind == "gap":
                    spans = (rows.column(name).to_pylist() for name in ("from_ns", "to_ns"))
                    past._gaps += zip(*spans, strict=True)
                elif kind == "trade":
                    ids = compute.where(
                        rows.column("trade_id"), compute.is_valid(rows.column("source"))
                    )
                    newest = max(ids.to_pylist(), default=past.trade_id)
                    past.trade_id = max(newest, past.trade_id or 0) if newest is not None else None
        return past

    def _add_sessions(self, rows: pa.RecordBatch) -> None:
        for detail in rows.column("detail").to_pylist():
            source = detail_of(detail).get("source")
            self.has_lived |= not (isinstance(source, dict) and HISTORY in source)

    def _add_candles(self, rows: pa.RecordBatch) -> None:
        starts_ns, lengths_ns = (rows.column(name).to_numpy() for name in _COLUMNS[1:3])
        self._starts_ns.append(starts_ns)
        of_gap = compute.filled(rows.column("backfilled"), False).to_numpy(zero_copy_only=False)
        if not of_gap.all():
            starts_ns, lengths_ns = starts_ns[~of_gap], lengths_ns[~of_gap]
            self.lengths_ns |= {*np.unique(lengths_ns).tolist()}
            self.first_ns = int(starts_ns[0]) if self.first_ns is None else self.first_ns
            self.last_ns = int(starts_ns[-1] + lengths_ns[-1])

    def missing(self, length_ns: int, *, since_ns: int, until_ns: int) -> list[tuple[int, int]]:
        """Return the times (from, to) of candles that lie in gaps and are not there, in order.

        Gaps that touch are one. One that is shorter than a candle stays a gap.
        """
        known = np.concatenate([*self._starts_ns, np.empty(0, np.int64)])
        windows = []
        for from_ns, to_ns in _joined(self._gaps):
            if to_ns - from_ns < length_ns:
                continue
            first_ns = max(from_ns, since_ns) // length_ns * length_ns
            end_ns = min(-(-to_ns // length_ns) * length_ns, until_ns)
            starts_ns = np.arange(first_ns, end_ns, length_ns, dtype=np.int64)
            left = starts_ns[~np.isin(starts_ns, known)]
            runs = np.split(left, np.flatnonzero(np.diff(left) != length_ns) + 1)
            windows += [(int(run[0]), int(run[-1]) + length_ns) for run in runs if len(run)]
        return windows


def _by_kind(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    kinds = batch.column("kind")
    for kind in ("session_started", "candle", "gap", "trade"):
        rows = compute.where(batch, compute.equal(kinds, kind))
        if rows.num_rows:
            yield kind, rows


def _joined(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return gaps in order, those that touch or overlap as one."""
    joined: list[tuple[int, int]] = []
    for from_ns, to_ns in sorted(gap for gap in gaps if gap[0] < gap[1]):
        if joined and from_ns <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], to_ns))
        else:
            joined.append((from_ns, to_ns))
    return joined
