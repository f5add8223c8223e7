"""The inbox: a bounded queue of records between the feed's thread and the caller.

Nothing is ever dropped (I10): `put` always stores what it is given and returns whether there is
still room. If not, the feed stops reading its socket until there is, and the exchange's buffers
fill. So the inbox exceeds its bound by the records of one frame at most. A single `take` never
returns more than one frame of the log can hold.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from eventlog.invariants import hold
from eventlog.records import Input
from eventlog.sizes import COMMIT_BYTES_MAX, frame_bytes, held_bytes


class Inbox:
    """One market's arrivals in order, bounded in records and in the bytes that they take.

    ``on_room`` is called on the taking thread whenever an inbox that was full has room again.
    """

    def __init__(self, *, records_max: int, bytes_max: int, on_room: Callable[[], None]) -> None:
        self._records_max = records_max
        self._bytes_max = bytes_max
        self._on_room = on_room
        self._changed = threading.Condition()
        self._arrivals: deque[Input] = deque()
        self._bytes = 0
        self._was_full = False
        self._closed = False
        self._failure: Exception | None = None

    def __len__(self) -> int:
        return len(self._arrivals)

    def put(self, arrivals: Sequence[Input]) -> bool:
        """Store the records of a frame; return whether there is room for more.

        A closed inbox stores nothing, because nothing is taken from it any more.
        """
        with self._changed:
            if self._closed:
                return True
            self._arrivals.extend(arrivals)
            self._bytes += sum(map(held_bytes, arrivals))
            self._was_full = self._is_full()
            self._changed.notify()
            return not self._was_full

    @property
    def is_full(self) -> bool:
        """Whether the inbox is full."""
        with self._changed:
            return not self._closed and self._is_full()

    def take(self, timeout_s: float, *, most: int) -> list[Input]:
        """Return up to ``most`` arrivals, waiting up to ``timeout_s`` for the first.

        Returns fewer if more would not fit into one frame of the log.

        Raises:
            Exception: the error given to `close`, once everything is taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._arrivals or self._closed, timeout_s)
            taken: list[Input] = []
            left_bytes = COMMIT_BYTES_MAX
            while self._arrivals and len(taken) < most:
                left_bytes -= frame_bytes(self._arrivals[0])
                if left_bytes < 0:
                    hold("I10", bool(taken), "every record fits into a frame of the log")
                    break
                arrival = self._arrivals.popleft()
                self._bytes -= held_bytes(arrival)
                taken.append(arrival)
            has_room = self._was_full and not self._is_full()
            if has_room:
                self._was_full = False
            if not taken and self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
        if has_room:
            self._on_room()
        return taken

    def close(self, failure: Exception | None = None) -> None:
        """End the arrivals, with an error if there is one."""
        with self._changed:
            self._closed = True
            self._failure = failure
            self._changed.notify_all()

    def discard(self) -> None:
        """Drop everything and store nothing more, because the caller has gone."""
        with self._changed:
            self._arrivals.clear()
            self._bytes = 0
            self._closed = True
            self._changed.notify_all()
        self._on_room()

    @property
    def finished(self) -> bool:
        """Whether nothing more will arrive and all was taken, a failure included."""
        with self._changed:
            return self._closed and not self._arrivals and self._failure is None

    def _is_full(self) -> bool:
        return len(self._arrivals) >= self._records_max or self._bytes >= self._bytes_max
