"""TensorFlow, loaded when it is used and not before; nothing random is left unkeyed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.arithmetic import _Later, joined, power, reduced, replace_row, row_at, tf, when

ROOT = Path(__file__).parents[2]


def compiled(function: Callable[..., Any]) -> Any:
    """Return a function as the step is compiled: as it stands, without rewriting by TensorFlow."""
    return tf.function(function, autograph=False, jit_compile=True)


def test_draws_without_a_key_are_refused() -> None:
    """Deterministic operations are on, so a random one without a seed cannot be used by mistake."""
    with pytest.raises(RuntimeError, match="determinism"):
        tf.random.uniform((2,))


def test_a_power_is_that_of_a_constant_exponent() -> None:
    """The identity, one and the square root, bit for bit, although the exponent is an input."""
    bases = np.random.default_rng(3).random(4_096).astype(np.float32)
    raised = compiled(power)

    for exponent, expected in ((0.0, np.ones_like(bases)), (1.0, bases), (0.5, np.sqrt(bases))):
        found = raised(tf.constant(bases), tf.constant(exponent)).numpy()
        assert found.tobytes() == expected.tobytes()
    assert float(raised(tf.constant([0.0]), tf.constant(0.7))[0]) == 0.0


@pytest.mark.parametrize("rows", [[3], [1, 4, 2]])
def test_parts_are_joined(rows: list[int]) -> None:
    """One after the other, over whatever was there."""
    parts = [tf.random.stateless_uniform((count, 5), (count, 1)) for count in rows]
    onto = tf.random.stateless_uniform((sum(rows), 5), (9, 9))

    found = compiled(joined)(parts, onto)

    assert found.numpy().tobytes() == tf.concat(parts, 0).numpy().tobytes()


@pytest.mark.parametrize("count", [1, 31, 32, 100, 1024, 2144])
def test_a_reduction_misses_nothing(count: int) -> None:
    """Integers are added modulo 2**64, whatever the order; one flag of many counts."""
    numbers = np.random.default_rng(count).integers(-(2**62), 2**62, count)
    total = compiled(lambda values: reduced(tf.reduce_sum, values))
    every = compiled(lambda flags: reduced(tf.reduce_all, flags))

    assert int(total(tf.constant(numbers))) == int(numbers.sum())
    assert bool(every(tf.fill([count], True)))
    for place in {0, count // 2, count - 1}:
        assert not bool(every(tf.constant(np.arange(count) != place)))


def test_it_is_not_loaded_before_it_is_used() -> None:
    """Neither for importing the engine, nor for a state, its digest or its self-check."""
    code = (
        "import sys\n"
        "from engine.engine import initial_state\n"
        "from engine.parameters import Parameters\n"
        "from engine.self_check import self_check\n"
        "from engine.state import digest\n"
        "state = initial_state(Parameters())\n"
        "digest(state), self_check(state, Parameters())\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
@pytest.mark.parametrize("index", [0, 3, 4])
def test_a_row_is_replaced(shape: tuple[int, ...], index: int) -> None:
    """In compiled code, and only that row."""
    table = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    row = np.full(shape[1:], -1, np.int64)
    found = compiled(replace_row)(
        tf.constant(table), tf.constant(row), tf.constant(index, tf.int64)
    ).numpy()

    table[index] = -1
    np.testing.assert_array_equal(found, table)


@pytest.mark.parametrize("index", [0, 3, 4])
def test_a_row_is_taken_out(index: int) -> None:
    """As a table of one row, in compiled code."""
    table = np.arange(15, dtype=np.int64).reshape(5, 3)
    found = compiled(row_at)(tf.constant(table), tf.constant(index, tf.int64)).numpy()

    np.testing.assert_array_equal(found, table[index : index + 1])


def test_a_state_changes_where_a_condition_holds() -> None:
    """And is the same elsewhere."""

    def changed(state: tuple[Any, Any]) -> tuple[Any, Any]:
        return state[0] + 1, state[1] * 2

    step = compiled(lambda condition, state: when(condition, changed, state))
    state = (tf.constant(3), tf.constant(2.5))

    assert [float(each) for each in step(tf.constant(True), state)] == [4.0, 5.0]
    assert [float(each) for each in step(tf.constant(False), state)] == [3.0, 2.5]


def test_what_is_loaded_later_is_looked_up_once() -> None:
    """Its attributes are those of the module; who inspects it finds nothing special."""
    later = _Later("tf")

    assert "constant" not in vars(later)
    assert later.constant is tf.constant
    assert "constant" in vars(later)
    with pytest.raises(AttributeError, match="__wrapped__"):
        later.__wrapped__  # noqa: B018
