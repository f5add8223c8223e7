"""Errors of the engine: parameters, states and checkpoints that it cannot use.

    EngineError
    ├── ParameterError        a parameter that is unknown, of a wrong type or out of its range
    ├── StateMismatch         a state whose arrays are not those of this engine
    ├── CheckpointDamaged     a checkpoint file whose contents fail a check
    ├── ForeignCheckpoint     a checkpoint that belongs to another history
    ├── ArtefactRefused       machine code of the step that is not taken, and why
    └── NoExecutor            nothing here can run the step

Each has its facts as attributes; ``hint`` says what a person can do.
"""

from pathlib import Path


class EngineError(Exception):
    """The root of this package's errors."""

    hint: str = ""


class ParameterError(EngineError):
    """A parameter that is unknown, of a wrong type or out of its range."""

    def __init__(self, name: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem
        self.hint = hint


class StateMismatch(EngineError):
    """A state whose arrays are not those of this engine: other names, shapes or types."""

    hint = "It was kept by another version of the engine; trader status, log and report read it."


class CheckpointDamaged(EngineError):
    """A checkpoint file whose contents fail a check."""

    hint = "An older checkpoint is used if there is one; trader verify shows all of them."

    def __init__(self, path: Path, position: int, problem: str) -> None:
        super().__init__(f"{path}: at byte {position}: {problem}")
        self.path = path
        self.position = position
        self.problem = problem


class ForeignCheckpoint(EngineError):
    """A checkpoint whose chain value differs from the log's at its offset: another history."""

    hint = "Do not mix the checkpoints and the log of different journals."

    def __init__(self, path: Path, offset: int) -> None:
        super().__init__(f"{path}: belongs to another history than this log at offset {offset}")
        self.path = path
        self.offset = offset


class ArtefactRefused(EngineError):
    """Machine code of the step that is not taken: it fails a check, or has something unknown."""


class NoExecutor(EngineError):
    """Nothing here can run the step as it was asked for."""

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint
