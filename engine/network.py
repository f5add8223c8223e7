"""The Keras model: features → two logits, "the mid will move" and "it will be higher if it moves".

A linear exit stands beside the hidden layers, so what a logistic regression can learn is learned at
its speed. The last layers start at zero: an untrained network says one half to both.

Inside the compiled step the weights are one flat vector (few, flat state tensors keep a call
short); `keras.Model.stateless_call` reads its slices.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, keras, tf
from engine.features import COUNT
from engine.parameters import Parameters

HEADS = 2
MOVE, UP = 0, 1


def build(parameters: Parameters) -> Any:
    """Return the `keras.Model`, float32[…, COUNT] → float32[…, HEADS], weights from the seed."""
    inputs = keras.Input((COUNT,), name="features")
    hidden = inputs
    for depth in range(parameters.hidden_layers):
        hidden = keras.layers.Dense(
            parameters.hidden_units,
            activation="leaky_relu",
            kernel_initializer=keras.initializers.HeNormal(seed=parameters.seed + depth),
            name=f"hidden_{depth}",
        )(hidden)
    deep = keras.layers.Dense(HEADS, kernel_initializer="zeros", name="deep_exit")(hidden)
    linear = keras.layers.Dense(
        HEADS, use_bias=False, kernel_initializer="zeros", name="linear_exit"
    )(inputs)
    return keras.Model(inputs, keras.layers.Add(name="logits")([deep, linear]), name="predictor")


def flatten(model: Any) -> npt.NDArray[np.float32]:
    """Return all weights of a model as one vector, in the model's order."""
    weights = [np.asarray(weight, np.float32).ravel() for weight in model.get_weights()]
    return np.concatenate(weights)


def unflatten(model: Any, vector: npt.NDArray[np.float32]) -> None:
    """Give a model the weights of a vector: its state at some offset, ready to be saved."""
    shapes = [weight.shape for weight in model.get_weights()]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(vector, ends[:-1])
    model.set_weights([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])


def logits(model: Any, vector: Tensor, features: Tensor) -> Tensor:
    """Return float32[rows, HEADS] for float32[rows, COUNT], with the weights of a flat vector."""
    shapes = [variable.shape for variable in model.trainable_variables]
    parts = tf.split(vector, [int(np.prod(shape)) for shape in shapes])
    weights = [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
    answer, _ = model.stateless_call(weights, [], features)
    return answer


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
