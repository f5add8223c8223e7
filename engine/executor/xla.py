"""What XLA compiled, read from the file that TensorFlow keeps of it.

TensorFlow 2.21 writes an ``XlaSerializedCacheEntry``, whose field 3 is a ``CompilationResultProto``
(``xla/service/cpu/executable.proto``): object files, the thunks that are run one after the other,
the layout of their buffers, and the optimised module, which has the constants and the shapes of
inputs and outputs. These formats are private to a version of TensorFlow: whatever is not known here
is refused, and TensorFlow runs the step then.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from engine.errors import ArtefactRefused

_DTYPES = {1: "|b1", 4: "<i4", 5: "<i8", 8: "<u4", 9: "<u8", 11: "<f4", 12: "<f8"}
"""XLA's number of an element type → numpy's name of it."""

_LITERAL_FIELDS = {1: 2, 4: 4, 5: 5, 8: 6, 9: 7, 11: 8, 12: 9}
"""XLA's number of an element type → the field of a literal that holds its values."""

_VARINTS = (4, 5, 8, 9)

Fields = dict[int, list[Any]]
"""A message: the number of each field → its values, integers or bytes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An array's type and shape, and the number of the buffer that holds it."""

    dtype: str
    shape: tuple[int, ...]
    buffer: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a buffer, in bytes."""

    buffer: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Kernel:
    """A call of one function of the object files on parts of buffers."""

    function: str
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of one part of a buffer to another."""

    source: Slice
    target: Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """One computation as XLA compiled it."""

    processor: str
    """What it was compiled for: target, model and features."""
    objects: tuple[bytes, ...]
    thunks: tuple[Kernel | Copy, ...]
    buffers: dict[int, int]
    """The number of a buffer → its bytes."""
    constants: dict[int, bytes]
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]


def compilation_of(entry: bytes) -> Compilation:
    """Return the compilation that a kept file holds.

    Raises:
        ArtefactRefused: if something in it is not known.
    """
    try:
        return _compilation(_message(_only(_message(entry), _ENTRY_COMPILATION)))
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise ArtefactRefused(f"what XLA compiled cannot be read: {error!r}") from error


_ENTRY_COMPILATION = 3
_MODULE, _BUFFERS, _THUNKS, _OBJECTS, _TARGET = 1, 2, 6, 8, 9  # of the compilation


def _compilation(result: Fields) -> Compilation:
    module = _message(_only(_message(_only(result, _MODULE)), 1))
    assignment = _message(_only(result, _BUFFERS))
    allocations = [_message(each) for each in assignment[3]]
    # Where a logical buffer comes from: the instruction, and the place in its result.
    origins = {
        _number(buffer, 1): _message(_only(buffer, 3))
        for buffer in map(_message, assignment.get(1, []))
    }
    found = _Module(module, allocations, origins)
    target = _message(_only(result, _TARGET))
    return Compilation(
        processor=" ".join(_only(target, field).decode() for field in (1, 2, 3)),
        objects=tuple(_only(_message(each), 1) for each in result[_OBJECTS]),
        thunks=tuple(map(_thunk, _message(_only(result, _THUNKS))[1])),
        buffers={
            _number(each, 1): _number(each, 2) for each in allocations if not _number(each, 3)
        },
        constants=found.constants(),
        inputs=found.inputs(),
        outputs=found.outputs(),
    )


def _thunk(encoded: bytes) -> Kernel | Copy:
    thunk = _message(encoded)
    kind = _only(thunk, 1)
    if kind == b"kernel" and set(thunk) == {1, 2, 11}:
        kernel = _message(_only(thunk, 11))
        groups = _message(_only(kernel, 2))
        if set(kernel) <= set(range(1, 7)) and groups == {1: [1], 2: [1], 3: [1]}:
            parts = [*kernel.get(5, []), *kernel.get(6, [])]
            slices = tuple(_slice(_only(_message(part), 1)) for part in parts)
            return Kernel(_only(kernel, 1).decode(), slices)
    if kind == b"copy" and set(thunk) == {1, 2, 12}:
        copy = _message(_only(thunk, 12))
        source, target = (_slice(_only(_message(_only(copy, each)), 2)) for each in (1, 2))
        if set(copy) == {1, 2} and source.size == target.size:
            return Copy(source, target)
    raise ValueError(f"a thunk of kind {kind!r}")


def _slice(encoded: bytes) -> Slice:
    part = _message(encoded)
    return Slice(buffer=_number(part, 3), offset=_number(part, 1), size=_number(part, 2))


class _Module:
    """The optimised module: shapes of what goes in and out, and constants, by buffer."""

    def __init__(
        self, module: Fields, allocations: list[Fields], origins: dict[int, Fields]
    ) -> None:
        self._module = module
        self._allocations = allocations
        self._origins = origins
        computations = map(_message, module[3])
        self._instructions = {
            _number(instruction, 35): instruction
            for computation in computations
            for instruction in map(_message, computation[2])
        }
        self._program = _message(_only(module, 4))

    def inputs(self) -> tuple[Shape, ...]:
        of_parameter = {
            _number(each, 6): _number(each, 1) for each in self._allocations if _number(each, 5)
        }
        shapes = map(_shape, self._program[1])
        return tuple(Shape(*shape, of_parameter[number]) for number, shape in enumerate(shapes))

    def outputs(self) -> tuple[Shape, ...]:
        """Return them: those that replace an input have its buffer, the others one of their own."""
        result = _message(_only(self._program, 2))
        shapes = [_shape(each) for each in result[4]]
        inputs = self.inputs()
        replaced = {}
        for each in map(_message, _message(_only(self._module, 8)).get(1, [])):
            (place,) = _numbers(_only(each, 1))
            replaced[place] = inputs[_number(each, 2)]
        own = [
            each
            for each in self._allocations
            if _number(each, 7) and not _number(each, 5) and not _number(each, 11)
        ]
        found = []
        for place, shape in enumerate(shapes):
            if place in replaced:
                same = replaced[place]
                if (same.dtype, same.shape) != shape:
                    raise ValueError(f"output {place} has another shape than its input")
                found.append(same)
            else:
                (buffer,) = (_number(each, 1) for each in own if self._is_of(each, shape))
                found.append(Shape(*shape, buffer))
        return tuple(found)

    def _is_of(self, allocation: Fields, shape: tuple[str, tuple[int, ...]]) -> bool:
        """Return whether an allocation holds an array of this shape, and just that."""
        if _number(allocation, 2) != prod(shape[1]) * np.dtype(shape[0]).itemsize:
            return False
        for assigned in map(_message, allocation.get(9, [])):
            origin = self._origins[_number(assigned, 1)]
            encoded = _only(self._instructions[_number(origin, 4)], 3)
            for place in _numbers(origin[3][0]) if 3 in origin else ():
                encoded = _message(encoded)[4][place]
            if _number(assigned, 2) == 0 and _is_array(encoded) and _shape(encoded) == shape:
                return True
        return False

    def constants(self) -> dict[int, bytes]:
        found = {}
        for allocation in self._allocations:
            if not _number(allocation, 12):
                continue
            buffer, size = _number(allocation, 1), _number(allocation, 2)
            origins = (self._origins[_number(_message(a), 1)] for a in allocation[9])
            instructions = (self._instructions[_number(origin, 4)] for origin in origins)
            literals = [_only(i, 8) for i in instructions if _only(i, 2) == b"constant"]
            if not literals:
                raise ValueError("a constant without a value")
            found[buffer] = _literal(literals[0])
            if len(found[buffer]) != size:
                raise ValueError(f"a constant of {len(found[buffer])} bytes, not {size}")
        return found


def _is_array(encoded: bytes) -> bool:
    return _number(_message(encoded), 2) in _DTYPES


def _shape(encoded: bytes) -> tuple[str, tuple[int, ...]]:
    shape = _message(encoded)
    sides = tuple(side for part in shape.get(3, []) for side in _numbers(part))
    return _DTYPES[_number(shape, 2)], sides


def _literal(encoded: bytes) -> bytes:
    """Return the bytes of a constant."""
    literal = _message(encoded)
    kind = _number(_message(_only(literal, 1)), 2)
    width = np.dtype(_DTYPES[kind]).itemsize
    parts = literal.get(_LITERAL_FIELDS[kind], [])
    if kind in _VARINTS:
        numbers = [number for part in parts for number in _numbers(part)]
        return b"".join((number % 256**8).to_bytes(8, "little")[:width] for number in numbers)
    return b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)


def _message(encoded: bytes) -> Fields:
    """Return the fields of a message in protocol buffers' wire format."""
    found: Fields = {}
    place = 0
    while place < len(encoded):
        key, place = _varint(encoded, place)
        value: int | bytes
        if key & 7 == 0:
            value, place = _varint(encoded, place)
        else:
            size, place = (
                (8, place)
                if key & 7 == 1
                else (4, place)
                if key & 7 == 5
                else (_varint(encoded, place))
            )
            value, place = encoded[place : place + size], place + size
        if place > len(encoded) or key & 7 not in (0, 1, 2, 5):
            raise ValueError("a field that does not end where its message does")
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint(encoded: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = encoded[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, place


def _numbers(part: int | bytes) -> list[int]:
    """Return one number, or those that are packed."""
    if isinstance(part, int):
        return [part]
    numbers, place = [], 0
    while place < len(part):
        number, place = _varint(part, place)
        numbers.append(number)
    return numbers


def _only(message: Fields, field: int) -> Any:
    (value,) = message[field]
    return value


def _number(message: Fields, field: int) -> int:
    """Return a number, 0 where it is left out, as protocol buffers do."""
    value = message.get(field, [0])[0]
    if not isinstance(value, int):
        raise TypeError(f"field {field} is no number")
    return value
