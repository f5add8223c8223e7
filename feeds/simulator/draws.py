"""Random draws keyed by (seed, stream, step), independent of earlier draws.

The bits come from Philox, a counter-based generator. Only its raw output is used, which is stable
between versions of NumPy; the rest is arithmetic on Python floats.
"""

import math
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

_BLOCK_STEPS = 256
_UNIT = 2.0**-53


class Draws:
    """An endless table: for every step a row of ``width`` uniform draws in (0, 1).

    ``stream`` is a name; two streams of one seed share nothing. Rows are made in blocks, so they
    are cheapest read in order.

    >>> draws = Draws(seed=1, stream="BTC-AUD", width=2)
    >>> draws.row(1000) == Draws(seed=1, stream="BTC-AUD", width=2).row(1000)
    True
    """

    def __init__(self, *, seed: int, stream: str, width: int) -> None:
        self._key = (seed % 2**64) | crc32(stream.encode()) << 64
        self._width = width
        self._block = -1
        self._rows: list[list[float]] = []

    def row(self, step: int) -> Sequence[float]:
        """Return the uniform draws of a step, 0 or later."""
        block, place = divmod(step, _BLOCK_STEPS)
        if block != self._block:
            # Each block has a range of the counter of its own: 2**64 outputs, far more than used.
            raw = np.random.Philox(key=self._key, counter=block << 64).random_raw(
                _BLOCK_STEPS * self._width
            )
            uniform = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * _UNIT
            self._rows = uniform.reshape(_BLOCK_STEPS, self._width).tolist()
            self._block = block
        return self._rows[place]


def uniforms(*, seed: int, stream: str, rows: int, width: int) -> npt.NDArray[np.float64]:
    """Return uniform draws in (0, 1), float64[rows, width]; a longer table begins the same.

    It shares nothing with the `Draws` of the same seed and stream.

    >>> short, long = (uniforms(seed=1, stream="a", rows=rows, width=2) for rows in (3, 9))
    >>> bool((long[:3] == short).all())
    True
    """
    key = (seed % 2**64) | crc32(stream.encode()) << 64 | 1 << 127
    raw = np.random.Philox(key=key).random_raw(rows * width).reshape(rows, width)
    return ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * _UNIT


def normals(*, seed: int, stream: str, rows: int, width: int) -> npt.NDArray[np.float64]:
    """Return a table of independent standard normal values (Box-Muller on `uniforms`)."""
    first, second = np.split(uniforms(seed=seed, stream=stream, rows=rows, width=2 * width), 2, 1)
    normal: npt.NDArray[np.float64] = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return normal


def normal_pair(first: float, second: float) -> tuple[float, float]:
    """Return two independent standard normal values of two uniform draws in (0, 1) (Box-Muller)."""
    radius = math.sqrt(-2.0 * math.log(first))
    angle = 2.0 * math.pi * second
    return radius * math.cos(angle), radius * math.sin(angle)
