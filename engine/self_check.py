"""The model self-check: does a restored network repeat the logits that were stored with it?

Every snapshot contains the newest labelled samples and the network's logits for them. After a
restore, and before learning continues, the same weights compute the logits again. Equal bits mean
that the network is the stored one, and that this machine computes it as the earlier machine did.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, tf
from engine.learner import network
from engine.learner.features import COUNT
from engine.learner.memory import VOID
from engine.parameters import Parameters, Shape
from engine.state import Arrays, cursors

SAMPLES = 256
"""Samples of a self-check, at most; fewer where fewer are labelled."""


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


def answers(
    state: Arrays, features: npt.NDArray[np.float32], parameters: Parameters
) -> npt.NDArray[np.float32]:
    """Return the logits of a state's network, float32[n, HEADS], for n ≤ `SAMPLES` rows."""
    padded = np.zeros((SAMPLES, COUNT), np.float32)
    padded[: len(features)] = features
    weights, linear = (
        tf.constant(state[name]) for name in ("learner.weights", "experts.linear_weights")
    )
    logits: npt.NDArray[np.float32] = _compiled(parameters.shape)(weights, linear, padded).numpy()
    return logits[: len(features)]


def is_repeated(state: Arrays, self_check: Arrays, parameters: Parameters) -> bool:
    """Return whether a state's network repeats the logits of a self-check, bit for bit."""
    again = answers(state, self_check["features"], parameters)
    return again.tobytes() == self_check["logits"].tobytes()


@lru_cache(maxsize=4)
def _compiled(shape: Shape) -> Any:
    def logits(weights: Tensor, linear: Tensor, features: Tensor) -> Tensor:
        layers = network.layers(weights, shape)
        return network.activity(layers, features, tf.linalg.matvec(features, linear)).heads

    # Compiled like the step, because plain TensorFlow and XLA differ in the last bits.
    return tf.function(logits, jit_compile=True, autograph=False)
