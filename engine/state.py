"""The engine's whole state: a flat mapping from names to arrays of fixed shape and type.

Names have two parts, ``part.name``. Most arrays are small and may change throughout at every tick;
the `RINGS` are large, and a tick changes one or two rows of them. This module does not import
TensorFlow, so that a checkpoint can be read without it.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

RINGS = ("memory.samples", "memory.facts", "memory.outcomes", "memory.archive")
"""The arrays whose rows are the places of the rings in `engine.learner.memory`."""

ARCHIVE_STRIDE = 16
"""One in so many labelled samples goes to the archive."""


def digest(state: Arrays) -> str:
    """Return the digest of a state's names, types, shapes and bytes, 32 hexadecimal digits.

    States of equal digests agree in every bit.
    """
    hasher = blake2b(digest_size=16)
    for name in sorted(state):
        array = state[name]
        hasher.update(f"{name} {array.dtype.str} {array.shape};".encode())
        hasher.update(np.ascontiguousarray(array).tobytes())
    return hasher.hexdigest()


def cursors(state: Arrays) -> tuple[int, int]:
    """Return (head, ripe): the next position to write, and the oldest without a label."""
    return int(state["memory.head"]), int(state["memory.ripe"])


def cursors_in(cells: Mapping[str, bytes]) -> tuple[int, int]:
    """Return `cursors` of a state that is given as the bytes of its arrays."""
    head, ripe = (
        int.from_bytes(cells[name], "little", signed=True)
        for name in ("memory.head", "memory.ripe")
    )
    return head, ripe


def touched(
    before: tuple[int, int], after: tuple[int, int], rows: tuple[int, int]
) -> dict[str, npt.NDArray[np.int64]]:
    """Return the places of each ring that may have changed between two `cursors`, int64[n] each.

    Predictions are written at the head. When a label is resolved, its outcome is written, and one
    in `ARCHIVE_STRIDE` samples goes to the archive. ``rows`` are the sizes of the ring of
    predictions and of the archive.

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
