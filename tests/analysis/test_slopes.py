"""Answers and slopes without TensorFlow, next to Keras' own."""

import numpy as np
import pytest

from analysis.slopes import slopes
from engine.arithmetic import tf
from engine.learner import experts, network
from engine.learner.experts import FIRST_HEAD, HEADS
from engine.learner.features import COUNT
from tests.support.markets import SMALL


@pytest.mark.parametrize("grown", range(1, HEADS + 1))
def test_they_are_those_of_the_keras_model(grown: int) -> None:
    """At each size of the network."""
    draws = np.random.default_rng(grown)
    active = experts.initial_state()["active"].copy()
    active[FIRST_HEAD : FIRST_HEAD + HEADS] = np.arange(HEADS) < grown
    state = {
        "learner.weights": draws.normal(
            size=network.initial_weights(SMALL).shape, scale=0.3
        ).astype(np.float32),
        "experts.linear_weights": draws.normal(size=COUNT).astype(np.float32),
        "experts.active": active,
    }
    points = draws.normal(size=(20, COUNT)).astype(np.float32)
    model, watched = network.model_at(state, SMALL), tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        answers = model(watched)[:, 0]

    found = slopes(state, points, SMALL)

    np.testing.assert_allclose(found.logits, answers.numpy(), rtol=1e-4, atol=1e-4)
    theirs = tape.gradient(answers, watched).numpy()
    np.testing.assert_allclose(found.slopes, theirs, rtol=1e-4, atol=1e-4)
