"""The initial weights without Keras are the bits that Keras draws."""

import numpy as np
import pytest

from engine.arithmetic import keras
from engine.learner.initial_weights import he_normal

SEEDS = (*range(12), 4711, 2**16, 999_999_937, 2**31 - 3, 2**31 - 2, 2**31 - 1, 2**31)


@pytest.mark.parametrize("shape", [(48, 32), (32, 16), (7, 3), (1, 1)])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_draw_is_that_of_keras(shape: tuple[int, int], seed: int) -> None:
    """Also where the last group of four is not whole, and at the bounds of a seed."""
    theirs = keras.initializers.HeNormal(seed=seed)(shape).numpy()

    assert he_normal(shape, seed).tobytes() == theirs.tobytes()


def test_a_large_layer_is_that_of_keras() -> None:
    """Where some group needs more than a few draws."""
    theirs = keras.initializers.HeNormal(seed=5)((512, 256)).numpy()

    found = he_normal((512, 256), 5)

    assert np.array_equal(found.view(np.int32), theirs.view(np.int32))
