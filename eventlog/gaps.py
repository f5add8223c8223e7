"""Gaps in a recording, from two readings of a wall clock that may have been set in between.

>>> missed(at_ns=9 * 10**9, from_ns=2 * 10**9, to_ns=9 * 10**9, why="not running").why
'not running'
>>> back = missed(at_ns=2 * 10**9, from_ns=9 * 10**9, to_ns=2 * 10**9, why="not running")
>>> back.to_ns - back.from_ns, back.why
(0, 'not running; the clock was set back by 7.0 s or more, so how long it took is not known')
"""

from eventlog.records import Gap


def missed(*, at_ns: int, from_ns: int, to_ns: int, why: str) -> Gap:
    """Return the gap from the last receipt before it to the first receipt after it.

    Its length is never negative. If the clock reads earlier at its end than at its start, the clock
    was set back by at least that much. Then the length is unknown, and ``why`` states that.
    """
    if to_ns < from_ns:
        back_s = (from_ns - to_ns) / 1e9
        why += (
            f"; the clock was set back by {back_s:,.1f} s or more, so how long it took is not known"
        )
        from_ns = to_ns
    return Gap(received_ns=at_ns, from_ns=from_ns, to_ns=to_ns, why=why)


def missing_ns(from_ns: int, to_ns: int) -> int:
    """Return the length of a recorded gap in ns; 0 if it ends before it begins."""
    return max(0, to_ns - from_ns)
