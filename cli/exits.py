"""Errors → exit codes and one clear sentence. The only place that knows both.

Data goes to stdout, messages to stderr. With ``--json`` the sentence is an object too.
"""

from enum import IntEnum

from cli import console
from engine.errors import (
    CheckpointDamaged,
    EngineError,
    ForeignCheckpoint,
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
    WriteFailed,
)
from eventlog.printable import printable, to_json
from feeds.errors import (
    ExchangeUnreachable,
    FeedError,
    SubscriptionRejected,
    TableUnreadable,
    TrustInvalid,
    UnknownMarket,
)


class Exit(IntEnum):
    """What a process says with its exit code. Codes that are not here are failures, too."""

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
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot do what it was asked: a sentence, a hint and a code."""

    def __init__(self, code: Exit, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (NoLog, Exit.NO_JOURNAL),
    (Locked, Exit.LOCKED),
    (Incompatible, Exit.INCOMPATIBLE),
    (OffsetOutOfRange, Exit.OUT_OF_RANGE),
    (TornTail, Exit.REPAIRABLE),
    (Corrupt, Exit.CORRUPT),
    (WriteFailed, Exit.HALT),
    (EventLogError, Exit.BUG),
    (ParameterError, Exit.CONFIGURATION),
    (CheckpointDamaged, Exit.CORRUPT),
    (ForeignCheckpoint, Exit.CORRUPT),
    (StateMismatch, Exit.INCOMPATIBLE),
    (EngineError, Exit.BUG),
    (TrustInvalid, Exit.CONFIGURATION),
    (ExchangeUnreachable, Exit.UNREACHABLE),
    (UnknownMarket, Exit.CONFIGURATION),
    (SubscriptionRejected, Exit.UNREACHABLE),
    (TableUnreadable, Exit.USAGE),
    (FeedError, Exit.BUG),
    (OSError, Exit.HALT),
)

_MESSAGE_CHARACTERS = 2_000

EXPECTED = (CommandError, EventLogError, EngineError, FeedError, OSError)
"""The errors that are answers. Anything else is a bug and keeps its traceback."""


def code_of(error: Exception) -> Exit:
    """Return the exit code of an expected error; the first class that fits decides."""
    if isinstance(error, CommandError):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.BUG)


def report(error: Exception, *, as_json: bool) -> Exit:
    """Say on stderr what is the matter and what to do; return the code to exit with."""
    code = code_of(error)
    hint = getattr(error, "hint", "")
    if as_json:
        line = {"message_type": "exit_error", "code": int(code), "kind": code.name.lower()}
        console.echo(to_json({**line, "message": str(error), "hint": hint}), err=True)
    else:
        said = [f"trader: {printable(str(error), _MESSAGE_CHARACTERS)}"]
        said += [printable(hint, _MESSAGE_CHARACTERS)] if hint else []
        console.echo("\n  ".join(said), err=True)
    return code
