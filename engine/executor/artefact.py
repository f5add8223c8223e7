"""The compiled step as a file: its machine code, and all that is needed to run it alone.

    magic and version, 16 bytes · BLAKE2b of what follows, 32 bytes · length of the head, 8 bytes
    the head, JSON · the images of its programs, one after the other

The head says what the code was made of (`Artefact.recipe`) and what it must give (`arithmetic`, the
digest of the short golden run by TensorFlow itself), and describes each program: buffers, what goes
in and out by name, type and shape, and the calls in their order. A file is decoded only if every
number in it is in its bounds; what is not known is refused. The digest tells of damage. It does not
tell who wrote the file: that is the business of whoever found it (`journal.compile_cache`).
"""

import json
import operator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from math import prod
from typing import Any, NamedTuple

import numpy as np

from engine.errors import ArtefactRefused
from engine.executor import objects
from engine.executor.executor import Signature
from engine.executor.xla import Compilation, Copy, Kernel, Slice

MAGIC = b"trader step   1\n"
BYTES_MAX = 1 << 28
"""No artefact is so large (I10)."""

EXTERNALS = frozenset(
    ("memcpy", "memmove", "memset", "exp", "expf", "exp2", "exp2f", "log", "logf", "log2", "log2f",
     "log1p", "log1pf", "pow", "powf", "fmod", "fmodf")
)  # fmt: skip
"""The functions of the C library that code may call: none of them has effects elsewhere."""

_DIGEST_BYTES, _LENGTH_BYTES = 32, 8
_BUFFERS_MAX, _CALLS_MAX, _SLICES_MAX = 1 << 16, 1 << 16, 1 << 20
_DTYPES = frozenset(("|b1", "<i4", "<i8", "<u4", "<u8", "<f4", "<f8"))


class Value(NamedTuple):
    """An array that goes in or comes out, and the buffer that is it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    buffer: int


class Call(NamedTuple):
    """A call of the function at a place of the image; a copy if it is negative.

    ``slices`` are rows of `Program.slices`, from and before; of a copy the source and the target.
    """

    function: int
    first: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One computation: an image, and the calls that run it."""

    image: bytes
    code_bytes: int
    addresses: tuple[tuple[int, int], ...]
    externals: dict[str, tuple[int, ...]]
    buffers: tuple[int, ...]
    """The size of each, in bytes."""
    constants: dict[int, int]
    """Buffers that are part of the image → their place."""
    calls: tuple[Call, ...]
    slices: tuple[tuple[int, int, int], ...]
    """Buffer, offset and size of each part that a call gets."""
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    def check(self) -> None:
        """Hold every number to its bounds.

        Raises:
            ArtefactRefused: if one is outside.
        """
        length, buffers = len(self.image), self.buffers
        _hold(0 < self.code_bytes <= length and self.code_bytes % objects.PAGE_BYTES == 0, "code")
        _hold(len(buffers) <= _BUFFERS_MAX and len(self.calls) <= _CALLS_MAX, "counts")
        _hold(len(self.slices) <= _SLICES_MAX, "counts")
        _hold(all(0 <= each < BYTES_MAX for each in buffers), "a buffer")
        _hold(sum(buffers) < BYTES_MAX, "the buffers")
        for place, target in self.addresses:
            _hold(0 <= place <= length - 8 and 0 <= target <= length, "an address")
        unknown = sorted(set(self.externals) - EXTERNALS)
        _hold(not unknown, f"the function {', '.join(unknown)}")
        for places in self.externals.values():
            _hold(all(0 <= place <= length - 8 for place in places), "an address")
        for buffer, place in self.constants.items():
            _hold(0 <= buffer < len(buffers), "a constant")
            _hold(self.code_bytes <= place <= length - buffers[buffer], "a constant")
        for buffer, offset, size in self.slices:
            _hold(0 <= buffer < len(buffers) and offset >= 0 and size >= 0, "a slice")
            _hold(offset + size <= buffers[buffer], "a slice")
        for call in self.calls:
            _hold(0 <= call.first <= call.end <= len(self.slices), "a call")
            _hold(call.function < self.code_bytes, "a call")
            if call.function < 0:
                _hold(call.end - call.first == 2, "a copy")
                (_, _, size), (into, _, room) = self.slices[call.first : call.end]
                _hold(size == room and into not in self.constants, "a copy")
        for value in (*self.inputs, *self.outputs):
            _hold(value.dtype in _DTYPES and min(value.shape, default=0) >= 0, value.name)
            _hold(0 <= value.buffer < len(buffers), value.name)
            _hold(value.buffer not in self.constants, value.name)
            size = prod(value.shape) * np.dtype(value.dtype).itemsize
            _hold(size == buffers[value.buffer], value.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """Programs by name, of what they were made, and the digest of the golden run."""

    recipe: dict[str, Any]
    arithmetic: str
    programs: dict[str, Program]


def program_of(compilation: Compilation, inputs: Signature, outputs: Signature) -> Program:
    """Return what XLA compiled as a program whose arrays have names.

    Raises:
        ArtefactRefused: if it is of another signature, or has something unknown.
    """
    numbers = {buffer: index for index, buffer in enumerate(sorted(compilation.buffers))}
    constants = sorted(compilation.constants)
    linked = objects.link(
        compilation.objects, tuple(compilation.constants[each] for each in constants)
    )
    slices: list[tuple[int, int, int]] = []
    calls = []
    for thunk in compilation.thunks:
        parts = thunk.slices if isinstance(thunk, Kernel) else (thunk.source, thunk.target)
        first = len(slices)
        slices += [_part(part, numbers) for part in parts]
        if isinstance(thunk, Copy):
            calls.append(Call(-1, first, len(slices)))
        elif thunk.function in linked.functions:
            calls.append(Call(linked.functions[thunk.function], first, len(slices)))
        else:
            raise ArtefactRefused(f"there is no function {thunk.function}")
    values = []
    for found, signature in ((compilation.inputs, inputs), (compilation.outputs, outputs)):
        shapes = tuple((each.dtype, each.shape) for each in found)
        if shapes != tuple(each[1:] for each in signature):
            raise ArtefactRefused(f"arrays of {shapes}, not of {signature}")
        named = zip(signature, found, strict=True)
        values.append(tuple(Value(*said, numbers[each.buffer]) for said, each in named))
    program = Program(
        image=linked.image,
        code_bytes=linked.code_bytes,
        addresses=linked.addresses,
        externals=linked.externals,
        buffers=tuple(compilation.buffers[buffer] for buffer in sorted(compilation.buffers)),
        constants={
            numbers[buffer]: place
            for buffer, place in zip(constants, linked.constants, strict=True)
        },
        calls=tuple(calls),
        slices=tuple(slices),
        inputs=values[0],
        outputs=values[1],
    )
    program.check()
    return program


def _part(part: Slice, numbers: dict[int, int]) -> tuple[int, int, int]:
    if part.buffer not in numbers:
        raise ArtefactRefused(f"a call that uses buffer {part.buffer}, which is not there")
    return numbers[part.buffer], part.offset, part.size


def encode(artefact: Artefact) -> bytes:
    """Return an artefact as the bytes of its file; equal artefacts give equal bytes."""
    programs = {}
    for name, program in sorted(artefact.programs.items()):
        said = {**asdict(program), "image": len(program.image)}
        said["constants"] = sorted(program.constants.items())
        programs[name] = said
    said = {"recipe": artefact.recipe, "arithmetic": artefact.arithmetic, "programs": programs}
    head = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    images = [program.image for _, program in sorted(artefact.programs.items())]
    body = b"".join([len(head).to_bytes(_LENGTH_BYTES, "little"), head, *images])
    return MAGIC + blake2b(body, digest_size=_DIGEST_BYTES).digest() + body


def decode(file: bytes) -> Artefact:
    """Return the artefact that a file holds.

    Raises:
        ArtefactRefused: if any check fails.
    """
    start = len(MAGIC) + _DIGEST_BYTES
    if file[: len(MAGIC)] != MAGIC:
        raise ArtefactRefused("the artefact is of another version, or none")
    body = memoryview(file)[start:]
    if blake2b(body, digest_size=_DIGEST_BYTES).digest() != file[len(MAGIC) : start]:
        raise ArtefactRefused("the artefact is damaged: its digest is another")
    try:
        return _decoded(bytes(body))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ArtefactRefused(f"the artefact makes no sense: {error!r}") from error


def _decoded(body: bytes) -> Artefact:
    length = int.from_bytes(body[:_LENGTH_BYTES], "little")
    place = _LENGTH_BYTES + length
    head = json.loads(body[_LENGTH_BYTES:place])
    programs = {}
    for name, said in sorted(head["programs"].items()):
        image = body[place : place + said["image"]]
        _hold(len(image) == said["image"], "an image")
        place += len(image)
        programs[name] = _program(image, said)
        programs[name].check()
    _hold(place == len(body), "the end")
    return Artefact(
        recipe=dict(head["recipe"]), arithmetic=str(head["arithmetic"]), programs=programs
    )


def _program(image: bytes, said: dict[str, Any]) -> Program:
    whole = operator.index
    return Program(
        image=image,
        code_bytes=whole(said["code_bytes"]),
        addresses=tuple((whole(place), whole(target)) for place, target in said["addresses"]),
        externals={str(name): tuple(map(whole, at)) for name, at in said["externals"].items()},
        buffers=tuple(map(whole, said["buffers"])),
        constants={whole(buffer): whole(place) for buffer, place in said["constants"]},
        calls=tuple(Call(*map(whole, call)) for call in said["calls"]),
        slices=tuple((whole(b), whole(o), whole(n)) for b, o, n in said["slices"]),
        inputs=tuple(map(_value, said["inputs"])),
        outputs=tuple(map(_value, said["outputs"])),
    )


def _value(said: list[Any]) -> Value:
    name, dtype, shape, buffer = said
    return Value(str(name), str(dtype), tuple(map(operator.index, shape)), operator.index(buffer))


def _hold(holds: bool, what: str) -> None:
    if not holds:
        raise ArtefactRefused(f"the artefact makes no sense: {what} is out of bounds, or unknown")
