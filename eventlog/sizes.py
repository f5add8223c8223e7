"""How large records are, at most: in the body of a frame, and in memory while they wait.

Whoever hands records to a log takes no more of them at once than one frame can hold, so that
`eventlog.errors.TooLarge` is never met. Bounds and not sizes: what is exact is known to Arrow only.

>>> from eventlog.records import Gap
>>> frame_bytes(Gap(received_ns=7, from_ns=5, to_ns=6, why="closed"))
1048
"""

from eventlog.frame import BODY_BYTES_MAX
from eventlog.records import BookUpdate, Record

COMMIT_BYTES_MAX = BODY_BYTES_MAX - (1 << 20)
"""What the records of one commit may come to by `frame_bytes`: a frame's body, without what the
frame says of them, and what a session adds to what has arrived."""

_ROW_BYTES = 1_024
"""More than a number in every column of the schema takes, with the bit that says it is there."""

_LEVEL_BYTES = 32
_RECORD_HELD_BYTES = 1_024
_LEVEL_HELD_BYTES = 192
"""An object of five fields, and the integers that they refer to."""


def frame_bytes(record: Record) -> int:
    """Return the most that a record takes in the body of a frame, whatever stands next to it."""
    return _ROW_BYTES + _LEVEL_BYTES * _levels(record) + _texts(record)


def held_bytes(record: Record) -> int:
    """Return about the most that a record takes in memory."""
    return _RECORD_HELD_BYTES + _LEVEL_HELD_BYTES * _levels(record) + _texts(record)


def _levels(record: Record) -> int:
    return len(record.bids) + len(record.asks) if isinstance(record, BookUpdate) else 0


def _texts(record: Record) -> int:
    """Return the bytes of what has no size of its own; a character of a text has four at most."""
    size = 4 * sum(len(getattr(record, name, "")) for name in ("why", "detail", "status"))
    return size + len(getattr(record, "raw", b""))
