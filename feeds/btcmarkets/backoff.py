"""When a call may be made again: budgets of calls per time, and exponential back-off.

The exchange closes connections that come more often than three in ten seconds from one address
(wiki, "WebSocket v2"), and every source agrees on fifty public REST calls in ten seconds. Pure: the
clock's reading and the draw are arguments.
"""

from collections import deque

from eventlog.invariants import hold


class Budget:
    """No more than ``count`` in any ``window_s`` seconds.

    >>> budget = Budget(count=2, window_s=10.0)
    >>> for now_s in (0.0, 4.0):
    ...     budget.spend(now_s)
    >>> budget.wait_s(5.0)
    5.0
    """

    def __init__(self, *, count: int, window_s: float) -> None:
        hold("I10", count >= 1, "a budget allows something", count=count)
        self._window_s = window_s
        self._spent_s: deque[float] = deque(maxlen=count)
        self._closed_until_s = float("-inf")

    @property
    def untouched(self) -> bool:
        """Whether no call was made yet."""
        return not self._spent_s

    def spend(self, now_s: float) -> None:
        """Count a call made now."""
        self._spent_s.append(now_s)

    def close(self, until_s: float) -> None:
        """Allow no call until then, because the exchange demanded it."""
        self._closed_until_s = max(self._closed_until_s, until_s)

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next call, in seconds."""
        wait_s = self._closed_until_s - now_s
        if len(self._spent_s) == self._spent_s.maxlen:
            wait_s = max(wait_s, self._spent_s[0] + self._window_s - now_s)
        return max(0.0, wait_s)


def backoff_s(*, first_s: float, most_s: float, failures: int, draw: float) -> float:
    """Return the wait after ``failures`` failures in a row: doubled with each, up to ``most_s``.

    ``draw``, in [0, 1), spreads clients over the second half of the wait, so that they do not all
    reconnect at once when an exchange comes back.

    >>> [backoff_s(first_s=1.0, most_s=60.0, failures=n, draw=0.5) for n in (0, 1, 2, 3, 99)]
    [0.75, 0.75, 1.5, 3.0, 45.0]
    """
    # The exponent is bounded so that a week of failures does not overflow a float.
    longest_s = min(most_s, first_s * 2.0 ** min(max(failures - 1, 0), 32))
    return longest_s * (0.5 + draw / 2)


class Handshakes:
    """The handshakes made so far, which determine the wait before the next one.

    Args:
        first_s: the longest wait after a lost connection, or a first failure.
        most_s: the longest wait of all; each failure in a row doubles the wait up to it.
        window_s: no more than ``window_count`` handshakes are made in any window of this length.
        window_count: see ``window_s``.
    """

    def __init__(
        self, *, first_s: float, most_s: float, window_s: float = 10.0, window_count: int = 3
    ) -> None:
        in_order = 0 <= first_s <= most_s
        hold("I10", in_order, "a wait has a maximum", first_s=first_s, most_s=most_s)
        self._first_s = first_s
        self._most_s = most_s
        self._budget = Budget(count=window_count, window_s=window_s)

    def made(self, now_s: float) -> None:
        """Count a handshake that begins now."""
        self._budget.spend(now_s)

    def wait_s(self, now_s: float, *, failures: int, draw: float) -> float:
        """Return how long to wait before the next one.

        ``failures`` is the number of failed attempts in a row; ``draw``, in [0, 1), spreads the
        clients of an exchange that comes back.

        >>> handshakes = Handshakes(first_s=1.0, most_s=60.0)
        >>> handshakes.wait_s(0.0, failures=0, draw=0.0)
        0.0
        >>> handshakes.made(0.0)
        >>> handshakes.wait_s(0.0, failures=3, draw=0.5)
        3.0
        """
        if self._budget.untouched:
            return 0.0
        wait_s = backoff_s(first_s=self._first_s, most_s=self._most_s, failures=failures, draw=draw)
        return max(wait_s, self._budget.wait_s(now_s))
