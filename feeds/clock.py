"""The clock: the only place in the program that reads one.

Wall time stamps records and may step; monotonic time measures durations and never steps back.
Neither orders anything: the offset in the log does (I1).
"""

import time


def now_ns() -> int:
    """Return the wall time in nanoseconds since 1970 UTC."""
    return time.time_ns()


def monotonic_s() -> float:
    """Return seconds since an arbitrary moment, never decreasing."""
    return time.monotonic()


def monotonic_ns() -> int:
    """Return nanoseconds since an arbitrary moment, never decreasing."""
    return time.monotonic_ns()


def sleep_s(seconds: float) -> None:
    """Return after so many seconds."""
    time.sleep(seconds)
