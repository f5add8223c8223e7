"""Words for a place in a log → an offset: the grammar of kcat, which users of logs know.

``beginning``, ``end``, ``checkpoint`` (behind the newest snapshot), ``N``, ``-N`` (from the end),
``s@TIME`` and ``e@TIME`` (the first record received at or after an ISO 8601 time or a Unix time in
seconds: where to start, and where to end).
"""

from datetime import UTC, datetime

import numpy as np

from cli.exits import CommandError, Exit
from engine.checkpoint import Checkpoints
from eventlog.errors import OffsetOutOfRange
from eventlog.reader import Reader

GRAMMAR = "beginning, end, checkpoint, N, -N or s@TIME"


def resolve(text: str, log: Reader, checkpoints: Checkpoints) -> int:
    """Return the offset that the words name; ``end`` is one behind the last record.

    Raises:
        CommandError: (2) if they are not of the grammar.
        OffsetOutOfRange: if the log does not reach there.
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
        raise CommandError(Exit.USAGE, f"{text}: not an offset", hint=f"Say {GRAMMAR}.") from None
    offset = log.end + number if number < 0 else number
    if not 0 <= offset <= log.end:
        raise OffsetOutOfRange(
            "this log has no such record",
            path=log.directory,
            offset=number,
            hint=f"Valid: 0 … {log.end - 1}, or {GRAMMAR}.",
        )
    return offset


def time_ns(text: str) -> int:
    """Return a time in nanoseconds since 1970 UTC; without a zone it is UTC.

    Raises:
        CommandError: (2) if it is no time.

    >>> time_ns("2026-11-21T00:00:00.5Z") == time_ns("1795219200.5")
    True
    """
    try:
        return round(float(text) * 10**9)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "For example: s@2026-11-21T14:02:00Z, s@1795219200"
        raise CommandError(Exit.USAGE, f"{text}: not a time", hint=hint) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 10**6) * 1_000


def _first_since(moment_ns: int, log: Reader) -> int:
    """Return the first offset received at or after a moment; received times may step back."""
    for batch in log.read(0, log.end, columns=("offset", "received_ns")):
        late = np.flatnonzero(batch.column("received_ns").to_numpy() >= moment_ns)
        if len(late):
            return int(batch.column("offset")[int(late[0])].as_py())
    return log.end
