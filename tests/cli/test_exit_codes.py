"""Which error is which exit code."""

import errno
from pathlib import Path

import pytest

from cli.exit_codes import MEANINGS, Exit, code_of, report
from engine.errors import CheckpointDamaged, ForeignCheckpoint, ParameterError, StateMismatch
from eventlog.errors import (
    Corrupt,
    Incompatible,
    Locked,
    NoLog,
    OffsetOutOfRange,
    TornTail,
    WriteFailed,
)
from feeds.errors import ExchangeUnreachable
from journal.errors import JournalDiverged, ReaderGone, UsageError
from tests.support.commands import trader

HERE = Path("log")


def refused(number: int) -> WriteFailed:
    """Return what the log makes of a refusal of the system."""
    failed = WriteFailed("the device refused", path=HERE)
    failed.__cause__ = OSError(number, "refused")
    return failed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoLog("none", path=HERE), 10),
        (Locked("busy", path=HERE), 11),
        (Incompatible("newer", path=HERE), 12),
        (OffsetOutOfRange("beyond", path=HERE), 13),
        (TornTail("torn", path=HERE), 4),
        (Corrupt("damaged", path=HERE), 5),
        (WriteFailed("refused", path=HERE), 21),
        (ParameterError("fee_ppm", "no"), 3),
        (CheckpointDamaged(HERE, 0, "cut"), 5),
        (ForeignCheckpoint(HERE, 0), 5),
        (StateMismatch("other"), 12),
        (ExchangeUnreachable(url="ws://x", timeout_s=1, why="refused"), 20),
        (OSError(errno.ENOSPC, "No space left on device"), 21),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 21),
        (OSError(errno.EIO, "Input/output error"), 21),
        (OSError(errno.EMFILE, "Too many open files"), 21),
        (PermissionError(errno.EACCES, "Permission denied", "log"), 3),
        (OSError(errno.EROFS, "Read-only file system"), 3),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "home"), 3),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "home"), 3),
        (OSError(errno.EADDRINUSE, "Address already in use", "127.0.0.1:9464"), 3),
        (ConnectionResetError(errno.ECONNRESET, "reset"), 20),
        (TimeoutError("timed out"), 20),
        (OSError("nobody says why"), 1),
        (refused(errno.EACCES), 3),
        (refused(errno.EROFS), 21),
        (refused(errno.ENOSPC), 21),
        (JournalDiverged("differs"), 6),
    ],
)
def test_the_code_of_an_error(error: Exception, code: int) -> None:
    """Each expected error has the code that the design documents."""
    assert code_of(error) == code


def test_a_report_is_the_sentence_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """stderr says what is the matter, then what a person can do; stdout stays empty."""
    code = report(UsageError("no such thing", hint="Say another."), as_json=False)

    said = capsys.readouterr()
    assert code is Exit.USAGE
    assert said.err == "trader: no such thing\n  Say another.\n"
    assert said.out == ""


def test_what_the_system_refused_is_said_with_what_it_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The file or the address, and no number of an error."""
    error = OSError(errno.EADDRINUSE, "Address already in use", "127.0.0.1:9464")

    assert report(error, as_json=False) is Exit.CONFIGURATION
    assert capsys.readouterr().err == "trader: 127.0.0.1:9464: Address already in use\n"


def test_who_has_had_enough_is_told_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """As when `head` has its lines."""
    assert report(ReaderGone(""), as_json=True) is Exit.PIPE
    assert capsys.readouterr().err == ""


def test_every_code_is_documented_once_and_the_same() -> None:
    """The end of --help says what the code says of itself; so does the page made of it."""
    shown = " ".join(trader("--help").out.split())

    assert set(MEANINGS) == set(Exit)
    assert all(f"{code:d} {meaning}" in shown for code, meaning in MEANINGS.items())
