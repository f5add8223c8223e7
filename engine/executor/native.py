"""The step as machine code alone: what XLA compiled, run by numpy and ctypes, without TensorFlow.

XLA's kernels get the addresses of their arrays in call frames (``kernel_c_api.h``, in TensorFlow's
wheel). Here all arrays of a held state lie in one block of memory, its frames are filled once, and
a call of the step is one call of code that calls the kernels in order (`engine.executor.image`).
A call changes the state in place. A kernel that fails leaves it in between, so it is not run again.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ArtefactRefused
from engine.executor.artefact import Artefact, Program, Value
from engine.executor.executor import check_state, like, signature
from engine.executor.image import ROW_WORDS, Image
from engine.market import Rows
from engine.parameters import Shape
from engine.settings import Settings, pack_settings
from engine.state import RINGS, Arrays
from engine.step import NAMES, PACKED, Outcome, pack, unpack

PROGRAM = "step"
"""The name of the step among the programs of an artefact."""

_ALIGNED_BYTES = 64


class NativeStep:
    """The step of one shape, from an artefact; an `engine.executor.executor.Executor`."""

    name = "native"

    def __init__(self, artefact: Artefact, shape: Shape) -> None:
        """Load an artefact's code.

        Raises:
            ArtefactRefused: if it is of another signature, or this system cannot run it.
        """
        program = artefact.programs.get(PROGRAM)
        if program is None:
            raise ArtefactRefused("the artefact has no step")
        found = (program.inputs, program.outputs)
        for wanted, values in zip(signature(shape), found, strict=True):
            if tuple(each[:3] for each in values) != wanted:
                raise ArtefactRefused("the artefact is of another signature than the step")
        self._like = like(shape)
        self._program = program
        self._image = Image(program)
        self.origin = "found compiled"

    def hold(self, state: Arrays, settings: Settings) -> "NativeState":
        """Return memory that holds a state, to be run with these settings.

        Raises:
            StateMismatch: if names, shapes or types differ from this step's.
        """
        check_state(state, self._like)
        return NativeState(self._program, self._image, state, settings)

    def run(self, held: "NativeState", rows: Rows) -> Outcome:
        """Run the step over int64[n, WIDTH]; for each held state on one thread at a time."""
        return held.run(rows)


class Memory:
    """The arrays of a program by name, and the frames of its calls: its own, for one thread."""

    def __init__(self, program: Program, image: Image) -> None:
        starts = _starts(program)
        block = _block(starts[-1])
        base = block.ctypes.data
        addresses = [
            image.base + program.constants[buffer] if buffer in program.constants else base + start
            for buffer, start in enumerate(starts[:-1])
        ]
        self._frames = _frames(program, np.array(addresses, np.uint64))
        self.table = self._frames[0].ctypes.data
        """The address of the table that `Image.run` gets."""
        self.arrays = {
            value.name: _view(block, starts[value.buffer], value)
            for value in (*program.inputs, *program.outputs)
        }


class NativeState:
    """One state in memory, with its settings; made by `NativeStep.hold`."""

    def __init__(self, program: Program, image: Image, state: Arrays, settings: Settings) -> None:
        self._image = image
        self._like = {name: state[name] for name in PACKED}
        self._memory = Memory(program, image)
        arrays = self._memory.arrays
        self._rows, self._count = arrays["rows"], arrays["count"]
        self._rings = {name: arrays[name] for name in RINGS}
        self._small = arrays["small"]
        self._results = arrays["counts"], arrays["measures"], arrays["packed"]
        for name, ring in self._rings.items():
            ring[...] = state[name]
        self._small[...] = pack(state)
        for name, values in pack_settings(settings)._asdict().items():
            arrays[name][...] = values
        self._failed = False

    def run(self, rows: Rows) -> Outcome:
        """Carry the state over int64[n, WIDTH]."""
        count = len(rows)
        self._rows[:count] = rows
        self._count[...] = count
        if self._failed or self._image.run(self._memory.table):
            self._failed = True
            raise RuntimeError("a kernel of the compiled step failed")
        counts, measures, packed = self._results
        return Outcome(counts[:count].copy(), measures[:count].copy(), packed.copy())

    def state(self) -> Arrays:
        """Return the state's arrays by name, copies."""
        small = unpack(self._small.copy(), self._like)
        return {
            name: self._rings[name].copy() if name in self._rings else small[name] for name in NAMES
        }

    def ring_rows(self, name: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of one of `RINGS` at these places."""
        rows: npt.NDArray[Any] = self._rings[name][places]
        return rows


def _starts(program: Program) -> list[int]:
    """Return where each buffer starts in a state's block, and where the last one ends."""
    starts = [0]
    for buffer, size in enumerate(program.buffers):
        own = 0 if buffer in program.constants else size
        starts.append(starts[-1] + -(-own // _ALIGNED_BYTES) * _ALIGNED_BYTES)
    return starts


def _block(size: int) -> npt.NDArray[np.uint8]:
    whole = np.zeros(size + _ALIGNED_BYTES, np.uint8)
    start = -whole.ctypes.data % _ALIGNED_BYTES
    return whole[start : start + size]


def _view(memory: npt.NDArray[np.uint8], start: int, value: Value) -> npt.NDArray[Any]:
    kind = np.dtype(value.dtype)
    size = int(np.prod(value.shape, dtype=np.int64)) * kind.itemsize
    return memory[start : start + size].view(kind).reshape(value.shape)


def _frames(
    program: Program, addresses: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint64], ...]:
    """Return the table of calls, and what its rows point to, which has to live as long."""
    slices = np.array(program.slices, np.uint64).reshape(-1, 3)
    arguments = np.stack([addresses[slices[:, 0]] + slices[:, 1], slices[:, 2]], 1)
    # The size of the one workgroup, and its number.
    groups = np.array([1, 1, 1, 0, 0, 0], np.uint64)
    table = np.zeros((len(program.calls), ROW_WORDS), np.uint64)
    for index, (function, first, end) in enumerate(program.calls):
        if function < 0:
            table[index, :3] = arguments[end - 1, 0], arguments[first, 0], arguments[first, 1]
        else:
            start, group = arguments.ctypes.data + 16 * first, groups.ctypes.data
            table[index] = group, group + 24, end - first, start
    return table, arguments, groups
