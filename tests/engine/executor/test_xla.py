"""What XLA compiled is read, linked and run alone, with the bits that TensorFlow gives."""

import numpy as np
import pytest

from engine.arithmetic import Tensor, tf
from engine.errors import ArtefactRefused
from engine.executor import xla
from engine.executor.artefact import program_of
from engine.executor.image import Image
from engine.executor.native import Memory
from journal import compile_cache

SIGNATURE = (("x", "<f4", (7,)), ("n", "<i8", ())), (("y", "<f4", (7,)), ("m", "<i8", (3,)))
CONSTANTS = np.array([1.5, -2.25, 3e-7, 0.1, 7.0, 1e9, 0.0], np.float32)


def _computed(x: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    """Return something with constants, a loop and functions of the C library."""
    power = tf.pow(tf.abs(x) + 0.5, 1.7) + tf.math.log(tf.abs(x) + 2.0)
    _, total = tf.while_loop(
        lambda turn, _: turn < n,
        lambda turn, total: (turn + 1, total * 0.75 + power * tf.constant(CONSTANTS)),
        (tf.constant(0, tf.int64), x),
    )
    return total, tf.stack([n, n * n, tf.constant(-5, tf.int64)])


@pytest.fixture(scope="module")
def entry() -> tuple[bytes, list[np.ndarray]]:
    """Return what XLA compiled of it, and what TensorFlow computes."""
    with compile_cache.SHELF.compiling("a-test-of-xla") as written:
        function = tf.function(_computed, jit_compile=True, autograph=False)
        x = tf.constant(np.linspace(-3, 3, 7).astype(np.float32))
        outputs = [output.numpy() for output in function(x, tf.constant(4, tf.int64))]
        return written()[0], outputs


def test_it_runs_alone_with_the_same_bits(entry: tuple[bytes, list[np.ndarray]]) -> None:
    file, (y, m) = entry
    program = program_of(xla.compilation_of(file), *SIGNATURE)
    image = Image(program)
    memory = Memory(program, image)
    memory.arrays["x"][...] = np.linspace(-3, 3, 7)
    memory.arrays["n"][...] = 4

    assert image.run(memory.table) == 0
    assert memory.arrays["y"].tobytes() == y.tobytes()
    assert memory.arrays["m"].tolist() == m.tolist() == [4, 16, -5]


def test_what_is_cut_short_is_refused(entry: tuple[bytes, list[np.ndarray]]) -> None:
    file = entry[0]
    for length in (0, 1, 100, len(file) // 2, len(file) - 1):
        with pytest.raises(ArtefactRefused):
            xla.compilation_of(file[:length])


def test_nonsense_is_refused(entry: tuple[bytes, list[np.ndarray]]) -> None:
    """Or read, and linked to something within its bounds: nothing else happens."""
    draws = np.random.default_rng(1)
    refused = 0
    for place in draws.integers(0, len(entry[0]), 60).tolist():
        wrong = bytearray(entry[0])
        wrong[place] ^= 1 << int(draws.integers(8))
        try:
            program_of(xla.compilation_of(bytes(wrong)), *SIGNATURE).check()
        except ArtefactRefused:
            refused += 1
    assert refused
