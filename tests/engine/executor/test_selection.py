"""Which executor runs: code that was found and passes, code that was made, or TensorFlow."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Barrier, Lock
from time import sleep
from typing import Any

import pytest

from engine.errors import ArtefactRefused, NoExecutor
from engine.executor import artefact, selection, tensorflow, xla
from engine.executor.artefact import Program, decode, encode
from engine.executor.choice import Choice
from engine.executor.golden import golden_digest
from engine.executor.native import PROGRAM
from engine.executor.recipe import key_of, recipe_of
from engine.executor.selection import executor_of
from engine.executor.tensorflow import CompiledStep
from engine.parameters import Shape
from journal import compile_cache
from tests.support.executors import native_of
from tests.support.markets import SMALL

KEY = key_of(recipe_of(SMALL.shape))


class Refused(Exception):
    """TensorFlow would have compiled the step."""


class Planted:
    """A shelf with certain files, which writes down what it is told."""

    compiled: tuple[bytes, ...] = ()
    """What XLA is said to have compiled meanwhile."""

    def __init__(self, *files: bytes, processor: str | None = None) -> None:
        self.turn = Lock()
        self.processor = compile_cache.SHELF.processor
        self._found_as = processor or self.processor
        self.files, self.told = files, []  # type: tuple[bytes, ...], list[str]

    def found(self, key: str) -> Iterator[tuple[str, bytes]]:
        assert key == KEY
        yield from ((self._found_as, file) for file in self.files)

    def keep(self, key: str, file: bytes) -> None:
        assert key == KEY
        assert self.compiled
        self.files = (file,)

    @contextmanager
    def compiling(self, key: str) -> Iterator[Any]:
        yield lambda: [*self.compiled]

    def say(self, sentence: str) -> None:
        self.told.append(sentence)


@pytest.fixture(scope="module")
def good() -> bytes:
    """Return the artefact of this process's step, which is compiled if need be."""
    native_of(SMALL.shape)
    return next(file for _, file in compile_cache.SHELF.found(KEY))


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let a test choose, without a compiler; what was chosen before holds again after it."""

    def refused(shape: Shape) -> CompiledStep:
        raise Refused

    monkeypatch.setattr(tensorflow, "CompiledStep", refused)
    yield monkeypatch
    monkeypatch.undo()
    selection.select(Choice.AUTO, compile_cache.SHELF)


def asked(shelf: Planted, choice: Choice = Choice.AUTO) -> Any:
    selection.select(choice, shelf)
    return executor_of(SMALL.shape)


def test_what_is_found_and_passes_is_taken(chosen: object, good: bytes) -> None:
    shelf = Planted(good)

    for choice in (Choice.AUTO, Choice.NATIVE):
        found = asked(shelf, choice)
        assert (found.name, found.origin) == ("native", "found compiled")
    assert shelf.told == []


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"step": "another"}},
        {"recipe": {"tensorflow": "tensorflow-cpu 2.20.0"}},
        {"recipe": {"shape": {"block_units": 9}}},
        {"recipe": {"processor": "another"}},
        {"recipe": {"environment": {}}},
        {"arithmetic": "00" * 16},
        {"programs": {}},
    ],
    ids=str,
)
def test_what_does_not_pass_is_refused_and_a_line_says_why(
    chosen: object, good: bytes, change: dict[str, Any]
) -> None:
    """TensorFlow runs the step then."""
    whole = decode(good)
    if "recipe" in change:
        change = {"recipe": {**whole.recipe, **change["recipe"]}}
    shelf = Planted(encode(replace(whole, **change)))

    with pytest.raises(Refused):
        asked(shelf)

    (line,) = shelf.told
    assert line.startswith("machine code that was found is not taken: ")


def test_the_next_one_is_tried(chosen: object, good: bytes) -> None:
    assert asked(Planted(good[:-1], b"", good)).name == "native"


def test_a_wrong_byte_in_a_constant_gives_no_other_bits(chosen: object, good: bytes) -> None:
    """Whether the golden run finds it, or it is of no consequence for any result."""
    whole = decode(good)
    program = whole.programs[PROGRAM]
    arithmetic = golden_digest(asked(Planted(good)), replace(SMALL, seed=1))
    refused = 0
    for place in sorted(program.constants.values()):
        image = bytearray(program.image)
        image[place] ^= 0x40
        wrong = replace(whole, programs={PROGRAM: replace(program, image=bytes(image))})
        shelf = Planted(encode(wrong))
        try:
            found = asked(shelf)
        except Refused:
            refused += 1
            assert "other bits" in shelf.told[0]
        else:
            assert golden_digest(found, replace(SMALL, seed=1)) == arithmetic
    assert refused


def test_one_that_was_asked_for_and_is_not_possible_is_an_error(
    chosen: pytest.MonkeyPatch,
) -> None:
    """With a sentence that says what to do."""
    chosen.setattr(selection, "_compiled", lambda shape: (None, ""))

    with pytest.raises(NoExecutor, match="could not be written down") as refused:
        asked(Planted(), Choice.NATIVE)

    assert "--executor auto" in refused.value.hint


def test_tensorflow_runs_where_it_was_asked_for(chosen: pytest.MonkeyPatch, good: bytes) -> None:
    step = object()
    chosen.setattr(selection, "_compiled", lambda shape: (step, ""))

    assert asked(Planted(good), Choice.TENSORFLOW) is step


def test_it_runs_where_code_cannot_be_had_and_a_line_says_why(chosen: pytest.MonkeyPatch) -> None:
    step = object()
    chosen.setattr(selection, "_compiled", lambda shape: (step, ""))
    shelf = Planted()

    assert asked(shelf) is step
    assert shelf.told == ["TensorFlow runs the step: what XLA compiled could not be written down"]


def test_of_all_that_was_compiled_the_step_is_taken(
    chosen: pytest.MonkeyPatch, good: bytes
) -> None:
    """Whatever else XLA compiled in this process meanwhile, and however old each is."""
    whole = decode(good)

    def read(entry: bytes, *_: object) -> Program:
        if entry != b"the step":
            raise ArtefactRefused("it is something else")
        return whole.programs[PROGRAM]

    chosen.setattr(selection, "_compiled", lambda shape: (None, whole.arithmetic))
    chosen.setattr(xla, "compilation_of", lambda entry: entry)
    chosen.setattr(artefact, "program_of", read)
    shelf = Planted()
    shelf.compiled = (b"a sum", b"the step", b"a product")

    found = asked(shelf)

    assert (found.name, found.origin, shelf.told) == ("native", "compiled", [])
    assert [*map(decode, shelf.files)] == [whole]


def test_threads_take_turns_and_share_what_the_first_one_made(chosen: pytest.MonkeyPatch) -> None:
    """Two that compile at once would take each other's files for their own."""
    made: list[object] = []
    start = Barrier(4)

    def compiled(shape: Shape) -> tuple[object, str]:
        sleep(0.05)  # long enough for the others to come
        made.append(object())
        return made[-1], ""

    def ask(_: int) -> object:
        start.wait()
        return executor_of(SMALL.shape)

    chosen.setattr(selection, "_compiled", compiled)
    selection.select(Choice.AUTO, Planted())

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(ask, range(4))]

    assert found == made * 4
