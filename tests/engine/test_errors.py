"""The engine's errors: one root, facts as fields, one sentence each."""

from pathlib import Path

import pytest

from engine.errors import (
    CheckpointDamaged,
    EngineError,
    ForeignCheckpoint,
    ParameterError,
    StateMismatch,
)

PATH = Path("checkpoints/7.snapshot")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ParameterError("seed", "-1 is outside 0 … 9"), "seed: -1 is outside 0 … 9"),
        (StateMismatch("the state has no seed"), "the state has no seed"),
        (CheckpointDamaged(PATH, 64, "it is cut short"), f"{PATH}: at byte 64: it is cut short"),
        (
            ForeignCheckpoint(PATH, 7),
            f"{PATH}: belongs to another history than this log at offset 7",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_one_sentence(error: EngineError, sentence: str) -> None:
    """It names what it is about; the root catches it."""
    assert str(error) == sentence
    assert isinstance(error, EngineError)


def test_facts_are_fields() -> None:
    """A command says them its own way."""
    damaged, foreign = CheckpointDamaged(PATH, 64, "torn"), ForeignCheckpoint(PATH, 7)
    parameter = ParameterError("seed", "is odd", hint="Choose another.")

    assert (damaged.path, damaged.position, damaged.problem) == (PATH, 64, "torn")
    assert (foreign.path, foreign.offset) == (PATH, 7)
    assert (parameter.name, parameter.problem, parameter.hint) == (
        "seed",
        "is odd",
        "Choose another.",
    )
    assert damaged.hint
    assert foreign.hint
