"""Why a command cannot do what it was asked: a class for each kind of cause.

    CommandError
    ├── UsageError            what was asked for is not possible as it was asked
    ├── ConfigurationError    the configuration, or the place that it names, does not allow it
    ├── JournalCorrupt        a journal's bytes are not what they were
    ├── JournalDiverged       what is recorded and what is computed again differ
    ├── CannotVerify          nothing can be claimed here: another arithmetic
    ├── NoJournal             there is no such journal
    ├── JournalIncompatible   another version recorded the journal
    ├── ProgramUnsuitable     what is installed here is not what this program needs
    ├── NoSuchRecord          there is no record at this place
    ├── LimitReached          the disk, the memory or another limit ended it cleanly
    ├── OutputFailed          what is written for others could not be
    │   └── ReaderGone        its reader closed it, which is no error
    ├── Interrupted           a person ended it
    ├── JournalStale          the newest record is older than was asked for
    └── NotRecording          no session records the journal

Each carries one clear sentence; ``hint`` says what a person can do. Which exit code a class has is
the shell's business.
"""


class CommandError(Exception):
    """The root. ``hint`` says what a person can do, where there is something."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CommandError):
    """What was asked for is not possible as it was asked."""


class ConfigurationError(CommandError):
    """The configuration, or the place that it names, does not allow it."""


class JournalCorrupt(CommandError):
    """A journal's bytes are not what they were."""


class JournalDiverged(CommandError):
    """What is recorded and what is computed again differ, on the same arithmetic."""


class CannotVerify(CommandError):
    """Nothing can be claimed here: the arithmetic is not the recorded one."""


class NoJournal(CommandError):
    """There is no such journal."""


class JournalIncompatible(CommandError):
    """Another version recorded the journal, whose engine decides by other code or parameters."""


class ProgramUnsuitable(CommandError):
    """What is installed here is not what this program needs."""


class NoSuchRecord(CommandError):
    """There is no record, or no decision, at this place."""


class LimitReached(CommandError):
    """The disk, the memory or another limit ended it cleanly."""


class OutputFailed(CommandError):
    """What is written for others could not be."""


class ReaderGone(OutputFailed):
    """Nobody reads it any more: that is no error, and nothing is said of it."""


class Interrupted(CommandError):
    """A person ended it, and it can go on from there."""


class JournalStale(CommandError):
    """The newest record is older than was asked for."""


class NotRecording(CommandError):
    """Nobody records the journal."""
