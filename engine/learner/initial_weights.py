"""The weights that Keras draws for a layer, drawn with integers and the C library, without Keras.

Keras' ``HeNormal`` is TensorFlow's stateless truncated normal: Philox (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011), keyed by a scrambled seed; Box & Muller's transform;
and what is two deviations or more from the mean is drawn again. TensorFlow has the sources in
``tsl/lib/random``. The bits are equal because it calls the same C library for logarithm, sine and
cosine (a test compares them with Keras).
"""

import ctypes
import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

_Words = npt.NDArray[np.uint64]  # 32 bits in each

_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ROUNDS = 10
_FACTORS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_RAISES = (0x9E3779B9, 0xBB67AE85)
_SCRAMBLING_KEY = (0x3EC8F720, 0x02461E29)

_SEEDS = 2**31 - 2
"""Keras takes seeds modulo this number."""

_GROUP = 4
"""Values that are drawn from one stretch of the stream."""

_STRETCH = 256
"""Blocks of the stream between two groups."""

_BOUND = np.float32(2.0)
_LEAST = np.float32(1e-7)
_TRUNCATED_DEVIATION = 0.87962566103423978
"""The deviation of a normal distribution truncated at two of its deviations."""


def he_normal(shape: tuple[int, int], seed: int) -> npt.NDArray[np.float32]:
    """Return weights float32[inputs, outputs] of deviation sqrt(2 / inputs), for a seed ≥ 0."""
    deviation = math.sqrt(2.0 / shape[0]) / _TRUNCATED_DEVIATION
    return (_truncated_normal(shape[0] * shape[1], seed) * np.float32(deviation)).reshape(shape)


def _truncated_normal(count: int, seed: int) -> npt.NDArray[np.float32]:
    """Return draws, float32[count]."""
    words = (seed % _SEEDS, 0, 0, 0)
    mixed = _philox([np.array([word], np.uint64) for word in words], _SCRAMBLING_KEY)
    key = (int(mixed[0][0]), int(mixed[1][0]))
    groups = np.arange(-(-count // _GROUP), dtype=np.uint64)
    drawn = np.zeros((len(groups), _GROUP), np.float32)
    filled = np.zeros(len(groups), np.int64)
    block = 0
    while len(left := np.flatnonzero(filled < _GROUP)):
        place = groups[left] * np.uint64(_STRETCH) + np.uint64(block)
        high = [np.full(len(left), mixed[word][0], np.uint64) for word in (2, 3)]
        bits = _philox([place & _MASK, place >> _HALF, *high], key)
        for first, second in ((bits[0], bits[1]), (bits[2], bits[3])):
            for values in _box_muller(first, second):
                kept = (abs(values) < _BOUND) & (filled[left] < _GROUP)
                drawn[left[kept], filled[left[kept]]] = values[kept]
                filled[left[kept]] += 1
        block += 1
    return drawn.reshape(-1)[:count]


def _philox(counter: list[_Words], key: tuple[int, int]) -> list[_Words]:
    for turn in range(_ROUNDS):
        first, second = (
            np.uint64((word + turn * rise) & 0xFFFFFFFF)
            for word, rise in zip(key, _RAISES, strict=True)
        )
        low, high = counter[0] * _FACTORS[0], counter[2] * _FACTORS[1]
        counter = [
            high >> _HALF ^ counter[1] ^ first,
            high & _MASK,
            low >> _HALF ^ counter[3] ^ second,
            low & _MASK,
        ]
    return counter


def _box_muller(
    first: _Words, second: _Words
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return two independent normal values of each pair of words."""
    logarithm, sine_and_cosine = _library()
    radius = np.maximum(_fractions(first), _LEAST)
    logs = np.array([logarithm(value) for value in radius.tolist()], np.float32)
    angles = (2.0 * math.pi * _fractions(second).astype(np.float64)).astype(np.float32)
    sine, cosine = ctypes.c_float(), ctypes.c_float()
    turned = np.zeros((2, len(angles)), np.float32)
    for index, angle in enumerate(angles.tolist()):
        sine_and_cosine(angle, ctypes.byref(sine), ctypes.byref(cosine))
        turned[:, index] = sine.value, cosine.value
    lengths = np.sqrt(np.float32(-2.0) * logs)
    return turned[0] * lengths, turned[1] * lengths


def _fractions(words: _Words) -> npt.NDArray[np.float32]:
    """Return fractions of 0 … 1 (exclusive), of the lowest 23 bits of each word."""
    bits = (words & np.uint64(0x7FFFFF)).astype(np.uint32) | np.uint32(127 << 23)
    return bits.view(np.float32) - np.float32(1.0)


@cache
def _library() -> tuple[Any, Any]:
    library = ctypes.CDLL("libm.so.6")
    library.logf.argtypes, library.logf.restype = [ctypes.c_float], ctypes.c_float
    pointer = ctypes.POINTER(ctypes.c_float)
    library.sincosf.argtypes = [ctypes.c_float, pointer, pointer]
    library.sincosf.restype = None
    return library.logf, library.sincosf
