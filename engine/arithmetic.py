"""TensorFlow, set up so that equal inputs give equal bits; all modules have it from here.

It is loaded when an attribute of ``tf`` or ``keras`` is first used, not before
(`engine.executor.loading`): what needs nothing but arrays of numpy never loads it.

The recipe was found by experiment: with it, a training run of dense layers under Adam ends in
identical bytes on x86-64-v3 processors of different makers; without it, transposed matrix products
(every gradient) differ. It must be in place before TensorFlow loads, so every module of the engine
imports ``tf`` and ``keras`` from here.

One operation stays approximate and differs between processors: ``rsqrt``, and everything that the
compiler turns into it (``1/sqrt(x)``, ``y/sqrt(x)``, layer normalisation). Write
``y / (sqrt(x) + epsilon)`` instead.

Bits are equal for one build on one class of machine. `ENVIRONMENT` is recorded with every session,
together with the digest of a short training run (`engine.engine.arithmetic_digest`). Where the
digests differ, equal bits cannot be claimed.
"""

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "false",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "XLA_FLAGS": (
        "--xla_cpu_max_isa=AVX2"
        " --xla_cpu_enable_platform_dependent_math=false"
        " --xla_cpu_use_xnnpack=false"
        " --xla_cpu_multi_thread_eigen=false"
        " --xla_allow_excess_precision=false"
        # Affects speed only: fewer copies of the loop's state, a seventh less time a tick.
        " --xla_cpu_copy_insertion_use_region_analysis=true"
        # Affects speed only: the step's loop becomes one function instead of a hundred and fifty
        # small ones, each called by the runtime: a third less time a tick.
        " --xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000000"
    ),
}
"""The variables that TensorFlow reads when it loads; recorded, since they affect numerics."""

if "tensorflow" in sys.modules:
    raise ImportError("tensorflow was imported before engine.arithmetic could set it up")


class _Later:
    """A module that is loaded when something of it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            # Who only inspects it, as a debugger does, loads nothing.
            raise AttributeError(attribute)
        from engine.executor import loading

        found = getattr(getattr(loading, self._name), attribute)
        # From now on found without coming here.
        setattr(self, attribute, found)
        return found


tf: Any = _Later("tf")
keras: Any = _Later("keras")
gen_xla_ops: Any = _Later("gen_xla_ops")

Tensor = Any
"""A TensorFlow tensor; the package ships no types, so docstrings give shapes and units."""


def replace_row(table: Tensor, row: Tensor, index: Tensor) -> Tensor:
    """Return a table with its row at ``index`` replaced; for compiled code only, where it is cheap.

    XLA's dynamic-update-slice works in place; `tf.tensor_scatter_nd_update` becomes a loop.
    """
    start = tf.stack([index] + [tf.zeros_like(index)] * (len(table.shape) - 1))
    return gen_xla_ops.xla_dynamic_update_slice(table, row[None], start)


def row_at(table: Tensor, index: Tensor) -> Tensor:
    """Return ``table[index][None]``; for compiled code.

    What an index of `tf` depends on, here the chunk, would be a constant of the compiled code, and
    every chunk compiled anew.
    """
    start = tf.stack([index] + [tf.zeros_like(index)] * (len(table.shape) - 1))
    size = tf.constant([1, *table.shape[1:]], index.dtype)
    return gen_xla_ops.xla_dynamic_slice(table, start, size)


def joined(parts: Sequence[Tensor], onto: Tensor) -> Tensor:
    """Return parts one after the other along the first axis, like `tf.concat`; for compiled code.

    XLA merges a concatenation into what uses it, and then finds for every element from which part
    it comes. This writes part after part over ``onto``, an array of the result's shape that holds
    anything but a constant.
    """
    place, rest = 0, [0] * (len(onto.shape) - 1)
    for part in parts:
        onto = gen_xla_ops.xla_dynamic_update_slice(onto, part, tf.constant([place, *rest]))
        place += part.shape[0]
    return onto


def reduced(reduce: Callable[..., Tensor], values: Tensor) -> Tensor:
    """Return the reduction of a vector by a function whose order does not matter, `tf.reduce_all`
    or `tf.reduce_sum` of integers.

    XLA makes windows of 32 numbers out of a longer vector, and adds window after window, number by
    number. What it reduces along leading axes of up to 32, it reduces several columns at a time.
    """
    parts, place = [], 0
    for shape in ((32, 32), (32,)):
        size = math.prod(shape)
        end = place + (values.shape[0] - place) // size * size
        if end > place:
            table = tf.reshape(values[place:end], (-1, *shape))
            parts.append(reduce(table, axis=tuple(range(len(shape)))))
        place = end
    if place < values.shape[0]:
        parts.append(reduce(values[place:])[None])
    return reduce(tf.concat(parts, 0))


def power(base: Tensor, exponent: Tensor) -> Tensor:
    """Return a base that is not negative to an exponent of 0 … 1, float32[] both.

    A compiler that knows an exponent of a half takes the root instead, whose last bit may be
    another. So do we, since an exponent that is an input now was once a constant.
    """
    return tf.where(exponent == 0.5, tf.sqrt(base), tf.pow(base, exponent))


State = TypeVar("State")


def when(condition: Tensor, change: Callable[[State], State], state: State) -> State:
    """Return ``change(state)`` where the condition (bool[]) holds, else the state at no cost."""
    changed: State = tf.cond(condition, lambda: change(state), lambda: state)
    return changed


__all__ = [
    "ENVIRONMENT",
    "Tensor",
    "joined",
    "keras",
    "power",
    "reduced",
    "replace_row",
    "row_at",
    "tf",
    "when",
]
