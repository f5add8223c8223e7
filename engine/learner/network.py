"""The Keras model: features → the logits of its heads; each block of units adds to those before.

Blocks 1 and 2 are parallel layers on the features; block 3 is a layer on the outputs of those two,
so the network grows wider and then deeper. The logit of head k is that of the linear expert
(`engine.learner.experts`) plus the outputs of blocks 1 … k. All blocks exist from the start;
`engine.learner.monitor` decides which are in use. The output weights start at zero, so a new block
changes no prediction until it has learned something.

Inside the compiled step the weights are one flat vector in the model's order.
"""

import sys
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, keras, reduced, tf
from engine.learner.experts import FIRST_HEAD, HEADS
from engine.learner.features import COUNT
from engine.learner.initial_weights import he_normal
from engine.parameters import Parameters, Shape
from engine.state import Arrays

SLOPE = 0.1
"""Slope of the leaky rectifier below zero."""


class Layers(NamedTuple):
    """The weights of a flat vector by name; n is the width of a block (``block_units``)."""

    wide: Tensor  # float32[COUNT, 2 n]: blocks 1 and 2
    wide_bias: Tensor  # float32[2 n]
    deep: Tensor  # float32[2 n, n]: block 3
    deep_bias: Tensor  # float32[n]
    outputs: Tensor  # float32[HEADS n]


def shapes(shape: Shape) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of `Layers`."""
    width = shape.block_units
    return ((COUNT, 2 * width), (2 * width,), (2 * width, width), (width,), (HEADS * width,))


def count(shape: Shape) -> int:
    """Return how many weights there are."""
    return sum(int(np.prod(kind)) for kind in shapes(shape))


def build(parameters: Parameters) -> Any:
    """Return the `keras.Model`, float32[…, COUNT] → float32[…, 1 + HEADS]: the linear expert's
    logit, then the heads'. Weights are drawn by the seed, those of the linear expert are zero.
    """
    width = parameters.block_units
    inputs = keras.Input((COUNT,), name="features")

    def dense(units: int, name: str, seed: int, below: Any) -> Any:
        initializer = keras.initializers.HeNormal(seed=parameters.seed + seed)
        layer = keras.layers.Dense(units, kernel_initializer=initializer, name=name)
        return keras.layers.LeakyReLU(negative_slope=SLOPE, name=f"{name}_active")(layer(below))

    wide = dense(2 * width, "wide", 0, inputs)
    deep = dense(width, "deep", 1, wide)
    blocks = [wide[:, :width], wide[:, width:], deep]
    logit = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="linear")(inputs)
    heads = [logit]
    for index, block in enumerate(blocks, 1):
        output = keras.layers.Dense(
            1, use_bias=False, kernel_initializer="zeros", name=f"head_{index}"
        )
        logit = keras.layers.Add()([logit, output(block)])
        heads.append(logit)
    return keras.Model(inputs, keras.layers.Concatenate(name="logits")(heads), name="predictor")


def initial_weights(parameters: Parameters) -> npt.NDArray[np.float32]:
    """Return the weights that `build` draws, as one vector in the order of `Layers`."""
    wide, _, deep, _, outputs = shapes(parameters.shape)
    if sys.platform != "linux":
        return flatten(build(parameters))  # whose C library draws with other functions
    parts = [
        he_normal((wide[0], wide[1]), parameters.seed),
        np.zeros(wide[1], np.float32),
        he_normal((deep[0], deep[1]), parameters.seed + 1),
        np.zeros(deep[1] + outputs[0], np.float32),
    ]
    return np.concatenate([part.ravel() for part in parts])


def flatten(model: Any) -> npt.NDArray[np.float32]:
    """Return the weights of a model's blocks as one vector, in the order of `Layers`."""
    parts = [model.get_layer(name).get_weights() for name in ("wide", "deep")]
    outputs = [model.get_layer(f"head_{index}").get_weights() for index in range(1, HEADS + 1)]
    flat = [np.asarray(weight, np.float32).ravel() for part in parts + outputs for weight in part]
    return np.concatenate(flat)


def model_at(state: Arrays, parameters: Parameters) -> Any:
    """Return the network of a state at its size then, as a `keras.Model` that can be saved:
    float32[…, COUNT] → float32[…, 1], the logit of "the mid will be higher, if it moves".
    """
    model = build(parameters)
    vector, start = state["learner.weights"], 0
    for name in ("wide", "deep", *(f"head_{index}" for index in range(1, HEADS + 1))):
        layer, weights = model.get_layer(name), []
        for weight in layer.get_weights():
            weights.append(vector[start : start + weight.size].reshape(weight.shape))
            start += weight.size
        layer.set_weights(weights)
    model.get_layer("linear").set_weights([state["experts.linear_weights"].reshape(-1, 1)])
    grown = int(state["experts.active"][FIRST_HEAD : FIRST_HEAD + HEADS].sum())
    return keras.Model(model.input, model.output[:, grown : grown + 1], name="predictor")


def layers(vector: Tensor, shape: Shape) -> Layers:
    """Return a flat vector's layers."""
    kinds = shapes(shape)
    parts = tf.split(vector, [int(np.prod(kind)) for kind in kinds])
    return Layers(*(tf.reshape(part, kind) for part, kind in zip(parts, kinds, strict=True)))


def arrays(vector: npt.NDArray[Any], shape: Shape) -> Layers:
    """Return a flat vector's layers, as `layers` does, of an array and as arrays."""
    kinds = shapes(shape)
    ends = np.cumsum([int(np.prod(kind)) for kind in kinds])[:-1]
    parts = zip(np.split(vector, ends), kinds, strict=True)
    return Layers(*(part.reshape(kind) for part, kind in parts))


class Activity(NamedTuple):
    """The outputs for a batch."""

    units: Tensor  # float32[rows, HEADS n]
    heads: Tensor  # float32[rows, HEADS]: logits, base + blocks 1 … k


def activity(weights: Layers, features: Tensor, base: Tensor) -> Activity:
    """Run features float32[rows, COUNT] through the blocks, added to base logits float32[rows]."""
    wide = _rectified(tf.matmul(features, weights.wide) + weights.wide_bias)
    deep = _rectified(tf.matmul(wide, weights.deep) + weights.deep_bias)
    units = tf.concat([wide, deep], 1)
    width = weights.outputs.shape[0] // HEADS
    sums = tf.reduce_sum(tf.reshape(units * weights.outputs, (-1, HEADS, width)), 2)
    heads = [base + sums[:, 0]]
    for index in range(1, HEADS):
        heads.append(heads[-1] + sums[:, index])
    return Activity(units, tf.stack(heads, 1))


def heads(vector: Tensor, features: Tensor, linear: Tensor, shape: Shape) -> Tensor:
    """Return the logits of all heads for features float32[COUNT], float32[HEADS].

    ``linear`` are the linear expert's weights, float32[COUNT].
    """
    base = tf.reduce_sum(features * linear)
    return activity(layers(vector, shape), features[None], base[None]).heads[0]


def gradient(weights: Layers, features: Tensor, seen: Activity, errors: Tensor) -> list[Tensor]:
    """Return the parts of the flat gradient, given each head's error, float32[rows, HEADS].

    Each block descends on the loss of its own head while earlier blocks are held fixed, as in
    boosting, so a block that is added later never moves those before it.
    """
    width = weights.outputs.shape[0] // HEADS
    per_unit = tf.repeat(errors, width, axis=1)
    outputs = tf.reduce_sum(per_unit * seen.units, 0)
    below = per_unit * weights.outputs * tf.where(seen.units > 0.0, 1.0, SLOPE)
    wide, deep = below[:, : 2 * width], below[:, 2 * width :]
    parts = [
        tf.matmul(features, wide, transpose_a=True),
        tf.reduce_sum(wide, 0),
        tf.matmul(seen.units[:, : 2 * width], deep, transpose_a=True),
        tf.reduce_sum(deep, 0),
        outputs,
    ]
    return [tf.reshape(part, [-1]) for part in parts]


def _rectified(values: Tensor) -> Tensor:
    return tf.where(values > 0.0, values, SLOPE * values)


def fingerprint(*vectors: Tensor) -> Tensor:
    """Return a hash of the weights' bits, int64[]: their sum with fixed odd factors, modulo 2**64.

    The factors run on from one vector to the next.

    Every change of one weight changes it, since an odd factor is invertible modulo 2**64. It serves
    to find a divergence. It does not resist an adversary; the log's chain does.
    """
    factors = _odd_factors(sum(vector.shape[0] for vector in vectors))
    total, place = tf.constant(0, tf.int64), 0
    for vector in vectors:
        end = place + vector.shape[0]
        bits = tf.cast(tf.bitcast(vector, tf.int32), tf.int64)
        total += reduced(tf.reduce_sum, bits * tf.constant(factors[place:end]))
        place = end
    return total


def _odd_factors(count: int) -> npt.NDArray[np.int64]:
    """Return multiples of SplitMix64's golden-ratio constant (Steele et al. 2014), made odd."""
    ranks = np.arange(1, count + 1, dtype=np.uint64)
    factors = (ranks * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
    return factors.view(np.int64)
