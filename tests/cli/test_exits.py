"""Which error is which exit code."""

from pathlib import Path

import pytest

from cli.exits import CommandError, Exit, code_of, report
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

HERE = Path("log")


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
        (OSError(28, "No space left on device"), 21),
        (CommandError(Exit.DIVERGED, "differs"), 6),
    ],
)
def test_the_code_of_an_error(error: Exception, code: int) -> None:
    """Each expected error has the code that the design documents."""
    assert code_of(error) == code


def test_a_report_is_the_sentence_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """stderr says what is the matter, then what a person can do; stdout stays empty."""
    code = report(CommandError(Exit.USAGE, "no such thing", hint="Say another."), as_json=False)

    said = capsys.readouterr()
    assert code is Exit.USAGE
    assert said.err == "trader: no such thing\n  Say another.\n"
    assert said.out == ""
