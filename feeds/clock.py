"""The clock: the only place in the program that reads one.

Wall time stamps records and may step; monotonic time measures durations and never steps back.
Neither orders anything: the offset in the log does (I1).
"""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEWEST_NS = 2**63 - 1
"""The last moment that a record can hold, in April 2262."""

_ASLEEP_TOO = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ns() -> int:
    """Return the wall time in nanoseconds since 1970 UTC, the last one that a record can hold."""
    return min(time.time_ns(), NEWEST_NS)


def iso_utc(time_ns: int) -> str:
    """Return any time as ISO 8601 in UTC, to the millisecond.

    What no calendar here has, as a file may say, is given as it is.

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
    """Return seconds since an arbitrary moment, never decreasing, that go on while it sleeps.

    Where a system has no such clock it is the monotonic one, and a sleep passes for a set clock.
    """
    return time.clock_gettime(_ASLEEP_TOO)


def monotonic_ns() -> int:
    """Return nanoseconds since an arbitrary moment, never decreasing."""
    return time.monotonic_ns()


def sleep_s(seconds: float) -> None:
    """Return after so many seconds."""
    time.sleep(seconds)
