"""Columns that are laid out by hand equal those of Arrow's builders, also as bytes in a message."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.fastpath.cells import CELLS_MAX, column_of
from eventlog.schema import LEVELS, SCHEMA

KINDS = sorted({field.type for field in SCHEMA if field.type != LEVELS}, key=str)
"""All types of the log's columns, the lists of levels apart."""

_CELLS: dict[str, st.SearchStrategy[Any]] = {
    "int8": st.integers(-(2**7), 2**7 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "decimal64(18, 8)": st.integers(-(10**18) + 1, 10**18 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "bool": st.booleans(),
    "string": st.text(max_size=9),
    "binary": st.binary(max_size=9),
}


def by_arrow(kind: pa.DataType, cells: list[Any]) -> pa.Array:
    """Return the column as Arrow's builders make it; decimals from counts."""
    if not pa.types.is_decimal64(kind):
        return pa.array(cells, kind)
    counts = pa.array(cells, pa.int64())
    return pa.Array.from_buffers(kind, len(counts), counts.buffers(), counts.null_count)


def message(column: pa.Array) -> bytes:
    """Return the column in a message, as it is written into a frame."""
    held = pa.schema([pa.field("column", column.type)])
    return bytes(pa.RecordBatch.from_arrays([column], schema=held).serialize())


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(data=st.data())
def test_a_column_is_arrow_s(kind: pa.DataType, data: st.DataObject) -> None:
    """Whatever the cells, with nulls, without, none at all, and more than are laid out here."""
    cell = _CELLS[str(kind)]
    sizes = data.draw(st.sampled_from([0, 1, 3, 9, CELLS_MAX, CELLS_MAX + 1]))
    some = data.draw(st.booleans())
    cells = data.draw(st.lists(st.none() | cell if some else cell, min_size=sizes, max_size=sizes))

    column, expected = column_of(kind)(cells), by_arrow(kind, cells)

    column.validate(full=True)
    assert column.equals(expected)
    assert message(column) == message(expected)


_ITEM = st.tuples(
    _CELLS["decimal64(18, 8)"], _CELLS["decimal64(18, 8)"], _CELLS["int8"], _CELLS["int8"],
    _CELLS["int32"],
)  # fmt: skip


@given(st.lists(st.none() | st.lists(_ITEM, max_size=4), max_size=5))
def test_a_column_of_levels_is_arrow_s(cells: list[list[tuple[int, ...]] | None]) -> None:
    """Lists of structures, some empty, some missing."""
    column = column_of(LEVELS)(cells)

    column.validate(full=True)
    flat = [item for cell in cells for item in cell or ()]
    parts = [
        by_arrow(field.type, [item[place] for item in flat])
        for place, field in enumerate(LEVELS.value_type)
    ]
    items = pa.StructArray.from_arrays(parts, fields=list(LEVELS.value_type))
    starts = [sum(len(each or ()) for each in cells[:row]) for row in range(len(cells) + 1)]
    mask = pa.array([cell is None for cell in cells], pa.bool_())
    expected = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), items, type=LEVELS, mask=mask)
    assert column.equals(expected)
    assert message(column) == message(expected)


@pytest.mark.parametrize(
    ("kind", "cell", "error"),
    [
        (pa.int64(), "7", (TypeError, pa.ArrowException)),
        (pa.int64(), 1 << 63, (OverflowError, pa.ArrowException)),
        (pa.int8(), 200, (OverflowError, pa.ArrowException)),
        (pa.uint64(), -1, (OverflowError, pa.ArrowException)),
        (pa.bool_(), 1, (TypeError, pa.ArrowException)),
        (pa.string(), 7, (TypeError, pa.ArrowException)),
    ],
)
@pytest.mark.parametrize("others", [[], [None]])
def test_a_wrong_cell_is_said_by_arrow(
    kind: pa.DataType, cell: Any, error: tuple[type[Exception], ...], others: list[None]
) -> None:
    """Nothing is laid out that is not what its column holds."""
    with pytest.raises(error):
        column_of(kind)([cell, *others])
