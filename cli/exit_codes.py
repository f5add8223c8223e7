"""Errors → exit codes and one clear sentence. The only place that knows both.

Data goes to stdout, messages to stderr. With ``--json`` the sentence is an object too.
"""

import errno
from enum import IntEnum

import typer

from cli.answer import answer
from engine.errors import (
    CheckpointDamaged,
    EngineError,
    ForeignCheckpoint,
    NoExecutor,
    ParameterError,
    StateMismatch,
)
from eventlog.errors import (
    Corrupt,
    EventLogError,
    Incompatible,
    Locked,
    NoLog,
    OffsetOutOfRange,
    TornTail,
    Unwritable,
    WriteFailed,
)
from eventlog.printable import printable
from feeds.errors import (
    ExchangeUnreachable,
    FaultUnknown,
    FeedError,
    RecordingUnreadable,
    RestRefused,
    RestUnavailable,
    SubscriptionRejected,
    TableUnreadable,
    TrustInvalid,
    UnknownMarket,
    VenueUnknown,
)
from journal.errors import (
    CannotVerify,
    CommandError,
    ConfigurationError,
    Interrupted,
    JournalCorrupt,
    JournalDiverged,
    JournalIncompatible,
    JournalStale,
    LimitReached,
    NoJournal,
    NoSuchRecord,
    NotRecording,
    OutputFailed,
    ProgramUnsuitable,
    ReaderGone,
    UsageError,
)
from journal.summaries import ExitError, Verdict


class Exit(IntEnum):
    """The exit codes of a process. Codes that are not here are failures, too."""

    OK = 0
    BUG = 1
    USAGE = 2
    CONFIGURATION = 3
    REPAIRABLE = 4
    CORRUPT = 5
    DIVERGED = 6
    CANNOT_VERIFY = 7
    NO_JOURNAL = 10
    LOCKED = 11
    INCOMPATIBLE = 12
    OUT_OF_RANGE = 13
    STALE = 14
    NOT_RECORDING = 15
    UNREACHABLE = 20
    HALT = 21
    OUTPUT = 22
    INTERRUPTED = 130
    PIPE = 141


MEANINGS = {
    Exit.OK: "done; also a session that was stopped on purpose",
    Exit.BUG: "a bug, with its traceback",
    Exit.USAGE: "the command was called as it is not meant to be",
    Exit.CONFIGURATION: "settings, permissions, names or ports have to be set right first",
    Exit.REPAIRABLE: "the end of a journal can be repaired",
    Exit.CORRUPT: "a journal is corrupt",
    Exit.DIVERGED: "what is derived is not what was recorded",
    Exit.CANNOT_VERIFY: "it cannot be verified here: another arithmetic",
    Exit.NO_JOURNAL: "there is no such journal",
    Exit.LOCKED: "another process records this journal",
    Exit.INCOMPATIBLE: "another version recorded it: other format, or other code that decides",
    Exit.OUT_OF_RANGE: "the journal has no such offset",
    Exit.STALE: "status --max-age: the newest record is older",
    Exit.NOT_RECORDING: "status --max-age: no session records the journal",
    Exit.UNREACHABLE: "the exchange could not be reached at the start, or for its history",
    Exit.HALT: "a halt by the disk or by a limit; nothing acknowledged is lost",
    Exit.OUTPUT: "stdout could not be written to",
    Exit.INTERRUPTED: "interrupted by Ctrl-C",
    Exit.PIPE: "stdout was closed by its reader, as when piped to head",
}
"""What each code means: shown by ``--help`` and on the page of exit codes."""


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (UsageError, Exit.USAGE),
    (ConfigurationError, Exit.CONFIGURATION),
    (JournalCorrupt, Exit.CORRUPT),
    (JournalDiverged, Exit.DIVERGED),
    (CannotVerify, Exit.CANNOT_VERIFY),
    (NoJournal, Exit.NO_JOURNAL),
    (JournalIncompatible, Exit.INCOMPATIBLE),
    (ProgramUnsuitable, Exit.INCOMPATIBLE),
    (NoSuchRecord, Exit.OUT_OF_RANGE),
    (LimitReached, Exit.HALT),
    (ReaderGone, Exit.PIPE),
    (OutputFailed, Exit.OUTPUT),
    (Interrupted, Exit.INTERRUPTED),
    (JournalStale, Exit.STALE),
    (NotRecording, Exit.NOT_RECORDING),
    (NoLog, Exit.NO_JOURNAL),
    (Locked, Exit.LOCKED),
    (Incompatible, Exit.INCOMPATIBLE),
    (Unwritable, Exit.CONFIGURATION),
    (OffsetOutOfRange, Exit.OUT_OF_RANGE),
    (TornTail, Exit.REPAIRABLE),
    (Corrupt, Exit.CORRUPT),
    (EventLogError, Exit.BUG),
    (ParameterError, Exit.CONFIGURATION),
    (CheckpointDamaged, Exit.CORRUPT),
    (ForeignCheckpoint, Exit.CORRUPT),
    (StateMismatch, Exit.INCOMPATIBLE),
    (NoExecutor, Exit.CONFIGURATION),
    (EngineError, Exit.BUG),
    (TrustInvalid, Exit.CONFIGURATION),
    (ExchangeUnreachable, Exit.UNREACHABLE),
    (UnknownMarket, Exit.CONFIGURATION),
    (VenueUnknown, Exit.USAGE),
    (SubscriptionRejected, Exit.UNREACHABLE),
    (RestUnavailable, Exit.UNREACHABLE),
    (RestRefused, Exit.UNREACHABLE),
    (TableUnreadable, Exit.USAGE),
    (RecordingUnreadable, Exit.USAGE),
    (FaultUnknown, Exit.USAGE),
    (FeedError, Exit.BUG),
)

_VERDICTS = {
    Verdict.CLEAN: Exit.OK,
    Verdict.REPAIRABLE: Exit.REPAIRABLE,
    Verdict.CORRUPT: Exit.CORRUPT,
    Verdict.DIVERGED: Exit.DIVERGED,
    Verdict.CANNOT_VERIFY: Exit.CANNOT_VERIFY,
    Verdict.OTHER_VERSION: Exit.INCOMPATIBLE,
}

_MESSAGE_CHARACTERS = 2_000

_DEVICE = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.ENOMEM, errno.EMFILE),
        *(errno.ENFILE, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.EROFS),
    }
)
"""The errors that a full disk or a limit raises for a writer."""

_SETUP = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP),
        *(errno.ENAMETOOLONG, errno.ENOTEMPTY, errno.EADDRINUSE, errno.EADDRNOTAVAIL),
    }
)
"""Errors that only a person can put right, such as those of permissions, names and ports."""

EXPECTED = (CommandError, EventLogError, EngineError, FeedError, OSError)
"""The errors that are answers. Anything else is a bug and keeps its traceback."""


def end_with(verdict: Verdict) -> None:
    """End a command, whose result is written, with the code of its verdict; return if it is clean.

    Raises:
        Exit: of typer, with the code.
    """
    if code := _VERDICTS[verdict]:
        raise typer.Exit(code)


def code_of(error: Exception) -> Exit:
    """Return the exit code of an expected error; the first class that fits decides."""
    if isinstance(error, WriteFailed):
        cause = error.__cause__
        is_setup = isinstance(cause, OSError) and cause.errno in _SETUP
        return Exit.CONFIGURATION if is_setup else Exit.HALT
    if isinstance(error, OSError):
        return _code_of_system(error)
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.BUG)


def _code_of_system(error: OSError) -> Exit:
    """Return the code of an error of the operating system, by its cause."""
    if isinstance(error, ConnectionError | TimeoutError):
        return Exit.UNREACHABLE
    if error.errno in _DEVICE - {errno.EROFS}:
        return Exit.HALT
    return Exit.BUG if error.errno is None else Exit.CONFIGURATION


def sentence_of(error: Exception) -> str:
    """Return an error as a sentence, with the file that it is about."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error) or type(error).__name__
    about = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return ": ".join([*about, error.strerror])


def report(error: Exception, *, as_json: bool) -> Exit:
    """Write an error and its hint to stderr; return the code to exit with."""
    code = code_of(error)
    if code is Exit.PIPE:
        return code  # nobody reads any more, which is no error
    hint = getattr(error, "hint", "")
    sentence = sentence_of(error)
    said = ExitError(code=int(code), kind=code.name.lower(), message=sentence, hint=hint)
    lines = [f"trader: {printable(sentence, _MESSAGE_CHARACTERS)}"]
    lines += [f"  {printable(hint, _MESSAGE_CHARACTERS)}"] if hint else []
    answer(said, lines, as_json=as_json, err=True)
    return code
