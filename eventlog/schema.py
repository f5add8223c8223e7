"""One Arrow schema for every record: one row a record, null where a kind lacks the column.

The table is flat, so a sealed segment can be queried directly in DuckDB, Polars or pandas. Columns
of equal meaning share a name (``price`` of a `Trade` and of a `Fill`). Counts of 1e-8 are stored as
``decimal64(18, 8)``: the same integers, which readers see as exact decimals. Fields ``x_e8`` in
`records` are the columns ``x``.

`VERSION` is written into every segment. Every version ever released can be read; a newer one is
refused. A later version may add kinds of records and nullable columns, and removes nothing. Records
of earlier versions are null in columns that were added since.

==  ============================================================
 1  the first
 2  kinds ``health`` and ``milestone``
 3  kinds ``market_status`` and ``candle``; columns ``taken_ns`` and ``source``; the names of
    `RENAMED`
==  ============================================================
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa

from eventlog.fastpath.cells import Builder, column_of
from eventlog.fastpath.compute import filled, flattened, lengths_of
from eventlog.records import KINDS, Level, Record, Side


class _Hidden:
    """An import finder that hides pandas."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ImportError("pandas is not looked for now")


def _spare_pandas() -> None:
    """Make pyarrow look for pandas once, find none, and remember that.

    It looks when it builds its first array, and importing pandas takes a second in every process. A
    later conversion to a data frame still works, because pyarrow then looks again.
    """
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(hidden)


_spare_pandas()

VERSION = 3

RENAMED = {
    "ripened": "resolved",
    "realised": "edge_realisation",
    "trust": "skill_confidence",
    "crossing": "spread_cost",
    "holder_equity": "buy_hold_equity",
    "trips": "round_trips",
    "wins": "winning_trips",
}
"""Columns of versions 1 and 2 → the names that they have from version 3 on. Readers know both."""

FORMERLY = {new: old for old, new in RENAMED.items()}

DECIMAL = pa.decimal64(18, 8)
LEVELS = pa.list_(
    pa.struct(
        [
            pa.field("price", DECIMAL, nullable=False),
            pa.field("volume", DECIMAL, nullable=False),
            pa.field("price_decimals", pa.int8(), nullable=False),
            pa.field("volume_decimals", pa.int8(), nullable=False),
            pa.field("order_count", pa.int32(), nullable=False),
        ]
    )
)

SCHEMA = pa.schema(
    [
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("exchange_ns", pa.int64()),
        pa.field("received_ns", pa.int64(), nullable=False),
        # quote
        pa.field("bid", DECIMAL),
        pa.field("ask", DECIMAL),
        pa.field("last", DECIMAL),
        pa.field("bid_decimals", pa.int8()),
        pa.field("ask_decimals", pa.int8()),
        pa.field("last_decimals", pa.int8()),
        pa.field("snapshot_id", pa.int64()),
        # trade (price, volume and side also of a fill)
        pa.field("price", DECIMAL),
        pa.field("volume", DECIMAL),
        pa.field("price_decimals", pa.int8()),
        pa.field("volume_decimals", pa.int8()),
        pa.field("side", pa.string()),
        pa.field("trade_id", pa.int64()),
        pa.field("backfilled", pa.bool_()),
        # book
        pa.field("bids", LEVELS),
        pa.field("asks", LEVELS),
        pa.field("snapshot", pa.bool_()),
        pa.field("checksum", pa.int64()),
        # undecodable, gap, session
        pa.field("raw", pa.binary()),
        pa.field("why", pa.string()),
        pa.field("from_ns", pa.int64()),
        pa.field("to_ns", pa.int64()),
        pa.field("session", pa.int64()),
        pa.field("detail", pa.string()),
        # decision
        pa.field("cause", pa.int64()),
        pa.field("p_move", pa.float32()),
        pa.field("p_up_raw", pa.float32()),
        pa.field("p_up", pa.float32()),
        pa.field("confidence", pa.float32()),
        pa.field("edge_ppm", pa.float32()),
        pa.field("cost_ppm", pa.float32()),
        pa.field("action", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("loss", pa.float32()),
        pa.field("learning_rate", pa.float32()),
        pa.field("trained", pa.int32()),
        pa.field("resolved", pa.int32()),
        pa.field("scored", pa.int32()),
        pa.field("scored_hits", pa.int32()),
        pa.field("scored_loss", pa.float32()),
        pa.field("scored_baseline_loss", pa.float32()),
        pa.field("voided", pa.int32()),
        pa.field("equity", DECIMAL),
        pa.field("cash", DECIMAL),
        pa.field("position", DECIMAL),
        pa.field("fingerprint", pa.uint64()),
        # fill
        pa.field("ordered_at", pa.int64()),
        pa.field("fee", DECIMAL),
        # since version 2: decision
        pa.field("edge_realisation", pa.float32()),
        pa.field("skill_confidence", pa.float32()),
        pa.field("sharpe", pa.float32()),
        pa.field("gross_equity", DECIMAL),
        pa.field("spread_cost", DECIMAL),
        pa.field("buy_hold_equity", DECIMAL),
        pa.field("random_equity", DECIMAL),
        pa.field("drawdown", DECIMAL),
        pa.field("turnover", DECIMAL),
        pa.field("round_trips", pa.int64()),
        pa.field("winning_trips", pa.int64()),
        pa.field("phase", pa.string()),
        pa.field("p_up_network", pa.float32()),
        pa.field("scored_rises", pa.int32()),
        pa.field("scored_said_rises", pa.int32()),
        pa.field("scored_network_hits", pa.int32()),
        pa.field("scored_network_loss", pa.float32()),
        pa.field("scored_rule_hits", pa.int32()),
        pa.field("scored_rule_loss", pa.float32()),
        pa.field("scored_persistence_hits", pa.int32()),
        pa.field("scored_brier", pa.float32()),
        # since version 2: fill
        pa.field("value", DECIMAL),
        pa.field("slippage", DECIMAL),
        pa.field("levels", pa.int32()),
        # since version 3: quote, trade, book
        pa.field("taken_ns", pa.int64()),
        # since version 3: market_status
        pa.field("status", pa.string()),
        # since version 3: candle (source also of a trade that was fetched)
        pa.field("length_ns", pa.int64()),
        pa.field("open", DECIMAL),
        pa.field("high", DECIMAL),
        pa.field("low", DECIMAL),
        pa.field("close", DECIMAL),
        pa.field("source", pa.string()),
    ],
    metadata={"trader.schema": str(VERSION)},
)

NAMES = tuple(SCHEMA.names)
REQUIRED = tuple(field.name for field in SCHEMA if not field.nullable)
"""The columns that every record has; cached, since a query of the schema is slower than a batch."""

REQUIRED_NUMBERS = tuple(NAMES.index(name) for name in REQUIRED)
_OFFSET = SCHEMA.field(0)
_TYPES = {field.name: field.type for field in SCHEMA}
_FEW, _MANY = 256, 1 << 16

_VERSION_KEY = b"trader.schema"

KIND_OF = {cls: kind for kind, cls in KINDS.items()}
"""The class → its kind, as recorded."""


def _column_of(field_name: str) -> str:
    return field_name.removesuffix("_e8")


FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    kind: tuple((field.name, _column_of(field.name)) for field in fields(cls))
    for kind, cls in KINDS.items()
}
"""kind → its (field, column) pairs, in the order of the class."""

COLUMNS = {kind: frozenset(column for _, column in pairs) for kind, pairs in FIELDS.items()}
"""kind → the columns that its records have in addition to ``offset`` and ``kind``."""


def decimals(values_e8: np.ndarray[Any, np.dtype[np.int64]], mask: Any = None) -> pa.Array:
    """Return counts of 1e-8 as a decimal column; where ``mask`` is true the value is null."""
    counts = pa.array(values_e8, pa.int64(), mask=mask)
    return pa.Array.from_buffers(DECIMAL, len(counts), counts.buffers(), counts.null_count)


def counts_e8(column: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return a decimal column as counts of 1e-8; nulls become 0."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    counts = pa.Array.from_buffers(
        pa.int64(), len(column), column.buffers(), column.null_count, column.offset
    )
    values: np.ndarray[Any, np.dtype[np.int64]] = filled(counts, 0).to_numpy(zero_copy_only=False)
    return values


def nulls(column: str, count: int) -> pa.Array:
    """Return ``rows`` null rows of a column."""
    return _few_nulls(count)[column] if count <= _FEW else nulls_of(_TYPES[column], count)


def nulls_of(kind: pa.DataType, count: int) -> pa.Array:
    """Return null rows of a type.

    Columns share them, because filling memory with zeros for each took half the time of a scan.
    """
    return pa.nulls(count, kind) if count > _MANY else _many_nulls(kind).slice(0, count)


@cache
def _many_nulls(kind: pa.DataType) -> pa.Array:
    return pa.nulls(_MANY, kind)


def _nulls(count: int) -> dict[str, pa.Array]:
    return {name: nulls_of(kind, count) for name, kind in _TYPES.items()}


# Cached for small batches, where building them takes half the time. (I10: a few MiB in total.)
_few_nulls = lru_cache(maxsize=_FEW)(_nulls)


_LEVEL = attrgetter("price_e8", "volume_e8", "price_decimals", "volume_decimals", "order_count")
_levels_of_tuples = column_of(LEVELS)


def _levels_column(values: list[tuple[Level, ...] | None]) -> pa.Array:
    return _levels_of_tuples(
        [None if levels is None else [*map(_LEVEL, levels)] for levels in values]
    )


_BUILDERS: dict[str, Builder] = {
    field.name: _levels_column if field.type == LEVELS else column_of(field.type)
    for field in SCHEMA
}


def batch_of(columns: Mapping[str, pa.Array], count: int) -> pa.RecordBatch:
    """Return a batch of ``count`` rows with these columns, all others null.

    Raises:
        ValueError: if a column that may not be null is missing, or a name is not in the schema.
    """
    unknown = columns.keys() - _TYPES.keys()
    missing = [name for name in REQUIRED if name not in columns]
    if unknown or missing:
        raise ValueError(f"unknown columns {sorted(unknown)}, missing columns {missing}")
    empty = _few_nulls(count) if count <= _FEW else _nulls(count)
    return pa.RecordBatch.from_arrays(list({**empty, **columns}.values()), schema=SCHEMA)


def named_as_now(schema: pa.Schema) -> pa.Schema:
    """Return the schema of a segment with the present names of its columns."""
    fields = [field.with_name(RENAMED.get(field.name, field.name)) for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def is_known(schema: pa.Schema) -> bool:
    """Return whether records with these columns, by present names, can be read by this version.

    A later version may add nullable columns; it never removes one or changes its type.
    """
    version = int((schema.metadata or {}).get(_VERSION_KEY, b"0"))
    known = all(field.name in NAMES and field == SCHEMA.field(field.name) for field in schema)
    return known and 1 <= version <= VERSION and set(REQUIRED) <= set(schema.names)


def columns_of(records: Sequence[Record], *, first_offset: int) -> dict[str, pa.Array]:
    """Return the columns of records at dense offsets from ``first_offset`` on.

    Only the columns of their kinds and those of every record; all others would be null.
    """
    count = len(records)
    distinct = sorted(KIND_OF[cls] for cls in set(map(type, records)))
    alone = len(distinct) == 1
    kinds = [] if alone else [KIND_OF[type(record)] for record in records]
    values: dict[str, list[Any]] = {"received_ns": [None] * count}
    # Column by column, which is faster than record by record.
    for kind in distinct:
        rows = [row for row, other in enumerate(kinds) if other == kind]
        alike = records if alone else [records[row] for row in rows]
        for field_name, column in FIELDS[kind]:
            cells = list(map(attrgetter(field_name), alike))
            if not alone:
                cells = _placed(cells, rows, values.get(column) or [None] * count)
            values[column] = cells
    columns = {column: _BUILDERS[column](cells) for column, cells in values.items()}
    columns["offset"] = _offsets(first_offset, count)
    columns["kind"] = _BUILDERS["kind"](distinct * count if alone else kinds)
    return columns


def encode(records: Sequence[Record], *, first_offset: int) -> pa.RecordBatch:
    """Return the records as one batch, at dense offsets from ``first_offset`` on."""
    return batch_of(columns_of(records, first_offset=first_offset), len(records))


def _placed(cells: list[Any], rows: list[int], column: list[Any]) -> list[Any]:
    """Set these cells in their rows of a column, in place; return the column."""
    for row, cell in zip(rows, cells, strict=True):
        column[row] = cell
    return column


def _offsets(first: int, count: int) -> pa.Array:
    numbers = np.arange(first, first + count, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(numbers)])


def renumber(batch: pa.RecordBatch, *, first_offset: int) -> pa.RecordBatch:
    """Return the same rows at dense offsets from ``first_offset`` on."""
    return batch.set_column(0, _OFFSET, _offsets(first_offset, batch.num_rows))


def levels_of(column: pa.Array) -> list[tuple[Level, ...] | None]:
    """Return a column of book levels, row by row."""
    flat = flattened(column)
    cells = zip(
        counts_e8(flat.field(0)).tolist(),
        counts_e8(flat.field(1)).tolist(),
        flat.field(2).to_pylist(),
        flat.field(3).to_pylist(),
        flat.field(4).to_pylist(),
        strict=True,
    )
    levels = [Level(*cell) for cell in cells]
    lengths = lengths_of(column).to_pylist()
    rows: list[tuple[Level, ...] | None] = []
    start = 0
    for length in lengths:
        rows.append(None if length is None else tuple(levels[start : start + length]))
        start += length or 0
    return rows


def _cells(batch: pa.RecordBatch, column: str) -> list[Any]:
    array = batch.column(column)
    if array.type == DECIMAL:
        counts = pa.Array.from_buffers(
            pa.int64(), len(array), array.buffers(), array.null_count, array.offset
        )
        return list(counts.to_pylist())
    if array.type == LEVELS:
        return list(levels_of(array))
    if column == "side":
        return [None if side is None else Side(side) for side in array.to_pylist()]
    return list(array.to_pylist())


def decode(batch: pa.RecordBatch) -> Iterator[tuple[int, Record]]:
    """Yield the (offset, record) pairs of a whole batch.

    Raises:
        ValueError: if a row's kind is not in the vocabulary.
    """
    cells: dict[str, list[Any]] = {}
    offsets = batch.column("offset").to_pylist()
    for row, (offset, kind) in enumerate(
        zip(offsets, batch.column("kind").to_pylist(), strict=True)
    ):
        if kind not in KINDS:
            raise ValueError(f"offset {offset}: unknown kind of record {kind!r}")
        arguments = {}
        for field_name, column in FIELDS[kind]:
            if column not in cells:
                cells[column] = _cells(batch, column)
            arguments[field_name] = cells[column][row]
        yield offset, KINDS[kind](**arguments)
