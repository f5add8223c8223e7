"""Columns of records as arrays of numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventlog.schema import counts_e8

Floats = npt.NDArray[np.float64]


def decimals_of(column: Any) -> Floats:
    """Return a decimal column as floats, shape (rows,), exact enough to draw; nulls become 0."""
    return counts_e8(column) / 1e8


def numbers(column: Any, *, missing: float) -> Floats:
    """Return a column of numbers as floats, shape (rows,), with ``missing`` for nulls."""
    if pa.types.is_decimal(column.type):
        values = decimals_of(column)
        if column.null_count:
            values[np.asarray(column.is_null())] = missing
        return values
    filled = column.cast(pa.float64()).fill_null(missing) if column.null_count else column
    out: Floats = filled.to_numpy().astype(np.float64)
    return out
