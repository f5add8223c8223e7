"""Which executor runs the step: machine code that is found, or TensorFlow, which makes it.

A process says once where code is found and kept (`select`); until then TensorFlow runs the step.
Code is taken if its recipe is the wanted one and its golden run here has the digest that
TensorFlow's own had. If there is none, TensorFlow compiles the step, its code is taken out and
kept, and from then on runs in TensorFlow's place, if it passes the same checks.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from engine.errors import ArtefactRefused, NoExecutor
from engine.executor import artefact as artefacts
from engine.executor import tensorflow, xla
from engine.executor.choice import Choice
from engine.executor.executor import Executor, Signature, signature
from engine.executor.golden import golden_digest
from engine.executor.native import PROGRAM, NativeStep
from engine.executor.recipe import key_of, recipe_of
from engine.parameters import Shape


class Shelf(Protocol):
    """Where machine code is found and kept; it knows files, and whom to trust."""

    @property
    def turn(self) -> AbstractContextManager[object]:
        """What the one thread of a process holds that looks for code or compiles it."""

    @property
    def processor(self) -> str:
        """The class of processor that code is made for here."""

    def found(self, key: str) -> Iterable[tuple[str, bytes]]:
        """Yield artefacts of a key, the best first: the class of processor, and the file."""

    def keep(self, key: str, file: bytes) -> None:
        """Keep an artefact for other processes, if that is possible."""

    def compiling(self, key: str) -> AbstractContextManager[Callable[[], list[bytes]]]:
        """Have what XLA compiles meanwhile written down; yield how to read it, newest first."""

    def say(self, sentence: str) -> None:
        """Tell the user something."""


@dataclass(slots=True)
class _Selected:
    choice: Choice = Choice.TENSORFLOW
    shelf: Shelf | None = None


_selected = _Selected()


def select(choice: Choice, shelf: Shelf) -> None:
    """Say which executor is wanted in this process, and where code is found and kept."""
    if (_selected.choice, _selected.shelf) != (choice, shelf):
        _selected.choice, _selected.shelf = choice, shelf
        _executor_of.cache_clear()


def selected() -> Choice:
    """Return which executor is wanted in this process."""
    return _selected.choice


def executor_of(shape: Shape) -> Executor:
    """Return the executor of a shape, shared by all states: to compile one takes seconds.

    Raises:
        NoExecutor: if nothing here can run the step as it is wanted.
    """
    shelf = _selected.shelf
    with nullcontext() if shelf is None else shelf.turn:
        return _executor_of(shape)


@lru_cache(maxsize=4)
def _executor_of(shape: Shape) -> Executor:
    choice, shelf = _selected.choice, _selected.shelf
    if shelf is None:
        return tensorflow.CompiledStep(shape)
    recipe = recipe_of(shape)
    key = key_of(recipe)
    if choice is Choice.TENSORFLOW:
        with shelf.compiling(key):
            return _compiled(shape)[0]
    refusals = []
    for processor, file in shelf.found(key):
        try:
            return _loaded(file, shape, {**recipe, "processor": processor})
        except ArtefactRefused as refused:
            refusals.append(str(refused))
    if refusals:
        shelf.say(f"machine code that was found is not taken: {refusals[0]}")
    with shelf.compiling(key) as written:
        step, arithmetic = _compiled(shape)
        entries = written()
    try:
        recipe = {**recipe, "processor": shelf.processor}
        file = _made(entries, shape, recipe, arithmetic)
        native = _loaded(file, shape, recipe)
    except ArtefactRefused as refused:
        if choice is Choice.NATIVE:
            problem = f"the step cannot be run without TensorFlow here: {refused}"
            raise NoExecutor(problem, hint="--executor auto lets TensorFlow run it.") from refused
        shelf.say(f"TensorFlow runs the step: {refused}")
        return step
    native.origin = "compiled"
    shelf.keep(key, file)
    return native


def _compiled(shape: Shape) -> tuple[tensorflow.CompiledStep, str]:
    """Return the step as TensorFlow runs it, compiled, and its arithmetic."""
    step = tensorflow.CompiledStep(shape)
    return step, golden_digest(step, shape.parameters)


def _made(entries: list[bytes], shape: Shape, recipe: dict[str, Any], arithmetic: str) -> bytes:
    """Return the artefact of what XLA compiled.

    Raises:
        ArtefactRefused: if it was not written down, or has something unknown.
    """
    program = _program_of(entries, *signature(shape))
    made = artefacts.Artefact(recipe=recipe, arithmetic=arithmetic, programs={PROGRAM: program})
    return artefacts.encode(made)


def _program_of(entries: list[bytes], inputs: Signature, outputs: Signature) -> artefacts.Program:
    """Return the first program of this signature: other code of this process compiles things too.

    Raises:
        ArtefactRefused: if there is none; why, of the first that was looked at.
    """
    refusals = []
    for entry in entries:
        try:
            return artefacts.program_of(xla.compilation_of(entry), inputs, outputs)
        except ArtefactRefused as refused:
            refusals.append(refused)
    if refusals:
        raise refusals[0]
    raise ArtefactRefused("what XLA compiled could not be written down")


def _loaded(file: bytes, shape: Shape, recipe: dict[str, Any]) -> NativeStep:
    """Return the executor of an artefact's code, if that passes every check.

    Raises:
        ArtefactRefused: if it does not.
    """
    artefact = artefacts.decode(file)
    if artefact.recipe != recipe:
        differing = sorted(
            name for name in {**recipe, **artefact.recipe}
            if recipe.get(name) != artefact.recipe.get(name)
        )  # fmt: skip
        raise ArtefactRefused(f"it was made of another {', '.join(differing)}")
    native = NativeStep(artefact, shape)
    if golden_digest(native, shape.parameters) != artefact.arithmetic:
        raise ArtefactRefused("its golden run gives other bits here than TensorFlow's did")
    return native
