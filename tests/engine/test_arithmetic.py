"""TensorFlow as it was set up: the recipe is in force, and nothing random is left unkeyed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.arithmetic import ENVIRONMENT, keras, power, replace_row, tf

ROOT = Path(__file__).parents[2]


def test_the_recipe_is_in_force() -> None:
    """What TensorFlow read when it loaded, one thread, no accelerator, Keras on TensorFlow."""
    assert {name: os.environ[name] for name in ENVIRONMENT} == ENVIRONMENT
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.get_visible_devices("GPU") == []
    assert keras.backend.backend() == "tensorflow"


def test_draws_without_a_key_are_refused() -> None:
    """Deterministic operations are on, so a random one without a seed cannot be used by mistake."""
    with pytest.raises(RuntimeError, match="determinism"):
        tf.random.uniform((2,))


def test_a_power_is_that_of_a_constant_exponent() -> None:
    """The identity, one and the square root, bit for bit, although the exponent is an input."""
    bases = np.random.default_rng(3).random(4_096).astype(np.float32)
    raised = tf.function(power, jit_compile=True)

    for exponent, expected in ((0.0, np.ones_like(bases)), (1.0, bases), (0.5, np.sqrt(bases))):
        found = raised(tf.constant(bases), tf.constant(exponent)).numpy()
        assert found.tobytes() == expected.tobytes()
    assert float(raised(tf.constant([0.0]), tf.constant(0.7))[0]) == 0.0


def test_nobody_loads_tensorflow_first() -> None:
    """Its flags are read once: importing it before its set-up is refused, not ignored."""
    code = (
        "import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
        "try: import engine.arithmetic\n"
        "except ImportError as error: sys.exit('set it up' in str(error) and 7)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)

    assert done.returncode == 7


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
@pytest.mark.parametrize("index", [0, 3, 4])
def test_a_row_is_replaced(shape: tuple[int, ...], index: int) -> None:
    """In compiled code, and only that row."""
    table = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    row = np.full(shape[1:], -1, np.int64)
    compiled = tf.function(replace_row, jit_compile=True)

    found = compiled(tf.constant(table), tf.constant(row), tf.constant(index, tf.int64)).numpy()

    table[index] = -1
    np.testing.assert_array_equal(found, table)
