"""The few of Arrow's functions that reading takes, called by name.

`pyarrow.compute` makes a Python function, with its help, of each of three hundred when it is
loaded, and methods such as ``filter``, ``take`` and ``flatten`` load it: a fifth of the time
in which a command that only looks has its answer. These are the same functions without that.
"""

from typing import TypeVar

import pyarrow as pa
from pyarrow._compute import SetLookupOptions, call_function

_Rows = TypeVar("_Rows", pa.Array, pa.RecordBatch)


def equal(column: pa.Array, value: object) -> pa.Array:
    """Return where a column has a value."""
    return call_function("equal", [column, pa.scalar(value)])


def at_least(column: pa.Array, value: object) -> pa.Array:
    """Return where a column has a value or a greater one."""
    return call_function("greater_equal", [column, pa.scalar(value)])


def is_in(column: pa.Array, values: pa.Array) -> pa.Array:
    """Return where a column has one of some values."""
    return call_function("is_in", [column], SetLookupOptions(values))


def index_in(column: pa.Array, values: pa.Array) -> pa.Array:
    """Return the number of each value among some; null where it is none of them."""
    return call_function("index_in", [column], SetLookupOptions(values))


def filled(column: pa.Array, value: object) -> pa.Array:
    """Return a column with another value for nulls."""
    if not column.null_count:
        return column
    return call_function("coalesce", [column, pa.scalar(value, column.type)])


def and_not(first: pa.Array, second: pa.Array) -> pa.Array:
    """Return where the first is true and the second is not."""
    return call_function("and_not", [first, second])


def is_valid(column: pa.Array) -> pa.Array:
    """Return where a column is not null."""
    return call_function("is_valid", [column])


def total(column: pa.Array) -> int:
    """Return the sum of a column of numbers or of truths; nothing of nothing is 0."""
    return call_function("sum", [column]).as_py() or 0


def counts(column: pa.Array) -> dict[str, int]:
    """Return how often each value of a column is there."""
    found = call_function("value_counts", [column])
    return dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True))


def where(rows: _Rows, mask: pa.Array) -> _Rows:
    """Return the rows of an array or a batch where a mask is true."""
    return call_function("filter", [rows, mask])


def ordered(column: pa.Array, order: pa.Array) -> pa.Array:
    """Return the values of a column at some places, in that order."""
    return call_function("take", [column, order])


def flattened(lists: pa.Array) -> pa.Array:
    """Return what all lists of a column hold, one behind the other."""
    return call_function("list_flatten", [lists])


def lengths_of(lists: pa.Array) -> pa.Array:
    """Return how long each list of a column is; null for one that is null."""
    return call_function("list_value_length", [lists])
