"""The engine's whole state: a flat mapping from names to arrays of fixed shape and type.

Names have two parts, ``part.name``. Most arrays are small and change all over at every tick; the
`RINGS` are large, and a tick changes a row or two of them. No TensorFlow here, so that reading a
checkpoint does not need it.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

RINGS = ("memory.samples", "memory.facts", "memory.outcomes", "memory.archive")
"""The arrays whose rows are the places of `engine.learner.memory`'s rings."""

ARCHIVE_STRIDE = 16
"""Of how many labelled samples one goes to the archive."""


def digest(state: Arrays) -> str:
    """Return the identity of a state: 32 hexadecimal digits over names, types, shapes and bytes.

    Two states that agree in it agree in every bit.
    """
    hasher = blake2b(digest_size=16)
    for name in sorted(state):
        array = state[name]
        hasher.update(f"{name} {array.dtype.str} {array.shape};".encode())
        hasher.update(np.ascontiguousarray(array).tobytes())
    return hasher.hexdigest()


def cursors(state: Arrays) -> tuple[int, int]:
    """Return how far the ring is written and labelled: its (head, ripe) positions."""
    return int(state["memory.head"]), int(state["memory.ripe"])


def cursors_in(cells: Mapping[str, bytes]) -> tuple[int, int]:
    """Return the same of a state whose arrays are there as their bytes."""
    head, ripe = (
        int.from_bytes(cells[name], "little", signed=True)
        for name in ("memory.head", "memory.ripe")
    )
    return head, ripe


def touched(
    before: tuple[int, int], after: tuple[int, int], rows: tuple[int, int]
) -> dict[str, npt.NDArray[np.int64]]:
    """Return which places of each ring may have changed between two moments' `cursors`.

    Predictions are written at the head; the outcome of one is written again when it ripens, and of
    every `ARCHIVE_STRIDE` the sample goes to the archive then. ``rows`` are the places in the ring
    of predictions and in the archive.

    >>> touched((6, 2), (9, 4), (8, 4))["memory.outcomes"].tolist()
    [0, 2, 3, 6, 7]
    """
    written = _places(before[0], after[0], rows[0])
    labelled = _places(before[1], after[1], rows[0])
    return {
        "memory.samples": written,
        "memory.facts": written,
        "memory.outcomes": np.unique(np.concatenate([written, labelled])),
        "memory.archive": _places(
            -(-before[1] // ARCHIVE_STRIDE), -(-after[1] // ARCHIVE_STRIDE), rows[1]
        ),
    }


def _places(first: int, end: int, rows: int) -> npt.NDArray[np.int64]:
    return np.arange(max(first, end - rows), end, dtype=np.int64) % rows
