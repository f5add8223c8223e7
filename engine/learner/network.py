"""The Keras model: features → the logits of its exits, each block of units on top of those before.

Blocks 1 and 2 are layers on the features, side by side; block 3 is a layer on what those two say,
so the network becomes wider and then deeper. Exit k is the linear exit (`engine.learner.experts`)
plus the outputs of blocks 1 … k. All blocks are there from the start; which take part is for
`engine.learner.monitor` to say. The output weights start at zero: a new block changes nothing until
it has learned something.

Inside the compiled step the weights are one flat vector in the model's order.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, keras, tf
from engine.learner.experts import EXITS, FIRST_EXIT
from engine.learner.features import COUNT
from engine.parameters import Parameters
from engine.state import Arrays

SLOPE = 0.1
"""Of the leaky rectifier below zero."""


class Layers(NamedTuple):
    """The weights of a flat vector by name; n is the width of a block."""

    wide: Tensor  # float32[COUNT, 2 n]: blocks 1 and 2
    wide_bias: Tensor  # float32[2 n]
    deep: Tensor  # float32[2 n, n]: block 3
    deep_bias: Tensor  # float32[n]
    outputs: Tensor  # float32[EXITS n]


def shapes(parameters: Parameters) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of `Layers`."""
    width = parameters.block_units
    return ((COUNT, 2 * width), (2 * width,), (2 * width, width), (width,), (EXITS * width,))


def build(parameters: Parameters) -> Any:
    """Return the `keras.Model`, float32[…, COUNT] → float32[…, 1 + EXITS]: the linear exit, then
    the network's; weights from the seed, those of the linear exit zero.
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
    logit = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="linear_exit")(
        inputs
    )
    exits = [logit]
    for index, block in enumerate(blocks, 1):
        output = keras.layers.Dense(
            1, use_bias=False, kernel_initializer="zeros", name=f"exit_{index}"
        )
        logit = keras.layers.Add()([logit, output(block)])
        exits.append(logit)
    return keras.Model(inputs, keras.layers.Concatenate(name="logits")(exits), name="predictor")


def flatten(model: Any) -> npt.NDArray[np.float32]:
    """Return the weights of a model's blocks as one vector, in the order of `Layers`."""
    parts = [model.get_layer(name).get_weights() for name in ("wide", "deep")]
    outputs = [model.get_layer(f"exit_{index}").get_weights() for index in range(1, EXITS + 1)]
    flat = [np.asarray(weight, np.float32).ravel() for part in parts + outputs for weight in part]
    return np.concatenate(flat)


def model_at(state: Arrays, parameters: Parameters) -> Any:
    """Return the network of a state, as it had grown, as a `keras.Model` ready to be saved:
    float32[…, COUNT] → float32[…, 1], the logit of "the mid will be higher, if it moves".
    """
    model = build(parameters)
    vector, start = state["learner.weights"], 0
    for name in ("wide", "deep", *(f"exit_{index}" for index in range(1, EXITS + 1))):
        layer, weights = model.get_layer(name), []
        for weight in layer.get_weights():
            weights.append(vector[start : start + weight.size].reshape(weight.shape))
            start += weight.size
        layer.set_weights(weights)
    model.get_layer("linear_exit").set_weights([state["experts.linear_weights"].reshape(-1, 1)])
    grown = int(state["experts.active"][FIRST_EXIT : FIRST_EXIT + EXITS].sum())
    return keras.Model(model.input, model.output[:, grown : grown + 1], name="predictor")


def layers(vector: Tensor, parameters: Parameters) -> Layers:
    """Return a flat vector's layers."""
    kinds = shapes(parameters)
    parts = tf.split(vector, [int(np.prod(shape)) for shape in kinds])
    return Layers(*(tf.reshape(part, shape) for part, shape in zip(parts, kinds, strict=True)))


class Activity(NamedTuple):
    """What the units say to a batch: float32[rows, EXITS n] and the sums of each block."""

    units: Tensor
    exits: Tensor  # float32[rows, EXITS]: base + blocks 1 … k


def activity(weights: Layers, features: Tensor, base: Tensor) -> Activity:
    """Carry float32[rows, COUNT] through the blocks, on top of float32[rows] base logits."""
    wide = _rectified(tf.matmul(features, weights.wide) + weights.wide_bias)
    deep = _rectified(tf.matmul(wide, weights.deep) + weights.deep_bias)
    units = tf.concat([wide, deep], 1)
    width = weights.outputs.shape[0] // EXITS
    sums = tf.reduce_sum(tf.reshape(units * weights.outputs, (-1, EXITS, width)), 2)
    exits = [base + sums[:, 0]]
    for index in range(1, EXITS):
        exits.append(exits[-1] + sums[:, index])
    return Activity(units, tf.stack(exits, 1))


def exits(vector: Tensor, features: Tensor, linear: Tensor, parameters: Parameters) -> Tensor:
    """Return the logits of all exits for one float32[COUNT], on top of a linear exit."""
    base = tf.reduce_sum(features * linear)
    return activity(layers(vector, parameters), features[None], base[None]).exits[0]


def gradient(weights: Layers, features: Tensor, seen: Activity, errors: Tensor) -> Tensor:
    """Return the flat gradient, given each exit's error float32[rows, EXITS].

    Each block descends on its own exit's loss, with what stands below it taken as given, as in
    boosting: so a block that is added later never moves those before it.
    """
    width = weights.outputs.shape[0] // EXITS
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
    return tf.concat([tf.reshape(part, [-1]) for part in parts], 0)


def _rectified(values: Tensor) -> Tensor:
    return tf.where(values > 0.0, values, SLOPE * values)


def fingerprint(vector: Tensor) -> Tensor:
    """Return a 64-bit hash of the weights' bits: a sum with fixed odd weights, modulo 2**64.

    Any single changed bit changes it, since an odd factor is invertible modulo 2**64. It names a
    state and finds a divergence; it does not resist an adversary (the log's chain does).
    """
    bits = tf.cast(tf.bitcast(vector, tf.int32), tf.int64)
    factors = _odd_factors(vector.shape[0])
    return tf.reduce_sum(bits * tf.constant(factors))


def _odd_factors(count: int) -> npt.NDArray[np.int64]:
    """Multiples of the golden-ratio constant of SplitMix64 (Steele et al. 2014), made odd."""
    ranks = np.arange(1, count + 1, dtype=np.uint64)
    factors = (ranks * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
    return factors.view(np.int64)
