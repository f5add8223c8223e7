"""The past that a log holds: candles and trades that were fetched, and the gaps that remain.

A session that fetches the past has ``source`` in the detail of its start. A journal has *lived*
once a session of another kind has begun.

Candles and trades have the exchange's time, gaps ours. The difference of the two clocks is taken
from the ticks streamed around a gap; for the time before all sessions, the session that fetched it
recorded the difference.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventlog.fastpath import compute
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import TICK_KINDS
from journal.reading.details import detail_of

HISTORY = "history"
"""Key under ``source`` in the detail of a session that fetched the past: its request."""

AHEAD_NS = "ahead_ns"
"""Under that key: how far the exchange's clock was ahead of ours."""

TRADES = "trades"
"""Under that key: whether trades were requested, too."""

COMPARED_CANDLES = 60
"""How many of the newest candles are compared with the same ones fetched again later."""

AHEAD_MAX_NS = 86_400 * 10**9
"""An exchange time further from ours than this is not taken as the time of its clock."""

Int64s = npt.NDArray[np.int64]
_COLUMNS = (
    *("offset", "kind", "exchange_ns", "received_ns", "length_ns", "trade_id", "backfilled"),
    *("source", "snapshot", "from_ns", "to_ns", "detail"),
)
_TICKS = pa.array(TICK_KINDS)


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

    compared_from: int = 0
    """The offset of the first of the newest `COMPARED_CANDLES` of them."""

    trade_offset: int | None = None
    """The offset of the trade with the largest id from before its first session."""

    ahead_ns: int = 0
    """How far the exchange's clock was ahead of ours when history was fetched last."""

    _trade: tuple[int, int] = (-1, 0)  # the largest id, and the exchange's time of that trade
    _is_history: bool = False
    _has_trades: bool = False
    _gaps: list[tuple[int, int]] = field(default_factory=list)  # in the exchange's time
    _open: list[tuple[int, int]] = field(default_factory=list)  # likewise, but the end in ours
    _ahead_ns: int | None = None  # of what was streamed last
    _starts_ns: list[Int64s] = field(default_factory=list)
    _offsets: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, log: Log | Reader) -> "Past":
        """Return the past that a log holds, from one pass over the columns that it needs."""
        past = cls()
        for batch in log.read(columns=_COLUMNS):
            past._add(batch)
        past._close(past._ahead_ns)
        past.compared_from = past._offsets[0] if past._offsets else 0
        return past

    @property
    def reached_ns(self) -> int | None:
        """The time, by our clock, up to which history before the first session is complete.

        With trades it is no later than the newest of them; ``None`` if there is no candle.
        """
        if self.last_ns is None:
            return None
        reached_ns = self.last_ns
        if self._has_trades and self.trade_offset is not None:
            reached_ns = min(reached_ns, self._trade[1])
        return reached_ns - self.ahead_ns

    def _add(self, batch: pa.RecordBatch) -> None:
        """Add the next batch of the log."""
        kinds = batch.column("kind")
        ticks, aheads_ns = _streamed(batch)
        if len(ticks):
            self._close(int(aheads_ns[0]))
        marks = compute.is_in(kinds, pa.array(["session_started", "gap"]))
        for row in np.flatnonzero(marks.to_numpy(zero_copy_only=False)).tolist():
            at = int(np.searchsorted(ticks, row))
            if at:
                self._ahead_ns = int(aheads_ns[at - 1])
            if kinds[row].as_py() == "gap":
                after_ns = int(aheads_ns[at]) if at < len(ticks) else None
                self._add_gap(batch.slice(row, 1), after_ns)
            else:
                self._add_session(batch.column("detail")[row].as_py())
        if len(ticks):
            self._ahead_ns = int(aheads_ns[-1])
        rows = compute.where(batch, compute.equal(kinds, "candle"))
        if rows.num_rows:
            self._add_candles(rows)
        fetched = compute.where(batch, compute.is_valid(batch.column("source")))
        rows = compute.where(fetched, compute.equal(fetched.column("kind"), "trade"))
        if rows.num_rows:
            self._add_trades(rows)

    def _add_session(self, detail: str | None) -> None:
        request = history_of(detail)
        self._is_history = request is not None
        self.has_lived |= request is None
        if request is not None:
            self._has_trades |= request.get(TRADES) is True
            ahead_ns = request.get(AHEAD_NS)
            self.ahead_ns = ahead_ns if isinstance(ahead_ns, int) else self.ahead_ns

    def _add_gap(self, row: pa.RecordBatch, after_ns: int | None) -> None:
        """Add a gap; ``after_ns`` is how far the exchange's clock is ahead at the next tick."""
        from_ns, to_ns = (row.column(name)[0].as_py() for name in ("from_ns", "to_ns"))
        if self._is_history:
            self._gaps.append((from_ns + self.ahead_ns, to_ns + self.ahead_ns))
            return
        before_ns = self.ahead_ns if self._ahead_ns is None else self._ahead_ns
        if after_ns is None:
            self._open.append((from_ns + before_ns, to_ns))
        else:
            self._gaps.append((from_ns + before_ns, to_ns + after_ns))

    def _close(self, ahead_ns: int | None) -> None:
        """Add the gaps whose end was open, now that a tick was streamed after them."""
        ahead_ns = self.ahead_ns if ahead_ns is None else ahead_ns
        self._gaps += [(from_ns, to_ns + ahead_ns) for from_ns, to_ns in self._open]
        self._open = []

    def _add_candles(self, rows: pa.RecordBatch) -> None:
        starts_ns, lengths_ns, offsets = (
            rows.column(name).to_numpy() for name in ("exchange_ns", "length_ns", "offset")
        )
        self._starts_ns.append(starts_ns)
        of_gap = compute.filled(rows.column("backfilled"), False).to_numpy(zero_copy_only=False)
        if not of_gap.all():
            starts_ns, lengths_ns, offsets = (
                cells[~of_gap] for cells in (starts_ns, lengths_ns, offsets)
            )
            self.lengths_ns |= {*np.unique(lengths_ns).tolist()}
            self.first_ns = int(starts_ns[0]) if self.first_ns is None else self.first_ns
            self.last_ns = int(starts_ns[-1] + lengths_ns[-1])
            self._offsets = [*self._offsets, *offsets[-COMPARED_CANDLES:].tolist()]
            self._offsets = self._offsets[-COMPARED_CANDLES:]

    def _add_trades(self, rows: pa.RecordBatch) -> None:
        ids = rows.column("trade_id").to_numpy()
        newest = int(np.argmax(ids))
        if int(ids[newest]) > self._trade[0]:
            self._trade = int(ids[newest]), rows.column("exchange_ns")[newest].as_py()
            self.trade_offset = rows.column("offset")[newest].as_py()

    @property
    def gaps_ns(self) -> list[tuple[int, int]]:
        """The gaps (from, to), in ns of the exchange's time, in order; touching ones are joined."""
        return _joined(self._gaps)

    @property
    def starts_ns(self) -> set[int]:
        """The starts of all recorded candles, in ns of the exchange's time."""
        return {start_ns for each in self._starts_ns for start_ns in each.tolist()}

    def missing(self, length_ns: int, *, since_ns: int, until_ns: int) -> list[tuple[int, int]]:
        """Return the times (from, to), in ns, of candles that are missing in gaps, in order.

        Each reaches from the first to the last missing candle of a gap. Gaps that touch are joined;
        a gap that is shorter than a candle is left out.
        """
        known = np.concatenate([*self._starts_ns, np.empty(0, np.int64)])
        whole = [
            (max(from_ns, since_ns) // length_ns * length_ns, -(-to_ns // length_ns) * length_ns)
            for from_ns, to_ns in self.gaps_ns
            if to_ns - from_ns >= length_ns
        ]
        windows = []
        # Two gaps may lie in the same candle.
        for first_ns, end_ns in _joined(whole):
            starts_ns = np.arange(first_ns, min(end_ns, until_ns), length_ns, dtype=np.int64)
            left = starts_ns[~np.isin(starts_ns, known)]
            if len(left):
                windows.append((int(left[0]), int(left[-1]) + length_ns))
        return windows


def _streamed(batch: pa.RecordBatch) -> tuple[Int64s, Int64s]:
    """Return the rows of a batch's streamed ticks, and how far the exchange's clock was ahead then.

    Both have the shape (ticks,), the second is in ns. Snapshots are left out: one has the time of
    the book's last change, which may be months old.
    """
    excluded = [compute.filled(batch.column(name), False) for name in ("backfilled", "snapshot")]
    ticks = compute.is_in(batch.column("kind"), _TICKS)
    for mask in excluded:
        ticks = compute.and_not(ticks, mask)
    places = np.flatnonzero(ticks.to_numpy(zero_copy_only=False))
    rows = compute.where(batch, ticks)
    times_ns = (
        compute.filled(rows.column(name), 0).to_numpy() for name in ("exchange_ns", "received_ns")
    )
    exchange_ns, received_ns = times_ns
    aheads_ns = exchange_ns - received_ns
    is_near = np.abs(aheads_ns) <= AHEAD_MAX_NS
    return places[is_near], aheads_ns[is_near]


def _joined(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return gaps in order; those that touch or overlap are joined."""
    joined: list[tuple[int, int]] = []
    for from_ns, to_ns in sorted(gap for gap in gaps if gap[0] < gap[1]):
        if joined and from_ns <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], to_ns))
        else:
            joined.append((from_ns, to_ns))
    return joined


def history_of(detail: str | None) -> dict[str, object] | None:
    """Return the request of a session that fetched history; ``None`` for any other session.

    >>> history_of('{"source": {"history": {"candles": "1m"}}}'), history_of("{}")
    ({'candles': '1m'}, None)
    """
    source = detail_of(detail).get("source")
    request = source.get(HISTORY) if isinstance(source, dict) else None
    return request if isinstance(request, dict) else None
