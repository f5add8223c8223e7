"""Packs one record into the body of a frame without Arrow's builders, in a tenth of the time.

A commit is often a single record, and building fifty columns of one cell takes as long as making it
durable. But two records of one *shape* (same kind, same fields given, texts of the same length, as
many levels) give messages that differ in their values only. So the message that Arrow builds
for the first record of a shape is kept as a template, once writing that record's values into it has
been shown to give the same bytes. Further records only write their values into the template.

The layout is that of the Arrow IPC format: a column without nulls is its values, one with a null is
a bitmap and a value of zero; each is padded to eight bytes; a text is preceded by its bounds.

>>> from eventlog.records import Gap
>>> gaps = [Gap(received_ns=number, from_ns=0, to_ns=9, why="closed") for number in (7, 8)]
>>> [len(packed(gap, offset=3)) for gap in gaps]
[496, 496]
>>> packed(gaps[1], offset=4) == pack_columns(columns_of(gaps[1:], first_offset=4))
True
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import attrgetter
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is one
from typing import Any

import pyarrow as pa

from eventlog.body import pack_columns
from eventlog.records import Level, Record
from eventlog.schema import COLUMNS, DECIMAL, FIELDS, KIND_OF, LEVELS, SCHEMA, columns_of

SHAPES_MAX = 4096
"""Templates that are kept (I10), about 1 kB each; records of further shapes are built by Arrow."""

_PLACES = {
    pa.int64(): "q",
    pa.uint64(): "Q",
    pa.int32(): "i4x",
    pa.int8(): "b7x",
    pa.float32(): "f4x",
    pa.bool_(): "?7x",
    DECIMAL: "q",
}
_TEXT_PLACE = "4xi{size}s{pad}x"
_LEVELS_PLACE = "4xi{size}q{size}q{size}b{pad}x{size}b{pad}x{size}i{pad4}x"
_NOTHING = "16x"
"""An empty bitmap, and a value or two bounds of zero."""

Shape = tuple[int | str | None, ...]
"""A kind, and for each field ``None`` or the length of its value; 0 for a number."""


@dataclass(frozen=True, slots=True)
class _Form:
    """The template of a shape: the constant bytes, and the places of the values after them."""

    head: bytes
    places: Struct


_forms: dict[Shape, _Form | None] = {}
_plain: dict[type[Record], tuple[_Form, list[Any], Callable[[Any], tuple[Any, ...]]]] = {}
"""For a class with numeric fields only: its template if all are given, its kind, its numbers."""


def packed(record: Record, *, offset: int) -> bytes:
    """Return the body of a record at an offset, equal to that of `body.pack_columns`."""
    plain = _plain.get(type(record))
    if plain is not None:
        its_form, kind, numbers = plain
        try:
            return its_form.head + its_form.places.pack(offset, *kind, *numbers(record))
        except (StructError, OverflowError):
            pass  # a value is missing or wrong
    shape, values = _taken(record, offset)
    form = _forms.get(shape)
    if form is not None:
        try:
            return form.head + form.places.pack(*values)
        except (StructError, OverflowError):
            pass  # Arrow raises an error that describes the wrong value
    body = pack_columns(columns_of([record], first_offset=offset))
    if shape not in _forms and len(_forms) < SHAPES_MAX:
        form = _forms[shape] = _form(shape, values, body)
        if form is not None and _is_plain(shape):
            names = [name for name, _ in _fields_of(str(shape[0]))]
            _plain[type(record)] = form, _text(str(shape[0])), attrgetter(*names)
    return body


def _is_plain(shape: Shape) -> bool:
    """Return whether a kind has numeric fields only, and all of them are given.

    A boolean field does not count, because a missing one would be packed as false.
    """
    kind, *sizes = shape
    types = [SCHEMA.field(column).type for column in COLUMNS[str(kind)]]
    numbers = all(each in _PLACES and each != pa.bool_() for each in types)
    return numbers and len(sizes) > 1 and all(size == 0 for size in sizes)


def _taken(record: Record, offset: int) -> tuple[Shape, list[Any]]:
    """Return the shape of a record, and its values in the order of the columns."""
    kind = KIND_OF[type(record)]
    shape: list[int | str | None] = [kind]
    values: list[Any] = [offset, *_text(kind)]
    for name, cells_of in _fields_of(kind):
        value = getattr(record, name)
        if value is None:
            shape.append(None)
        elif cells_of is None:
            shape.append(0)
            values.append(value)
        else:
            cells = cells_of(value)
            shape.append(cells[0])
            values += cells
    return tuple(shape), values


def _text(value: str) -> list[Any]:
    data = value.encode()
    return [len(data), data]


def _bytes(value: bytes) -> list[Any]:
    return [len(value), value]


def _levels(value: Sequence[Level]) -> list[Any]:
    columns = zip(*map(_LEVEL, value), strict=True)
    return [len(value), *chain.from_iterable(columns)]


_LEVEL = attrgetter("price_e8", "volume_e8", "price_decimals", "volume_decimals", "order_count")
_CELLS: dict[pa.DataType, Callable[[Any], list[Any]]] = {
    pa.string(): _text,
    pa.binary(): _bytes,
    LEVELS: _levels,
}


@cache
def _fields_of(kind: str) -> list[tuple[str, Callable[[Any], list[Any]] | None]]:
    """Return the fields of a kind in the order of their columns, and the converter of each."""
    columns = {column: name for name, column in FIELDS[kind]}
    held = [column for column in SCHEMA if column.name in columns]
    return [(columns[column.name], _CELLS.get(column.type)) for column in held]


def _form(shape: Shape, values: list[Any], body: bytes) -> _Form | None:
    """Return the template of a shape from Arrow's body of a record, or that there is none."""
    kind, *sizes = shape
    columns = [column for column in SCHEMA if column.name in COLUMNS[str(kind)]]
    types = [SCHEMA.field("offset").type, SCHEMA.field("kind").type]
    types += [column.type for column in columns]
    sizes = [0, len(str(kind)), *sizes]
    places = Struct("<" + "".join(map(_place, types, sizes)))
    form = _Form(body[: -places.size], places)
    try:
        alike = form.head + places.pack(*values) == body
    except (StructError, OverflowError):
        return None
    return form if alike else None


def _place(kind: pa.DataType, size: Any) -> str:
    """Return the position and `struct` format of the single value of a column in a message."""
    if size is None:
        return _NOTHING
    if kind in _PLACES:
        return _PLACES[kind]
    place = _LEVELS_PLACE if kind == LEVELS else _TEXT_PLACE
    return place.format(size=size, pad=-size % 8, pad4=-4 * size % 8)
