"""Parses offsets and times in a log: the grammar of kcat, which users of logs know.

``beginning``, ``end``, ``checkpoint`` (after the newest snapshot), ``N``, ``-N`` (from the end),
``s@TIME`` and ``e@TIME`` (the first record received at or after an ISO 8601 time or a Unix time in
seconds: where to start, and where to end).
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from engine.checkpoint import Checkpoints
from eventlog.errors import OffsetOutOfRange
from eventlog.printable import printable
from eventlog.reader import Reader
from journal.errors import UsageError
from journal.reading.newest import start_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GRAMMAR = "beginning, end, checkpoint, N, -N or s@TIME"


def resolve(text: str, log: Reader, checkpoints: Checkpoints) -> int:
    """Return the offset that a text names; ``end`` is one after the last record.

    Raises:
        UsageError: if the text does not follow the grammar.
        OffsetOutOfRange: if the log has no such offset.
    """
    if text == "beginning":
        return 0
    if text == "end":
        return log.end
    if text == "checkpoint":
        return max((offset + 1 for offset in checkpoints.offsets() if offset < log.end), default=0)
    if text.startswith(("s@", "e@")):
        return _first_since(time_ns(text[2:]), log)
    try:
        number = int(text)
    except ValueError:
        problem = f"{printable(text, 80)}: not an offset"
        raise UsageError(problem, hint=f"Say {GRAMMAR}.") from None
    offset = log.end + number if number < 0 else number
    if not 0 <= offset <= log.end:
        raise OffsetOutOfRange(
            "this log has no such record",
            path=log.directory,
            offset=number,
            hint=f"Valid: 0 … {log.end - 1}, or {GRAMMAR}.",
        )
    return offset


def check_order(from_: str, start: int, to: str, end: int) -> None:
    """Refuse a range that ends before it begins.

    Raises:
        UsageError: if it does.
    """
    if end < start:
        problem = f"--from {printable(from_, 80)} is after --to {printable(to, 80)}"
        hint = f"They are the offsets {start:,} and {end:,}; --to is the one to stop before."
        raise UsageError(problem, hint=hint)


def span_of(from_: str, to: str, log: Reader, checkpoints: Checkpoints) -> tuple[int, int]:
    """Return the offset to start at, and the one to stop before.

    Raises:
        UsageError: if a text does not follow the grammar, or the end is before the start.
        OffsetOutOfRange: if the log has no such offset.
    """
    start, end = resolve(from_, log, checkpoints), resolve(to, log, checkpoints)
    check_order(from_, start, to, end)
    return start, end


def range_of(
    from_: str | None,
    to: str,
    log: Reader,
    checkpoints: Checkpoints,
    *,
    count: int,
    kinds: Sequence[str] | None,
) -> tuple[int, int]:
    """Return the offset to start at, and the one to stop before.

    For ``from_``, ``-N`` means the last N records of the kinds, and ``None`` the last ``count``.

    Raises:
        UsageError: if a text does not follow the grammar, or the end is before the start.
        OffsetOutOfRange: if the log has no such offset.
    """
    end = resolve(to, log, checkpoints)
    if from_ is None:
        return start_of(log, count, kinds=kinds, end=end), end
    if from_.startswith("-") and from_[1:].isascii() and from_[1:].isdigit():
        return start_of(log, int(from_[1:]), kinds=kinds, end=end), end
    return span_of(from_, to, log, checkpoints)


def time_ns(text: str) -> int:
    """Return a time in nanoseconds since 1970 UTC; without a zone it is UTC.

    Raises:
        UsageError: if it is no time.

    >>> time_ns("2026-11-21T00:00:00.5Z") == time_ns("1795219200.5")
    True
    """
    moment_ns = _moment_ns(text)
    if moment_ns is None or not 0 <= moment_ns < 2**63:
        hint = "For example: s@2026-11-21T14:02:00Z, or s@1795219200, in seconds since 1970."
        raise UsageError(f"{printable(text, 80)}: not a time", hint=hint)
    return moment_ns


def _moment_ns(text: str) -> int | None:
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return round(seconds * 10**9) if math.isfinite(seconds) else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round((moment - _EPOCH).total_seconds() * 10**6) * 1_000


def _first_since(moment_ns: int, log: Reader) -> int:
    """Return the first offset received at or after a moment; receive times may step back."""
    for batch in log.read(0, log.end, columns=("offset", "received_ns")):
        late = np.flatnonzero(batch.column("received_ns").to_numpy() >= moment_ns)
        if len(late):
            return int(batch.column("offset")[int(late[0])].as_py())
    return log.end
