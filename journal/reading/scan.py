"""Bounded queries of a log: the last record of a kind, the last session, the trades it holds."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from eventlog.fastpath import compute
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import KINDS, TICK_KINDS, Record, SessionStarted
from eventlog.schema import COLUMNS, NAMES, decode
from feeds.deduplicator import COMPARED, COMPARED_NS, REMEMBERED_MAX, TradeDeduplicator
from journal.reading.details import detail_of
from journal.reading.past import Past, history_of
from journal.reading.sessions import began_in, newest_word

_BACKWARD_RECORDS = 16_384
_FORWARD_RECORDS = 1_024
TRADES_RECORDS = 1 << 18
"""How many records from the end are searched for trades and samples, at most (I10): hours of a busy
stream.

A session records every minute up to which trade it has compared. If none of so many records does,
as in an import or while REST was unavailable, only the newest trades among them are known.
"""

_LOOKED_AFTER_TRADES = 200
_NEWEST_RECORDS = 2_100
_RECEIVED = frozenset({*TICK_KINDS, "gap"})
_OF_TRADES = pa.array(["trade", "health"])
_EARLIER_NS = 60 * 10**9
"""How much earlier than REST the stream may have brought a trade that a session recorded."""

_T = TypeVar("_T", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """The session before: its number, whether it recorded its end, and when the last record was
    received, in ns since 1970 UTC."""

    session: int
    ended: bool
    last_received_ns: int


def records(
    log: Log | Reader, start: int, end: int, *, kinds: Sequence[str] | None = None
) -> Iterator[tuple[int, Record]]:
    """Yield (offset, record) of the offsets from ``start`` to before ``end``.

    With ``kinds``, only records of these kinds are yielded, and only their columns are read.
    """
    if not kinds:
        for batch in log.read(start, end):
            yield from decode(batch)
        return
    wanted = {"offset", "kind"}.union(*(COLUMNS[kind] for kind in kinds))
    columns = [name for name in NAMES if name in wanted]
    for batch in log.read(start, end, columns=columns):
        yield from decode(
            compute.where(batch, compute.is_in(batch.column("kind"), pa.array(kinds)))
        )


def last(log: Log | Reader, kind: type[_T]) -> tuple[int, _T] | None:
    """Return the last record of a kind among the newest ones, with its offset."""
    name = next(name for name, each in KINDS.items() if each is kind)
    start, newest = max(0, log.end - _NEWEST_RECORDS), None
    columns = [each for each in NAMES if each in {"offset", "kind", *COLUMNS[name]}]
    for batch in log.read(start, log.end, columns=columns):
        found = compute.where(batch, compute.equal(batch.column("kind"), name))
        newest = found.slice(found.num_rows - 1) if found.num_rows else newest
    if newest is None:
        return None
    offset, record = next(iter(decode(newest)))
    assert isinstance(record, kind)
    return offset, record


def predecessor_of(log: Log | Reader) -> Predecessor | None:
    """Return the last session of a log, reading it from its end; ``None`` if it has none.

    If that session was killed before it received anything, the last receive time is the one from
    before its start. The same holds for a session that fetched the past; before the first live
    session it is then the time up to which history is complete.
    """
    received_ns = last_received_ns(log)
    if received_ns is None:
        return None
    word = newest_word(log)
    if word is None:
        return None
    offset, ended = word
    (row,) = log.read(offset, offset + 1, columns=("session", "detail"))
    began = began_in(row.column("detail")[0].as_py(), log, offset) if ended else offset
    if began is not None and _is_history(log, began):
        past = Past.of(log)
        before_ns = _recorded_before(log, began) if past.has_lived else past.reached_ns
        received_ns = received_ns if before_ns is None else min(before_ns, received_ns)
    elif not ended and not _has_recorded(log, offset):
        received_ns = _recorded_before(log, offset) or received_ns
    session = row.column("session")[0].as_py()
    return Predecessor(session=session, ended=ended, last_received_ns=received_ns)


def _is_history(log: Log | Reader, offset: int) -> bool:
    """Return whether the session that began at an offset fetched the past."""
    for batch in log.read(offset, offset + 1, columns=("kind", "detail")):
        kind, detail = (batch.column(name)[0].as_py() for name in ("kind", "detail"))
        return kind == "session_started" and history_of(detail) is not None
    return False


def _has_recorded(log: Log | Reader, offset: int) -> bool:
    """Return whether a tick or a gap was received after a session's start."""
    columns = ("kind", "backfilled")
    start, step = offset + 1, _FORWARD_RECORDS
    while start < log.end:
        end = min(log.end, start + step)
        for batch in log.read(start, end, columns=columns):
            for kind, backfilled in zip(
                *(batch.column(each).to_pylist() for each in columns), strict=True
            ):
                if kind in _RECEIVED and not backfilled:
                    return True
        start, step = end, step * 8
    return False


def _recorded_before(log: Log | Reader, offset: int) -> int | None:
    """Return when the last record before a session was received, from the session's start."""
    _, started = next(iter(records(log, offset, offset + 1)))
    assert isinstance(started, SessionStarted)
    try:
        time_ns = json.loads(started.detail)["predecessor"]["last_received_ns"]
    except (ValueError, KeyError, TypeError):
        return None
    return time_ns if isinstance(time_ns, int) else None


def last_received_ns(log: Log | Reader) -> int | None:
    """Return when the last record was received, or ``None`` if there is no record."""
    if not log.end:
        return None
    for batch in log.read(log.end - 1, log.end, columns=("received_ns",)):
        time_ns: int = batch.column(0)[0].as_py()
        return time_ns
    return None


def deduplicator_of(log: Log | Reader) -> TradeDeduplicator:
    """Return which trades a log's newest records hold, and after which one some may be missing.

    A health sample names the trade up to which the stream was compared with REST, and when; missing
    trades that were found then precede it in the log. A session that was killed did not compare the
    rest. The trades received since the comparison, and a little before it, must be known so that
    they are not recorded twice. At most `TRADES_RECORDS` records are read.
    """
    known: dict[int, int] = {}
    compared: int | None = None
    compared_ns = 0
    columns = ("kind", "trade_id", "received_ns", "detail", "source", "exchange_ns")
    end, step, least = log.end, _BACKWARD_RECORDS, max(0, log.end - TRADES_RECORDS)
    while end > least:
        start, first_ns, sample = max(least, end - step), 0, None
        for batch in log.read(start, end, columns=columns):
            first_ns = first_ns or batch.column("received_ns")[0].as_py()
            wanted = compute.where(batch, compute.is_in(batch.column("kind"), _OF_TRADES))
            cells = [wanted.column(name).to_pylist() for name in columns]
            for kind, trade_id, received_ns, detail, source, exchange_ns in zip(
                *cells, strict=True
            ):
                if kind == "trade":
                    # A fetched trade counts from when it happened: later ones may be missing.
                    known[trade_id] = min(received_ns, exchange_ns) if source else received_ns
                elif kind == "health":
                    sample = _compared(detail) or sample
        if compared is None and sample is not None:
            compared, at_ns = sample
            compared_ns = (first_ns if at_ns is None else at_ns) - _EARLIER_NS
        if (compared is not None and first_ns <= compared_ns) or len(known) >= REMEMBERED_MAX:
            break
        end, step = start, step * 4
    if not known:
        return TradeDeduplicator()
    # Without a sample, as many trades are compared again as one more page of REST holds.
    behind = sorted(known)[-_LOOKED_AFTER_TRADES:][0] if compared is None else compared
    return TradeDeduplicator(known, behind=behind, since_ns=known.get(behind, min(known.values())))


def _compared(detail: str | None) -> tuple[int, int | None] | None:
    """Return the last trade that a health sample names as compared, and when; ``None`` if none.

    A sample may contain text from the exchange, so only the value at the right key counts.
    """
    sample = detail_of(detail)
    newest, at_ns = sample.get(COMPARED), sample.get(COMPARED_NS)
    if type(newest) is not int or not 0 <= newest < 2**63:
        return None
    return newest, at_ns if type(at_ns) is int and 0 <= at_ns < 2**63 else None
