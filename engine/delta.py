"""The change of the state by one chunk: the XOR of the small arrays' bits, and the rings' new rows.

Pure. To encode a change, only the small arrays of the earlier state must be kept. Most ticks leave
most of them unchanged, above all the order book, so a mask names the arrays that changed and only
those are stored. A change takes a few kilobytes once compressed; added to the earlier state it
gives the later one bit for bit.
"""

import struct
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.state import RINGS, Arrays, cursors, cursors_in, touched
from eventlog.invariants import hold

_HEAD = struct.Struct("<qqqq16s")
"""Head and ripe before, head and ripe after, and a mask of the small arrays that changed."""

_MASK_BITS = 128


class Stateful(Protocol):
    """What encoding a change needs of an engine."""

    def small_bytes(self) -> dict[str, bytes]:
        """Return the bytes of all arrays but the rings."""

    def ring_rows(self, name: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of a ring at these places."""


class Small(NamedTuple):
    """What must be kept of a state to encode a later change."""

    cursors: tuple[int, int]
    cells: tuple[bytes, ...]
    """The bytes of each array but the rings, in the order of their names."""


def small(engine: Stateful) -> Small:
    """Return what must be kept of an engine's present state."""
    cells = engine.small_bytes()
    return Small(cursors_in(cells), tuple(cells[name] for name in sorted(cells)))


def encode(before: Small, engine: Stateful, *, rows: tuple[int, int]) -> tuple[bytes, Small]:
    """Return the change since ``before``, uncompressed, and what to keep of the present state.

    ``rows`` are the sizes of the ring of predictions and of the archive.
    """
    now = small(engine)
    hold("I10", len(now.cells) <= _MASK_BITS, "a bit for each array", arrays=len(now.cells))
    pairs = list(zip(before.cells, now.cells, strict=True))
    # Arrays are short, and one that changes does so in most bytes: compared and combined whole.
    changed = [bit for bit, (old, new) in enumerate(pairs) if old != new]
    old, new = (b"".join(cells[bit] for bit in changed) for cells in (before.cells, now.cells))
    bits = np.frombuffer(old, np.uint8) ^ np.frombuffer(new, np.uint8)
    mask = sum(1 << bit for bit in changed)
    places = touched(before.cursors, now.cursors, rows)
    parts = [_HEAD.pack(*before.cursors, *now.cursors, mask.to_bytes(16, "little")), bits.tobytes()]
    parts += [engine.ring_rows(name, places[name]).tobytes() for name in RINGS if len(places[name])]
    return b"".join(parts), now


def copied(state: Arrays) -> Arrays:
    """Return a copy of a state whose arrays are writable and not shared, for `add`."""
    # Not array.copy(): for a scalar, TensorFlow returns a numpy scalar, whose copy is no array.
    return {name: np.array(array) for name, array in state.items()}


def add(state: Arrays, change: bytes) -> None:
    """Apply a change in place to a state whose arrays are not shared.

    Raises:
        ValueError: if the change does not start at this state, which is then left as it is.
    """
    if len(change) < _HEAD.size:
        raise ValueError(f"the change has {len(change)} bytes, less than a head")
    *moments, which = _HEAD.unpack_from(change)
    start, end = (moments[0], moments[1]), (moments[2], moments[3])
    if cursors(state) != start:
        raise ValueError(f"the change begins at {start}, the state is at {cursors(state)}")
    mask = int.from_bytes(which, "little")
    small = [name for bit, name in enumerate(sorted(set(state) - set(RINGS))) if mask >> bit & 1]
    places = touched(start, end, _sizes(state))
    sizes = [state[name].nbytes for name in small]
    sizes += [state[name][:1].nbytes * len(places[name]) for name in RINGS]
    if _HEAD.size + sum(sizes) != len(change):
        raise ValueError(f"the change has {len(change)} bytes, not {_HEAD.size + sum(sizes)}")
    position = _HEAD.size
    for name, size in zip((*small, *RINGS), sizes, strict=True):
        part = np.frombuffer(change, np.uint8, size, position)
        position += size
        array = state[name]
        if name in RINGS:
            array[places[name]] = part.view(array.dtype).reshape(-1, *array.shape[1:])
        else:
            _bytes(array)[:] ^= part


def _sizes(state: Arrays) -> tuple[int, int]:
    return len(state["memory.outcomes"]), len(state["memory.archive"])


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)
