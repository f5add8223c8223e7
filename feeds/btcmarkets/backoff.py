"""When the next handshake may be made: exponential back-off with jitter, under a limit.

The exchange closes connections that come more often than three in ten seconds from one address
(wiki, "WebSocket v2"). Pure: the clock's reading and the draw are arguments.
"""

from collections import deque


class Handshakes:
    """The handshakes made so far, and from them how long to wait before another.

    Args:
        first_s: the longest wait after a conversation that was lost, or a first failure.
        most_s: the longest wait of all; each failure in a row doubles the wait up to it.
        window_s: no more than ``window_count`` handshakes are made in any such time.
        window_count: see ``window_s``.
    """

    def __init__(
        self, *, first_s: float, most_s: float, window_s: float = 10.0, window_count: int = 3
    ) -> None:
        assert 0 <= first_s <= most_s
        assert window_count >= 1
        self._first_s = first_s
        self._most_s = most_s
        self._window_s = window_s
        self._made_s: deque[float] = deque(maxlen=window_count)

    def made(self, now_s: float) -> None:
        """Note that a handshake begins now."""
        self._made_s.append(now_s)

    def wait_s(self, now_s: float, *, failures: int, draw: float) -> float:
        """Return how long to wait before the next one.

        ``failures`` counts attempts in a row that came to nothing; ``draw``, in [0, 1), spreads
        the clients of an exchange that came back over the second half of the wait.

        >>> handshakes = Handshakes(first_s=1.0, most_s=60.0)
        >>> handshakes.wait_s(0.0, failures=0, draw=0.0)
        0.0
        >>> handshakes.made(0.0)
        >>> handshakes.wait_s(0.0, failures=3, draw=0.5)
        3.0
        """
        if not self._made_s:
            return 0.0
        # The exponent is bounded so that a week of failures does not overflow a float.
        longest_s = min(self._most_s, self._first_s * 2.0 ** min(max(failures - 1, 0), 32))
        backoff_s = longest_s * (0.5 + draw / 2)
        if len(self._made_s) < (self._made_s.maxlen or 0):
            return backoff_s
        return max(backoff_s, self._made_s[0] + self._window_s - now_s)
