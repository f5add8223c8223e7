"""What one chunk changed in the state: the XOR of the small arrays' bits, and the rings' new rows.

Pure. The small arrays are what has to be remembered of the state before; the change since then is a
few kilobytes once compressed, and adding it to the state before gives the state after, bit for bit.
"""

import struct
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.state import RINGS, Arrays, cursors, touched

_CURSORS = struct.Struct("<qqqq")  # head and ripe before, head and ripe after


class Stateful(Protocol):
    """An engine, as far as a change of its state goes."""

    def small_state(self) -> Arrays:
        """Return all arrays but the rings; not to be written to."""

    def ring_rows(self, name: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return some rows of one of the rings."""


def encode(before: Arrays, engine: Stateful, *, rows: int) -> tuple[bytes, Arrays]:
    """Return the change since the small arrays ``before``, uncompressed, and those of now.

    ``rows`` is the number of places in the ring.
    """
    now = engine.small_state()
    places = touched(cursors(before), cursors(now), rows)
    parts = [_CURSORS.pack(*cursors(before), *cursors(now))]
    parts += [_xor(before[name], now[name]).tobytes() for name in sorted(now)]
    parts += [engine.ring_rows(name, places[name]).tobytes() for name in RINGS if len(places[name])]
    return b"".join(parts), now


def apply(state: Arrays, change: bytes) -> Arrays:
    """Return the state after a change. The state before is not changed.

    Raises:
        ValueError: if the change is not one of this state.
    """
    moments = _CURSORS.unpack_from(change)
    if cursors(state) != moments[:2]:
        raise ValueError(f"the change begins at {moments[:2]}, the state is at {cursors(state)}")
    after: Arrays = {}
    position = _CURSORS.size
    for name in sorted(set(state) - set(RINGS)):
        array = state[name]
        bits = np.frombuffer(change, np.uint8, array.nbytes, position)
        position += array.nbytes
        after[name] = (bits ^ _bytes(array)).view(array.dtype).reshape(array.shape)
    places = touched(moments[:2], moments[2:], len(state["memory.outcomes"]))
    for name in RINGS:
        ring, changed = state[name].copy(), places[name]
        shape = (len(changed), *ring.shape[1:])
        rows = np.frombuffer(change, ring.dtype, int(np.prod(shape)), position)
        position += rows.nbytes
        ring[changed] = rows.reshape(shape)
        after[name] = ring
    if position != len(change):
        raise ValueError(f"the change has {len(change)} bytes, expected {position}")
    return after


def _xor(before: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.bitwise_xor(_bytes(before), _bytes(now))


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)
