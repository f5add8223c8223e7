"""What one chunk changed in the state: the XOR of small arrays' bits, and the rings' new rows.

Pure. The small arrays are what has to be remembered of the state before. Most ticks leave most of
them as they are, the book above all: a mask says which have changed, and only those are there. What
is left is a few kilobytes once compressed, and adding it to the state before gives the state after,
bit for bit.
"""

import struct
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.state import RINGS, Arrays, cursors, touched

_HEAD = struct.Struct("<qqqq16s")
"""Head and ripe before, head and ripe after, and which of the small arrays have changed."""

_MASK_BITS = 128


class Stateful(Protocol):
    """An engine, as far as a change of its state goes."""

    def small_state(self) -> Arrays:
        """Return all arrays but the rings; not to be written to."""

    def ring_rows(self, name: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return some rows of one of the rings."""


def encode(before: Arrays, engine: Stateful, *, rows: tuple[int, int]) -> tuple[bytes, Arrays]:
    """Return the change since the small arrays ``before``, uncompressed, and those of now.

    ``rows`` are the places in the ring of predictions and in the archive.
    """
    now = engine.small_state()
    places = touched(cursors(before), cursors(now), rows)
    names = sorted(now)
    assert len(names) <= _MASK_BITS, "I10"
    changes = {name: _xor(before[name], now[name]) for name in names}
    mask = sum(1 << bit for bit, name in enumerate(names) if changes[name])
    parts = [_HEAD.pack(*cursors(before), *cursors(now), mask.to_bytes(16, "little"))]
    parts += changes.values()
    parts += [engine.ring_rows(name, places[name]).tobytes() for name in RINGS if len(places[name])]
    return b"".join(parts), now


def apply(state: Arrays, change: bytes) -> Arrays:
    """Return the state after a change. The state before is not changed.

    Raises:
        ValueError: if the change is not one of this state.
    """
    after = copied(state)
    add(after, change)
    return after


def copied(state: Arrays) -> Arrays:
    """Return a state whose arrays are nobody else's, and can be written to, for `add`."""
    # Not by their own copy: what TensorFlow gives for an array without axes is none.
    return {name: np.array(array) for name, array in state.items()}


def add(state: Arrays, change: bytes) -> None:
    """Change a state, whose arrays are nobody else's, into the state after a change.

    Raises:
        ValueError: if the change is not one of this state, which then stays as it is.
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


def _xor(before: npt.NDArray[Any], now: npt.NDArray[Any]) -> bytes:
    """Return the bits that differ; nothing if none does."""
    if before is now:
        return b""
    bits = np.bitwise_xor(_bytes(before), _bytes(now)).tobytes()
    # For the small arrays that they are, faster than asking NumPy.
    return bits if bits.strip(b"\0") else b""


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)
