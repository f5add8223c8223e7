"""Why a command failed: a class for each kind of cause.

    CommandError
    ├── UsageError            an argument is invalid, or cannot be met as it was given
    ├── ConfigurationError    the configuration, or a path that it names, has to be changed first
    ├── JournalCorrupt        bytes of a journal are damaged
    ├── JournalDiverged       recorded and re-derived effects differ
    ├── CannotVerify          another arithmetic recorded it, so differences prove nothing here
    ├── NoJournal             there is no such journal
    ├── JournalIncompatible   another version recorded the journal
    ├── ProgramUnsuitable     the installed packages are not what this program needs
    ├── NoSuchRecord          there is no record at this offset
    ├── LimitReached          the disk, the memory or another limit ended it cleanly
    ├── OutputFailed          an output could not be written
    │   └── ReaderGone        its reader closed it, which is no error
    ├── Interrupted           the user interrupted it
    ├── JournalStale          the newest record is older than allowed
    └── NotRecording          no session records the journal

Each carries one clear sentence; ``hint`` says what the user can do. The shell maps the classes to
exit codes.
"""


class CommandError(Exception):
    """The root. ``hint`` says what the user can do; it is empty if there is nothing."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CommandError):
    """An argument is invalid, or cannot be met as it was given."""


class ConfigurationError(CommandError):
    """The configuration, or a path that it names, has to be changed first."""


class JournalCorrupt(CommandError):
    """Bytes of a journal are damaged."""


class JournalDiverged(CommandError):
    """Recorded and re-derived effects differ, on the same arithmetic."""


class CannotVerify(CommandError):
    """Another arithmetic recorded it, so differences prove nothing here."""


class NoJournal(CommandError):
    """There is no such journal."""


class JournalIncompatible(CommandError):
    """Another version recorded the journal, whose engine decides by other code or parameters."""


class ProgramUnsuitable(CommandError):
    """The installed packages are not what this program needs."""


class NoSuchRecord(CommandError):
    """There is no record, or no decision, at this offset."""


class LimitReached(CommandError):
    """The disk, the memory or another limit ended it cleanly."""


class OutputFailed(CommandError):
    """An output could not be written."""


class ReaderGone(OutputFailed):
    """The reader closed the output: that is no error, and no message is printed."""


class Interrupted(CommandError):
    """The user interrupted it; the same command continues from there."""


class JournalStale(CommandError):
    """The newest record is older than allowed."""


class NotRecording(CommandError):
    """No session records the journal."""
