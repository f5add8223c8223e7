"""The model self-check: does a restored network repeat the logits that were stored with it?

Every snapshot contains the newest labelled samples and the network's logits for them. After a
restore, and before learning continues, the same weights compute the logits again. Equal bits mean
that the network is the stored one.

The logits are computed without TensorFlow, and with the same bits on every machine: `_fused` rounds
as the processor's fused multiply-add does, and sums have a fixed order. It is the order of the
model as XLA compiles it with blocks of up to 17 units, which earlier versions stored; a test
compares the two.
"""

import numpy as np
import numpy.typing as npt

from engine.learner import network
from engine.learner.experts import HEADS
from engine.learner.features import COUNT
from engine.learner.memory import VOID
from engine.parameters import Parameters
from engine.state import Arrays, cursors

SAMPLES = 256
"""Samples of a self-check, at most; fewer where fewer are labelled."""

_LANES = 8
"""Partial sums of the linear expert's logit: the numbers in a register of the compiled code."""

_Floats = npt.NDArray[np.float32]


def self_check(state: Arrays, parameters: Parameters) -> Arrays:
    """Return the newest labelled samples of a state, and its network's logits for them.

    ``features`` float32[n, COUNT], ``outcomes`` int32[n], ``logits`` float32[n, HEADS].
    """
    head, ripe = cursors(state)
    rows = len(state["memory.outcomes"])
    places = np.arange(max(0, head - rows), ripe, dtype=np.int64) % rows
    labelled = places[state["memory.outcomes"][places] != VOID][-SAMPLES:]
    features = np.ascontiguousarray(state["memory.samples"][labelled][:, :COUNT])
    return {
        "features": features,
        "outcomes": state["memory.outcomes"][labelled],
        "logits": answers(state, features, parameters),
    }


def answers(state: Arrays, features: _Floats, parameters: Parameters) -> _Floats:
    """Return the logits of a state's network, float32[n, HEADS], for n rows of features."""
    layers = network.arrays(state["learner.weights"], parameters.shape)
    wide = _rectified(_product(features, layers.wide) + layers.wide_bias)
    deep = _rectified(_product(wide, layers.deep) + layers.deep_bias)
    units = np.concatenate([wide, deep], 1).reshape(-1, HEADS, parameters.block_units)
    outputs = layers.outputs.reshape(HEADS, -1)
    sums = np.zeros((len(features), HEADS), np.float32)
    for unit in range(parameters.block_units):
        sums = _fused(units[:, :, unit], outputs[:, unit], sums)
    logits = sums
    logits[:, 0] = _linear(features, state["experts.linear_weights"]) + sums[:, 0]
    for index in range(1, HEADS):
        logits[:, index] = logits[:, index - 1] + sums[:, index]
    return logits


def is_repeated(state: Arrays, self_check: Arrays, parameters: Parameters) -> bool:
    """Return whether a state's network repeats the logits of a self-check, bit for bit."""
    again = answers(state, self_check["features"], parameters)
    return again.tobytes() == self_check["logits"].tobytes()


def _product(left: _Floats, right: _Floats) -> _Floats:
    """Return a matrix product; each element is summed up from the first place to the last."""
    found = np.zeros((len(left), right.shape[1]), np.float32)
    for place in range(len(right)):
        found = _fused(left[:, place, None], right[place], found)
    return found


def _linear(features: _Floats, weights: _Floats) -> _Floats:
    """Return the linear expert's logits: partial sums, then neighbours added in pairs."""
    sums = np.zeros((len(features), _LANES), np.float32)
    for first in range(0, COUNT, _LANES):
        lanes = slice(first, first + _LANES)
        sums = _fused(features[:, lanes], weights[lanes], sums)
    while sums.shape[1] > 1:
        sums = sums[:, 0::2] + sums[:, 1::2]
    return sums[:, 0]


def _rectified(values: _Floats) -> _Floats:
    return np.where(values > 0.0, values, np.float32(network.SLOPE) * values)


_TIE, _BELOW = np.int64(1 << 28), np.int64((1 << 29) - 1)
_TINIEST = 2.0**-126


def _fused(left: _Floats, right: _Floats, sums: _Floats) -> _Floats:
    """Return ``left * right + sums``, rounded once, as a fused multiply-add gives it.

    The product of two float32 is exact in float64. Their sum is rounded to float64 and then to
    float32, which is wrong only where the first rounding ends in the middle between two float32.
    There it is moved by its last bit to the side where the exact sum lies. A result too small for a
    normal float32 becomes zero, as where the compiled code runs.
    """
    products = np.multiply(left, right, dtype=np.float64)
    exact = products + sums
    rounded = exact.astype(np.float32)
    ties = (exact.view(np.int64) & _BELOW) == _TIE
    if ties.any():
        # What the rounding to float64 left out (Knuth's two-sum).
        part = exact - products
        left_out = (products - (exact - part)) + (sums - part)
        bits = exact.view(np.int64) + np.where(left_out * np.sign(exact) > 0, 1, 0)
        bits -= np.where(left_out * np.sign(exact) < 0, 1, 0)
        rounded = np.where(ties, bits.view(np.float64).astype(np.float32), rounded)
    tiny = abs(exact) < _TINIEST
    return np.where(tiny, rounded * np.float32(0.0), rounded) if tiny.any() else rounded
