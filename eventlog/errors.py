"""Everything that the log refuses to do, and why.

::

    EventLogError
    ├── NoLog              there is no log in this directory
    ├── Locked             another process writes to it
    │   └── Displaced      this was its writer, and is not any more; nothing was acknowledged
    ├── Unwritable         this user, or this filesystem, does not allow to write to it
    ├── Incompatible       a newer version of the program wrote it
    ├── TornTail           its last write was interrupted before it was acknowledged: repairable
    ├── Corrupt            acknowledged bytes are not what they were: never repaired by itself
    ├── OffsetOutOfRange   it does not hold these records
    ├── TooLarge           more was appended at once than one frame may hold; nothing was written
    ├── Unprepared         a file that was prepared for sealing cannot be published; nothing was
    │                      changed
    └── WriteFailed        the device refused a write: this writer is dead, the log is as it was

Torn and corrupt are different classes because they ask for different things: the first loses
nothing that was promised and is repaired (with a copy) when the log is next opened for writing; the
second stops the writer until a person has looked.

This module imports nothing but paths, so that whoever only catches errors pays nothing for it.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path


class EventLogError(Exception):
    """What went wrong, where, and what to do about it.

    ``path`` is the file or directory, ``offset`` the record (or byte position, where the message
    says so), ``expected`` and ``actual`` what was compared, ``hint`` what a person can do.
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
        """Make the error again from its fields, so that a child process can raise it in ours."""
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
        """Return one sentence: where, what, and what was compared."""
        where = str(self.path) if self.offset is None else f"{self.path}, offset {self.offset}"
        return f"{where}: {self.what}"

    @property
    def what(self) -> str:
        """The sentence without the place: what, and what was compared."""
        if self.expected is None and self.actual is None:
            return self.message
        return f"{self.message} (expected {_shown(self.expected)}, found {_shown(self.actual)})"


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


class NoLog(EventLogError):
    """There is no log in this directory."""

    hint = "Name the home that holds the journal, or start one by recording into it."


class Locked(EventLogError):
    """Another process is the one writer of this log."""

    hint = "Stop the other process first; reading needs no lock."


class Displaced(Locked):
    """This writer is not the log's any more: another claimed it, or its files were replaced.

    What it acknowledged before is safe: the other one began with it. Since, nothing was.
    """

    hint = (
        "Nothing acknowledged is lost. A second session, a deleted LOCK, or a directory that was"
        " moved, restored or replaced: find out which, then start one session again."
    )


class Unwritable(EventLogError):
    """The log cannot be written to: no permission, a read-only filesystem, or one without locks."""

    hint = "Check who owns the journal, how its filesystem is mounted, and that it keeps locks."


class Incompatible(EventLogError):
    """The log says a version that this program does not know. Nothing was changed."""

    hint = "Use the version of the program that wrote this log, or a newer one."


class TornTail(EventLogError):
    """The last write was interrupted. No acknowledged record is affected."""

    hint = "Opening the log for writing repairs it and keeps a copy of what it cuts."


class Corrupt(EventLogError):
    """Bytes that were acknowledged are missing, damaged, or not where they belong."""

    hint = "Nothing was changed. Restore the file from a copy, then check the log again."


class OffsetOutOfRange(EventLogError):
    """The log does not hold these offsets. ``expected`` is the range that it holds."""

    hint = "Ask for offsets that the log holds."


class TooLarge(EventLogError):
    """One append exceeds what a frame may hold. Nothing was written and the log goes on."""

    hint = "Append it in parts."


class Unprepared(EventLogError):
    """A prepared file is not what is sealed next, or not what it was. The log goes on as it was."""

    hint = "Prepare the closed segment again."


class WriteFailed(EventLogError):
    """A write, sync or rename failed. What was acknowledged before is safe; nothing follows.

    The kernel may have dropped the pages and will report success to whoever asks again, so there is
    no retry: this writer refuses everything from now on, and the next opening finds out what is on
    the disk (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
    """

    hint = "Look at the disk (full? failing?), then start again: opening recovers the log."
