"""Who runs the compiled step: what `engine.engine` needs of it, and no more."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import StateMismatch
from engine.learner import network
from engine.market import WIDTH, Rows
from engine.parameters import Shape
from engine.settings import Settings, pack_settings, settings_of
from engine.state import RINGS, Arrays
from engine.step import CHUNK_TICKS, Counts, Measures, Outcome, arrays, pack

Signature = tuple[tuple[str, str, tuple[int, ...]], ...]
"""Names, types (numpy's) and shapes of what goes in, or comes out, in order."""


class Held(Protocol):
    """One state, and the settings that it is run with; made by `Executor.hold`."""

    def state(self) -> Arrays:
        """Return the state's arrays by name, copies."""

    def ring_rows(self, name: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of one of `engine.state.RINGS` at these places."""


class Executor(Protocol):
    """The step over a chunk, for one shape.

    It has no state of its own: the states that it holds may be run on different threads, each on
    one at a time.
    """

    @property
    def name(self) -> str:
        """How it is called: ``native`` or ``tensorflow``."""

    @property
    def origin(self) -> str:
        """Whether its machine code was compiled by this process, or found compiled."""

    def hold(self, state: Arrays, settings: Settings) -> Any:
        """Return a `Held` state, to be run with these settings.

        Raises:
            StateMismatch: if names, shapes or types differ from this step's.
        """

    def run(self, held: Any, rows: Rows) -> Outcome:
        """Carry a held state over int64[n, WIDTH], n ≤ `engine.step.CHUNK_TICKS`."""


def check_state(state: Arrays, like: Arrays) -> None:
    """Refuse a state whose arrays are not shaped as those of ``like``.

    Raises:
        StateMismatch: if names, shapes or types differ.
    """
    for name, wanted in like.items():
        array = state.get(name)
        if array is None:
            raise StateMismatch(f"the state has no {name}")
        if (array.shape, array.dtype) != (wanted.shape, wanted.dtype):
            found, expected = (array.shape, array.dtype.name), (wanted.shape, wanted.dtype.name)
            raise StateMismatch(f"{name} is {found}, expected {expected}")


def like(shape: Shape) -> Arrays:
    """Return a state of a shape: its arrays are shaped as those of any other of this shape."""
    weights = np.zeros(network.count(shape), np.float32)
    return arrays(weights, shape.parameters)


def signature(shape: Shape) -> tuple[Signature, Signature]:
    """Return what goes into a call of the step of a shape, and what comes out of it.

    The state comes out as it went in; before it come the results of `engine.step.Outcome`.
    """
    state, settings = like(shape), pack_settings(settings_of(shape.parameters))
    small = pack(state)
    rings = [(name, state[name].dtype.str, state[name].shape) for name in RINGS]
    held = (*rings, ("small", small.dtype.str, small.shape))
    inputs = (
        ("rows", "<i8", (CHUNK_TICKS, WIDTH)),
        ("count", "<i4", ()),
        *((name, part.dtype.str, part.shape) for name, part in settings._asdict().items()),
        *held,
    )
    outputs = (
        ("counts", "<i8", (CHUNK_TICKS, len(Counts._fields))),
        ("measures", "<f4", (CHUNK_TICKS, len(Measures._fields))),
        ("packed", small.dtype.str, small.shape),
        *held,
    )
    return inputs, outputs
