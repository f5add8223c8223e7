"""The few Arrow compute functions that reading needs, called by name.

When it is imported, `pyarrow.compute` builds three hundred Python functions with docstrings, and
methods such as ``filter``, ``take`` and ``flatten`` import it. That takes a fifth of the time of a
read-only command. This module calls the same functions without that import.
"""

from typing import TypeVar

import pyarrow as pa
from pyarrow._compute import SetLookupOptions, call_function

_Rows = TypeVar("_Rows", pa.Array, pa.RecordBatch)


def equal(column: pa.Array, value: object) -> pa.Array:
    """Return where a column equals a value, bool[rows]."""
    return call_function("equal", [column, pa.scalar(value)])


def at_least(column: pa.Array, value: object) -> pa.Array:
    """Return where a column is at least a value, bool[rows]."""
    return call_function("greater_equal", [column, pa.scalar(value)])


def is_in(column: pa.Array, values: pa.Array) -> pa.Array:
    """Return where a column has one of these values, bool[rows]."""
    return call_function("is_in", [column], SetLookupOptions(values))


def index_in(column: pa.Array, values: pa.Array) -> pa.Array:
    """Return the index of each value in a set of values; null where it is not in the set."""
    return call_function("index_in", [column], SetLookupOptions(values))


def filled(column: pa.Array, value: object) -> pa.Array:
    """Return a column with its nulls replaced by a value."""
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
    """Return the sum of a column of numbers or booleans; 0 for an empty one."""
    return call_function("sum", [column]).as_py() or 0


def counts(column: pa.Array) -> dict[str, int]:
    """Return the number of occurrences of each value of a column."""
    found = call_function("value_counts", [column])
    return dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True))


def where(rows: _Rows, mask: pa.Array) -> _Rows:
    """Return the rows of an array or a batch where a mask is true."""
    return call_function("filter", [rows, mask])


def ordered(column: pa.Array, order: pa.Array) -> pa.Array:
    """Return the values of a column at these places, in that order."""
    return call_function("take", [column, order])


def flattened(lists: pa.Array) -> pa.Array:
    """Return the elements of all lists of a column, concatenated."""
    return call_function("list_flatten", [lists])


def lengths_of(lists: pa.Array) -> pa.Array:
    """Return the length of each list of a column; null for a null list."""
    return call_function("list_value_length", [lists])
