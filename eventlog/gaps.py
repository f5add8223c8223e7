"""What was not recorded, from two readings of a wall clock that may have been set meanwhile.

>>> missed(at_ns=9 * 10**9, from_ns=2 * 10**9, to_ns=9 * 10**9, why="not running").why
'not running'
>>> back = missed(at_ns=2 * 10**9, from_ns=9 * 10**9, to_ns=2 * 10**9, why="not running")
>>> back.to_ns - back.from_ns, back.why
(0, 'not running; the clock was set back by 7.0 s or more, so how long it took is not known')
"""

from eventlog.records import Gap


def missed(*, at_ns: int, from_ns: int, to_ns: int, why: str) -> Gap:
    """Return the gap from the last that was received to the first that is received again.

    It never has a negative length: where the clock says that it ended before it began, it was set
    back, by that much at least. Then the gap has no length that anybody knows, and says so.
    """
    if to_ns < from_ns:
        back_s = (from_ns - to_ns) / 1e9
        why += (
            f"; the clock was set back by {back_s:,.1f} s or more, so how long it took is not known"
        )
        from_ns = to_ns
    return Gap(received_ns=at_ns, from_ns=from_ns, to_ns=to_ns, why=why)


def missing_ns(from_ns: int, to_ns: int) -> int:
    """Return how long a recorded gap is; of one that ends before it begins, nothing is known: 0."""
    return max(0, to_ns - from_ns)
