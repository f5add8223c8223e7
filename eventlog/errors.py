"""The errors of the log.

::

    EventLogError
    ├── NoLog              there is no log in this directory
    ├── Locked             another process writes to it
    │   └── Displaced      another process took over from this writer; nothing was acknowledged
    ├── Unwritable         no permission, a read-only filesystem, or one without locks
    ├── Incompatible       a newer version of the program wrote it
    ├── TornTail           its last write was interrupted before acknowledgement: repairable
    ├── Corrupt            acknowledged bytes have changed: never repaired automatically
    ├── OffsetOutOfRange   it does not hold these records
    ├── TooLarge           one append exceeds what a frame may hold; nothing was written
    ├── Unprepared         a file that was prepared for sealing cannot be published; nothing was
    │                      changed
    └── WriteFailed        the device refused a write: this writer is dead, the log is unchanged

Torn and corrupt are different classes because they need different actions. A torn tail loses no
acknowledged record and is repaired (with a copy) when the log is next opened for writing. After
corruption the writer stops until a person has decided what to do.

This module imports only paths, so that code that only catches these errors starts fast.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path


class EventLogError(Exception):
    """The root of this package's errors.

    ``path`` is the file or directory, ``offset`` the record (or the byte position, if the message
    names one), ``expected`` and ``actual`` the compared values, ``hint`` what a person can do.
    """

    hint = ""

    def __init__(
        self,
        message: str,
        *,
        path: Path,
        offset: int | None = None,
        expected: object = None,
        actual: object = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.offset = offset
        self.expected = expected
        self.actual = actual
        if hint is not None:
            self.hint = hint

    def __reduce__(self) -> tuple[Callable[[str], "EventLogError"], tuple[str]]:
        """Support pickling, so that an error of a child process can be raised in its parent."""
        again = partial(
            type(self),
            path=self.path,
            offset=self.offset,
            expected=self.expected,
            actual=self.actual,
            hint=self.hint,
        )
        return again, (self.message,)

    def __str__(self) -> str:
        """Return one sentence with the place, the problem and the compared values."""
        where = str(self.path) if self.offset is None else f"{self.path}, offset {self.offset}"
        return f"{where}: {self.what}"

    @property
    def what(self) -> str:
        """The sentence without the place."""
        if self.expected is None and self.actual is None:
            return self.message
        return f"{self.message} (expected {_shown(self.expected)}, found {_shown(self.actual)})"


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


class NoLog(EventLogError):
    """There is no log in this directory."""

    hint = "Name the home that holds the journal, or start one by recording into it."


class Locked(EventLogError):
    """Another process is the writer of this log."""

    hint = "Stop the other process first; reading needs no lock."


class Displaced(Locked):
    """This process is no longer the writer: another claimed the log, or its files were replaced.

    Records that it acknowledged before are safe, because the new writer started with them. It has
    acknowledged none since.
    """

    hint = (
        "Nothing acknowledged is lost. A second session, a deleted LOCK, or a directory that was"
        " moved, restored or replaced: find out which, then start one session again."
    )


class Unwritable(EventLogError):
    """The log cannot be written to: no permission, a read-only filesystem, or one without locks."""

    hint = "Check who owns the journal, how its filesystem is mounted, and that it keeps locks."


class Incompatible(EventLogError):
    """The log has a version that this program does not know. Nothing was changed."""

    hint = "Use the version of the program that wrote this log, or a newer one."


class TornTail(EventLogError):
    """The last write was interrupted. No acknowledged record is affected."""

    hint = "Opening the log for writing repairs it and keeps a copy of what it cuts."


class Corrupt(EventLogError):
    """Acknowledged bytes are missing, damaged or in a wrong place."""

    hint = "Nothing was changed. Restore the file from a copy, then check the log again."


class OffsetOutOfRange(EventLogError):
    """The log does not hold these offsets. ``expected`` is the range that it holds."""

    hint = "Ask for offsets that the log holds."


class TooLarge(EventLogError):
    """One append exceeds what a frame may hold. Nothing was written; the log can still be used."""

    hint = "Append it in parts."


class Unprepared(EventLogError):
    """A prepared file is not of the next segment to seal, or has changed. The log is unchanged."""

    hint = "Prepare the closed segment again."


class WriteFailed(EventLogError):
    """A write, sync or rename failed. Records acknowledged before are safe.

    There is no retry, because the kernel may have dropped the pages and would report success for
    the next sync. This writer refuses everything from now on, and the next opening determines what
    is on the disk (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC
    2020).
    """

    hint = "Look at the disk (full? failing?), then start again: opening recovers the log."
