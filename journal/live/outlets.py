"""The output of a running session, written without ever blocking the session.

A stopped terminal, a pipe that nobody reads, a full disk: each makes a write block or fail. But a
session has to handle signals, limits and a watchdog. So its output goes into a bounded buffer, and
a separate thread writes it to the descriptor. If the buffer is full, the oldest messages are
dropped and counted; the count is printed once the descriptor can be written to again.

``print``, `typer.echo`, the live view, warnings and the tracebacks of threads all write to
``sys.stdout`` or ``sys.stderr``, which is where an outlet takes the place of the stream. What
libraries in C write to descriptor 2 by themselves is lost where that would block.
"""

import io
import os
import select
import stat
import sys
import threading
from collections import deque
from contextlib import suppress

LIMIT_BYTES = 1 << 20
"""How much may wait in an outlet's buffer; beyond it the oldest is dropped (I10)."""

LINE_BYTES = 1 << 16
"""An unfinished line longer than this is passed on in parts."""

RETRY_S = 1.0
"""How long to wait before a failed descriptor is tried again."""

FINISH_S = 2.0
"""How long the end of a process waits for the rest of its output."""

_CHUNK_BYTES = 4096


class Outlet(io.TextIOBase):
    """A text stream to a descriptor that never blocks its writer and never raises.

    Args:
        descriptor: to write to; the outlet has a duplicate of it.
        says_dropped: whether to write how many messages were dropped, where they are missing.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, descriptor: int, *, says_dropped: bool) -> None:
        self._number = descriptor
        self._descriptor = os.dup(descriptor)
        self._is_terminal = os.isatty(descriptor)
        self._says_dropped = says_dropped
        # A signal handler may interrupt on the same thread: a condition's lock is recursive.
        self._changed = threading.Condition()
        self._begun = ""
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_idle = True
        self._is_ending = False
        self._dropped = 0
        self._unsaid = 0
        threading.Thread(target=self._drain, daemon=True).start()

    @property
    def dropped(self) -> int:
        """How many messages were dropped so far."""
        return self._dropped

    def writable(self) -> bool:
        """Return true: it can be written to."""
        return True

    def isatty(self) -> bool:
        """Return whether the descriptor was a terminal at the beginning."""
        return self._is_terminal

    def fileno(self) -> int:
        """Return the descriptor's number, for callers that need its size or kind."""
        return self._number

    def write(self, text: str) -> int:
        """Take text; whole lines are sent at once, the rest with `flush`. Returns at once."""
        with self._changed:
            lines, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                self._offer(lines + newline)
            if len(self._begun) > LINE_BYTES:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Send an unfinished line, too. Returns at once."""
        with self._changed:
            begun, self._begun = self._begun, ""
            if begun:
                self._offer(begun)

    def finish(self, timeout_s: float = FINISH_S) -> int:
        """Wait until all is written, at most for the timeout; return how many messages are lost."""
        self.flush()
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_idle, timeout_s)
            return self._dropped + len(self._waiting) + (not self._is_idle)

    def _offer(self, text: str) -> None:
        message = text.encode(self.encoding, self.errors)
        if len(message) > LIMIT_BYTES:
            self._drop()
            return
        while self._waiting_bytes + len(message) > LIMIT_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft())
            self._drop()
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        self._is_idle = False
        self._changed.notify_all()

    def _drop(self) -> None:
        self._dropped += 1
        self._unsaid += 1

    def _drain(self) -> None:
        """Write what waits, for ever, on a thread that ends with the process."""
        while True:
            message, unsaid = self._next()
            try:
                if unsaid and self._says_dropped:
                    self._put(b"trader: %d messages could not be said here\n" % unsaid)
                self._put(message)
            except OSError:
                with self._changed:
                    self._unsaid += unsaid
                    self._drop()
                    self._changed.wait_for(lambda: self._is_ending, RETRY_S)

    def _next(self) -> tuple[bytes, int]:
        with self._changed:
            if not self._waiting:
                self._is_idle = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
            message = self._waiting.popleft()
            self._waiting_bytes -= len(message)
            unsaid, self._unsaid = self._unsaid, 0
            return message, unsaid

    def _put(self, message: bytes) -> None:
        left = memoryview(message)
        while left:
            try:
                left = left[os.write(self._descriptor, left[:_CHUNK_BYTES]) :]
            except BlockingIOError:
                # The parent made the descriptor non-blocking, and shares it: it is not changed.
                select.select([], [self._descriptor], [], RETRY_S)


_OPEN: list[Outlet] = []


def install() -> None:
    """Replace stdout and stderr by outlets, for the rest of this process.

    A stream without a descriptor, as in a test, cannot block and is not replaced.
    """
    if _OPEN:
        return
    for name, says_dropped in (("stdout", False), ("stderr", True)):
        stream = getattr(sys, name)
        with suppress(OSError, AttributeError):
            stream.flush()
        with suppress(OSError, AttributeError, ValueError):
            number = stream.fileno()
            outlet = Outlet(number, says_dropped=says_dropped)
            setattr(sys, name, outlet)
            _OPEN.append(outlet)
            _never_block(number)


def is_installed() -> bool:
    """Return whether the streams of this process are outlets."""
    return bool(_OPEN)


def dropped() -> int:
    """Return how many messages were dropped so far, on all outlets."""
    return sum(outlet.dropped for outlet in _OPEN)


def finish() -> bool:
    """Wait a moment for the rest of the output; return whether there are outlets at all."""
    for outlet in _OPEN:
        lost = outlet.finish()
        if lost and outlet.fileno() == 1:
            _OPEN[-1].write(f"trader: {lost} messages could not be said on stdout\n")
    return bool(_OPEN)


def _never_block(number: int) -> None:
    """Open a pipe or a terminal again as non-blocking, for direct writes to the descriptor.

    Setting the flag on the shared descriptor would change it for every process that shares it.
    """
    mode = os.fstat(number).st_mode
    if stat.S_ISFIFO(mode) or (stat.S_ISCHR(mode) and os.isatty(number)):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with suppress(OSError):
            again = os.open(f"/proc/self/fd/{number}", flags)
            os.dup2(again, number)
            os.close(again)
