"""A state that moves as an engine's does, small and quick, for the tests of what keeps states."""

import random
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.parameters import Parameters
from engine.state import ARCHIVE_STRIDE, RINGS, Arrays
from eventlog.frame import LINK_BYTES

ROWS, ARCHIVED = 8, 3
"""Places of the ring of predictions, and of the archive."""


class _FewRows(Parameters):
    """Parameters of rings that are smaller than any that may be chosen."""


def _parameters() -> Parameters:
    parameters = _FewRows()
    object.__setattr__(parameters, "memory_rows", ROWS)
    object.__setattr__(parameters, "archive_rows", ARCHIVED)
    return parameters


class History:
    """A log as far as a checkpoint knows it: each record ends a frame."""

    def __init__(self, end: int, *, name: bytes = b"mine") -> None:
        self.end = end
        self._name = name

    def chain(self, offset: int) -> bytes:
        """Return the whole chain value after a record."""
        return blake2b(self._name + offset.to_bytes(8, "little"), digest_size=32).digest()

    def chain_after(self, offset: int) -> bytes | None:
        """Return its beginning, for a record that is there."""
        return self.chain(offset)[:LINK_BYTES] if 0 <= offset < self.end else None


class Walker:
    """Stands in for an engine: some arrays that change all over, and the rings."""

    parameters = _parameters()

    def __init__(self, *, seed: int = 1) -> None:
        self._draws = random.Random(seed)
        self.hour = 0
        self._state: Arrays = {
            "learner.steps": np.zeros((), np.int64),
            "learner.weights": np.zeros(5, np.float32),
            "features.seen": np.zeros((), np.bool_),
            "market.scalars": np.zeros(9, np.int64),
            "memory.archive": np.zeros((ARCHIVED, 3), np.float32),
            "memory.facts": np.zeros((ROWS, 2), np.int64),
            "memory.head": np.zeros((), np.int64),
            "memory.outcomes": np.zeros(ROWS, np.int32),
            "memory.ripe": np.zeros((), np.int64),
            "memory.samples": np.zeros((ROWS, 3), np.float32),
            "portfolio.ledger": np.array([[10**12, 10**12], [0, 0], [0, 0]], np.int64),
            "tally.counts": np.zeros(4, np.int64),
            "tally.sums": np.zeros(3, np.float64),
        }

    def self_check(self, state: Arrays) -> Arrays:
        """Return some samples and answers."""
        return {
            "features": np.ones((2, 3), np.float32),
            "outcomes": np.array([1, 3], np.int32),
            "logits": np.full((2, 2), state["learner.weights"][0], np.float32),
        }

    def walk(self, ticks: int) -> "Walker":
        """Move as so many ticks would; return itself."""
        draw, state = self._draws.randrange, self._state
        for _ in range(ticks):
            head, ripe = int(state["memory.head"]), int(state["memory.ripe"])
            ripens = draw(head - ripe + 1)
            for position in range(ripe, ripe + ripens):
                state["memory.outcomes"][position % ROWS] = draw(1, 4)
                state["tally.counts"] += [1, draw(2), draw(2), draw(2)]
                state["tally.sums"] += [draw(100) / 70, draw(100) / 70, draw(100) / 400]
                if position % ARCHIVE_STRIDE == 0:
                    place = position // ARCHIVE_STRIDE % ARCHIVED
                    state["memory.archive"][place] = state["memory.samples"][position % ROWS]
            state["memory.ripe"] += ripens
            if head - int(state["memory.ripe"]) < ROWS:
                place = head % ROWS
                state["memory.samples"][place] = [draw(100) / 7 for _ in range(3)]
                state["memory.facts"][place] = [draw(10**9), draw(10**9)]
                state["memory.outcomes"][place] = 0
                state["memory.head"] += 1
            state["learner.weights"] += np.float32(draw(-100, 100) / 3)
            state["learner.steps"] += 1
            state["features.seen"] = np.array(draw(2) == 1)
            state["market.scalars"][0] = self.hour * 3_600 * 10**9 + int(state["learner.steps"])
        return self

    def state(self) -> Arrays:
        """Return the whole state, as copies."""
        return {name: array.copy() for name, array in self._state.items()}

    def small_bytes(self) -> dict[str, bytes]:
        """Return the bytes of all arrays but the rings."""
        return {name: array.tobytes() for name, array in self._state.items() if name not in RINGS}

    def ring_rows(self, name: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return some rows of a ring."""
        rows: npt.NDArray[Any] = self._state[name][places]
        return rows
