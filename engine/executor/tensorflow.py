"""The step as TensorFlow runs it: traced, compiled by XLA, with its state in variables.

It is the definition of the step: what else runs it, runs what was compiled here. The state is held
in variables. A call reads them once, passes the values through the pure step and assigns them once
at its end, so a call that fails leaves them unchanged (I4). All chunks have one shape,
`CHUNK_TICKS` rows of which the first ``count`` are used. So one tick and a thousand run the same
machine code, and chunking does not change a bit (I7).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.arithmetic import Tensor, replace_row, tf
from engine.executor.executor import check_state, like
from engine.market import WIDTH, Rows
from engine.parameters import Shape
from engine.settings import Packed, Settings, pack_settings, settings_of, unpack_settings
from engine.state import RINGS, Arrays
from engine.step import (
    CHUNK_TICKS,
    NAMES,
    PACKED,
    PARTS,
    Counts,
    Measures,
    Outcome,
    State,
    pack,
    step,
    unpack,
    words,
)
from eventlog.invariants import hold


class Variables:
    """One state in the variables of a compiled step, and its settings; made by `CompiledStep.hold`.

    There is one variable for each ring, and one for everything else, packed by `pack`: a call costs
    more for each variable that it reads and assigns than for the data in it.
    """

    def __init__(self, state: Arrays, settings: Settings) -> None:
        self.settings = Packed(*map(tf.constant, pack_settings(settings)))
        self._like = {name: state[name] for name in PACKED}
        self._rings = {name: tf.Variable(state[name], name=name) for name in RINGS}
        self._small = tf.Variable(pack(state), name="small")
        self.handles = [*(ring.handle for ring in self._rings.values()), self._small.handle]

    def state(self) -> Arrays:
        """Return the values of the variables as arrays by name."""
        small = unpack(self._small.numpy(), self._like)
        rings = {name: ring.numpy() for name, ring in self._rings.items()}
        return {name: rings[name] if name in rings else small[name] for name in NAMES}

    def ring_rows(self, name: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of one of `RINGS` at these places."""
        ring = self._rings[name]
        # A view of the variable's buffer: a copy of it, or a gather, takes ten times as long.
        value = tf.raw_ops.ReadVariableOp(resource=ring.handle, dtype=ring.dtype)
        rows: npt.NDArray[Any] = np.asarray(memoryview(value))[places]
        return rows

    def read(self) -> State:
        """Return the values as the `State` of the step; only while the step is traced."""
        values = {name: ring.read_value() for name, ring in self._rings.items()}
        sizes = [words(self._like[name]).size for name in PACKED]
        parts = tf.split(self._small.read_value(), sizes)
        for name, part in zip(PACKED, parts, strict=True):
            values[name] = _value(part, self._like[name])
        return State(
            **{
                part: kind(**{field: values[f"{part}.{field}"] for field in kind._fields})
                for part, kind in PARTS.items()
            }
        )

    def assign(self, state: State) -> Tensor:
        """Assign a state and return the packed vector; only while the step is traced."""
        values = dict(zip(NAMES, tf.nest.flatten(state), strict=True))
        for name, ring in self._rings.items():
            ring.assign(values[name])
        packed = tf.concat([_bits(values[name]) for name in PACKED], 0)
        self._small.assign(packed)
        return packed


class CompiledStep:
    """The step over a chunk, compiled for one shape.

    It is traced on variables of its own and runs on any of the same shapes, with any settings. So
    the journals of all markets and parameters share the machine code, and no state is copied to
    take its turn.
    """

    name = "tensorflow"
    origin = "compiled"

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._like = like(shape)
        settings = settings_of(shape.parameters)
        self._traced = Variables(self._like, settings)
        self._call = tf.function(
            self._run,
            jit_compile=True,
            autograph=False,
            input_signature=[
                tf.TensorSpec((CHUNK_TICKS, WIDTH), tf.int64),
                tf.TensorSpec((), tf.int32),
                *(tf.TensorSpec(part.shape, part.dtype) for part in pack_settings(settings)),
            ],
        ).get_concrete_function()
        captured = zip(self._call.captured_inputs, self._traced.handles, strict=True)
        in_order = all(found is handle for found, handle in captured)
        hold("I3", in_order, "the step reads its variables, in their order, and nothing else")

    def hold(self, state: Arrays, settings: Settings) -> Variables:
        """Return variables that hold a state, to be run with these settings.

        Raises:
            StateMismatch: if names, shapes or types differ from this step's.
        """
        check_state(state, self._like)
        return Variables(state, settings)

    def run(self, variables: Variables, rows: Rows) -> Outcome:
        """Run the step over int64[n, WIDTH], n ≤ `CHUNK_TICKS`; not on two threads at once."""
        count = len(rows)
        padded = np.zeros((CHUNK_TICKS, WIDTH), np.int64)
        padded[:count] = rows
        arguments = tf.constant(padded), tf.constant(count, tf.int32), *variables.settings
        self._call.set_external_captures(variables.handles)
        outputs = self._call(*arguments)
        counts, measures, packed = (output.numpy() for output in outputs)
        return Outcome(counts[:count], measures[:count], packed)

    def _run(
        self, rows: Tensor, count: Tensor, integers: Tensor, fractions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        counts = tf.zeros((CHUNK_TICKS, len(Counts._fields)), tf.int64)
        measures = tf.zeros((CHUNK_TICKS, len(Measures._fields)), tf.float32)

        def body(
            index: Tensor, state: State, counts: Tensor, measures: Tensor
        ) -> tuple[Tensor, State, Tensor, Tensor]:
            settings = unpack_settings(Packed(integers, fractions))
            state, whole, parts = step(state, rows[index], self._shape, settings)
            whole_row = tf.stack([tf.cast(value, tf.int64) for value in whole])
            return (
                index + 1,
                state,
                replace_row(counts, whole_row, index),
                replace_row(measures, tf.stack(list(parts)), index),
            )

        _, state, counts, measures = tf.while_loop(
            lambda index, *_: index < count,
            body,
            (tf.constant(0), self._traced.read(), counts, measures),
            parallel_iterations=1,
        )
        return counts, measures, self._traced.assign(state)


def _bits(value: Tensor) -> Tensor:
    """Return what `engine.step.words` returns, in compiled code."""
    if value.dtype == tf.bool:
        value = tf.cast(value, tf.int32)
    return tf.reshape(tf.bitcast(value, tf.int32), [-1])


def _value(words: Tensor, like: npt.NDArray[Any]) -> Tensor:
    """Return the inverse of `_bits`, of the type and shape of ``like``."""
    if like.dtype == np.bool_:
        return tf.reshape(words != 0, like.shape)
    halves = (2,) if like.itemsize == 8 else ()
    return tf.bitcast(tf.reshape(words, like.shape + halves), tf.as_dtype(like.dtype))
