"""The clock: the only module that reads one.

Wall time stamps records and may step; monotonic time measures durations and never steps back.
Neither orders anything: the offset in the log does (I1).
"""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEWEST_NS = 2**63 - 1
"""The latest time that a record can hold, in April 2262."""

_ASLEEP_TOO = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ns() -> int:
    """Return the wall time in nanoseconds since 1970 UTC, bounded by what a record can hold."""
    return min(time.time_ns(), NEWEST_NS)


def iso_utc(time_ns: int) -> str:
    """Return a time in nanoseconds since 1970 as ISO 8601 in UTC, to the millisecond.

    A time outside of the calendar, as a file may hold, is given in seconds.

    >>> iso_utc(1_795_219_200_500_000_000), iso_utc(-1_000_000)
    ('2026-11-21T00:00:00.500Z', '1969-12-31T23:59:59.999Z')
    >>> iso_utc(10**30)
    '1000000000000000000000 s since 1970'
    """
    try:
        moment = _EPOCH + timedelta(milliseconds=time_ns // 10**6)
    except OverflowError:
        return f"{time_ns // 10**9} s since 1970"
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def monotonic_s() -> float:
    """Return seconds since an arbitrary moment, never decreasing."""
    return time.monotonic()


def elapsed_s() -> float:
    """Return seconds since an arbitrary moment, never decreasing, with time asleep included.

    A system without such a clock uses the monotonic one; there a sleep looks like a set clock.
    """
    return time.clock_gettime(_ASLEEP_TOO)


def sleep_s(seconds: float) -> None:
    """Return after a number of seconds."""
    time.sleep(seconds)
