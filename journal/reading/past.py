"""What of the past a log holds: candles and trades that were fetched, and the gaps that are left.

A session that fetched the past says so at its start, under ``source`` in its detail. A journal has
*lived* once another session has begun.

Candles and trades are in the exchange's time, gaps in ours. How far the two clocks are apart is
said by what was streamed around a gap, and for the time before all sessions by the session that
fetched it.
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
"""Under ``source`` in the detail of a session that fetched the past: what it was asked for."""

AHEAD_NS = "ahead_ns"
"""Under that key: how far the exchange's clock was ahead of ours."""

TRADES = "trades"
"""Under that key: whether trades were asked for, too."""

COMPARED_CANDLES = 60
"""How many of the newest candles are compared with what the exchange says of them later."""

AHEAD_MAX_NS = 86_400 * 10**9
"""A time of the exchange's further from ours than that says nothing about its clock."""

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
    """The offset of the newest trade from before its first session: the one of the largest id."""

    ahead_ns: int = 0
    """How far the exchange's clock was ahead of ours when history was fetched last."""

    _trade: tuple[int, int] = (-1, 0)  # the largest id, and when that was
    _is_history: bool = False
    _has_trades: bool = False
    _gaps: list[tuple[int, int]] = field(default_factory=list)  # in the exchange's time
    _open: list[tuple[int, int]] = field(default_factory=list)  # likewise, but the end in ours
    _ahead_ns: int | None = None  # of what was streamed last
    _starts_ns: list[Int64s] = field(default_factory=list)
    _offsets: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, log: Log | Reader) -> "Past":
        """Return what a log holds: one pass over its columns of times."""
        past = cls()
        for batch in log.read(columns=_COLUMNS):
            past._add(batch)
        past._close(past._ahead_ns)
        past.compared_from = past._offsets[0] if past._offsets else 0
        return past

    @property
    def reached_ns(self) -> int | None:
        """The time, by our clock, up to which history from before the first session is whole.

        With trades it is no later than the newest of them; ``None`` if there is no candle.
        """
        if self.last_ns is None:
            return None
        reached_ns = self.last_ns
        if self._has_trades and self.trade_offset is not None:
            reached_ns = min(reached_ns, self._trade[1])
        return reached_ns - self.ahead_ns

    def _add(self, batch: pa.RecordBatch) -> None:
        """Take a batch of the log, the next one."""
        kinds = batch.column("kind")
        ticks, aheads_ns = _streamed(batch)
        if len(ticks):
            self._close(int(aheads_ns[0]))
        marks = compute.is_in(kinds, pa.array(["session_started", "gap"]))
        for place in np.flatnonzero(marks.to_numpy(zero_copy_only=False)).tolist():
            at = int(np.searchsorted(ticks, place))
            if at:
                self._ahead_ns = int(aheads_ns[at - 1])
            if kinds[place].as_py() == "gap":
                after_ns = int(aheads_ns[at]) if at < len(ticks) else None
                self._add_gap(batch.slice(place, 1), after_ns)
            else:
                self._add_session(batch.column("detail")[place].as_py())
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
        asked = history_of(detail)
        self._is_history = asked is not None
        self.has_lived |= asked is None
        if asked is not None:
            self._has_trades |= asked.get(TRADES) is True
            ahead_ns = asked.get(AHEAD_NS)
            self.ahead_ns = ahead_ns if isinstance(ahead_ns, int) else self.ahead_ns

    def _add_gap(self, row: pa.RecordBatch, after_ns: int | None) -> None:
        """Take a gap; ``after_ns`` is how far the clock of what is streamed next is ahead."""
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
        """Take the gaps whose end was open, now that something is streamed after them."""
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
        """The gaps (from, to) in the exchange's time, in order; those that touch are one."""
        return _joined(self._gaps)

    @property
    def starts_ns(self) -> set[int]:
        """The starts of all candles that are there."""
        return {start_ns for each in self._starts_ns for start_ns in each.tolist()}

    def missing(self, length_ns: int, *, since_ns: int, until_ns: int) -> list[tuple[int, int]]:
        """Return the times (from, to) of candles that lie in gaps and are not there, in order.

        Each reaches from the first to the last one of a gap that is missing. Gaps that touch are
        one. One that is shorter than a candle stays a gap.
        """
        known = np.concatenate([*self._starts_ns, np.empty(0, np.int64)])
        whole = [
            (max(from_ns, since_ns) // length_ns * length_ns, -(-to_ns // length_ns) * length_ns)
            for from_ns, to_ns in self.gaps_ns
            if to_ns - from_ns >= length_ns
        ]
        windows = []
        # Two gaps may lie in one candle.
        for first_ns, end_ns in _joined(whole):
            starts_ns = np.arange(first_ns, min(end_ns, until_ns), length_ns, dtype=np.int64)
            left = starts_ns[~np.isin(starts_ns, known)]
            if len(left):
                windows.append((int(left[0]), int(left[-1]) + length_ns))
        return windows


def _streamed(batch: pa.RecordBatch) -> tuple[Int64s, Int64s]:
    """Return where a batch's ticks are that came as they happened, and the exchange's clock then.

    A snapshot is stamped with the book's last change, which may be months old.
    """
    passed_over = [compute.filled(batch.column(name), False) for name in ("backfilled", "snapshot")]
    ticks = compute.is_in(batch.column("kind"), _TICKS)
    for mask in passed_over:
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
    """Return gaps in order, those that touch or overlap as one."""
    joined: list[tuple[int, int]] = []
    for from_ns, to_ns in sorted(gap for gap in gaps if gap[0] < gap[1]):
        if joined and from_ns <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], to_ns))
        else:
            joined.append((from_ns, to_ns))
    return joined


def history_of(detail: str | None) -> dict[str, object] | None:
    """Return what a session's detail says of the history it fetched; ``None`` if it is another's.

    >>> history_of('{"source": {"history": {"candles": "1m"}}}'), history_of("{}")
    ({'candles': '1m'}, None)
    """
    source = detail_of(detail).get("source")
    asked = source.get(HISTORY) if isinstance(source, dict) else None
    return asked if isinstance(asked, dict) else None
