"""Upper bounds of the size of records: in the body of a frame, and in memory while they wait.

A caller that commits no more records at once than these bounds allow never meets
`eventlog.errors.TooLarge`. They are bounds, because only Arrow knows the exact sizes.

>>> from eventlog.records import Gap
>>> frame_bytes(Gap(received_ns=7, from_ns=5, to_ns=6, why="closed"))
1048
"""

from eventlog.frame import BODY_BYTES_MAX
from eventlog.records import BookUpdate, Record

COMMIT_BYTES_MAX = BODY_BYTES_MAX - (1 << 20)
"""Limit of the sum of `frame_bytes` in one commit: a frame's body, minus its own overhead and the
records that a session adds to those that have arrived."""

_ROW_BYTES = 1_024
"""Bound for a number in every column of the schema, with its validity bit."""

_LEVEL_BYTES = 32
_RECORD_HELD_BYTES = 1_024
_LEVEL_HELD_BYTES = 192
"""Memory of an object of five fields, and of the integers that they refer to."""


def frame_bytes(record: Record) -> int:
    """Return a bound of a record's bytes in the body of a frame, whatever the other records are."""
    return _ROW_BYTES + _LEVEL_BYTES * _levels(record) + _texts(record)


def held_bytes(record: Record) -> int:
    """Return an approximate bound of a record's bytes in memory."""
    return _RECORD_HELD_BYTES + _LEVEL_HELD_BYTES * _levels(record) + _texts(record)


def _levels(record: Record) -> int:
    return len(record.bids) + len(record.asks) if isinstance(record, BookUpdate) else 0


def _texts(record: Record) -> int:
    """Return a bound of the bytes of a record's texts; a character has at most four."""
    size = 4 * sum(len(getattr(record, name, "")) for name in ("why", "detail", "status"))
    return size + len(getattr(record, "raw", b""))
