"""Record batches to the bodies of frames and back, without empty columns. Pure.

A record has the columns of its kind, and a commit is often a single record. Most columns of its
batch are empty and would take more space than the others. So a body is

* a mask of eight bytes for every 64 columns of the segment's schema, rounded up: bit ``i % 8`` of
  byte ``i // 8`` is set if column ``i`` is present; bits beyond the last column are zero;
* the present columns, as one Arrow record batch: an IPC message without its schema,
  uncompressed by Arrow.

A column that is not present is null in every row. Columns that may not be null are always present.

Many bodies are read at once: messages with the same columns are decoded by Arrow as one stream,
and rows with different columns are then merged in the order of their offsets.

>>> from eventlog.records import Gap
>>> from eventlog.schema import SCHEMA, encode
>>> batch = encode([Gap(received_ns=7, from_ns=5, to_ns=6, why="closed")], first_offset=3)
>>> body = pack(batch)
>>> len(body), len(batch.serialize())
(496, 6144)
>>> unpack([body], starts=[3], counts=[1], schema=SCHEMA).equals(batch)
True
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from eventlog.fastpath.compute import ordered
from eventlog.schema import COLUMNS, NAMES, REQUIRED, SCHEMA, nulls, nulls_of

Int64s = np.ndarray[Any, np.dtype[np.int64]]

_ROWS_CACHED_MAX = 1024
_MASKED_COLUMNS = 64


def pack(batch: pa.RecordBatch) -> bytes:
    """Return the body of a batch in the schema of its segment."""
    held, mask = _held_by_kinds(batch) or _held(
        [number for number, column in enumerate(batch.columns) if _holds(column)],
        batch.num_columns,
    )
    return b"".join((mask, batch.select(held).serialize()))


def pack_columns(columns: Mapping[str, pa.Array]) -> bytes:
    """Return the body of a batch in the present schema with these columns, all others null."""
    held, mask = _layout(frozenset(columns))
    batch = pa.RecordBatch.from_arrays([columns[name] for name in held.names], schema=held)
    return b"".join((mask, batch.serialize()))


def columns(body: bytes) -> dict[str, pa.Array]:
    """Return the columns of a body in the present schema; they share its memory.

    Only for a body that was packed just now, because nothing about it is checked.
    """
    size_bytes = _mask_bytes(len(NAMES))
    held = _known_columns_in(body[:size_bytes])
    batch = pa.ipc.read_record_batch(pa.py_buffer(body).slice(size_bytes), held)
    return dict(zip(held.names, batch.columns, strict=True))


def unpack(
    bodies: Sequence[bytes],
    *,
    starts: Sequence[int],
    counts: Sequence[int],
    schema: pa.Schema,
    columns: Sequence[str] | None = None,
) -> pa.RecordBatch:
    """Return the records of consecutive bodies as one batch in the present schema.

    Args:
        bodies: at least one, of one segment.
        starts: the offset of the first record of each body.
        counts: the number of records in each body.
        schema: the schema of the segment.
        columns: the names of the columns to return; all if not given.

    Raises:
        ValueError: if a body is malformed, or does not hold these records.
    """
    names = NAMES if columns is None else tuple(columns)
    size_bytes = _mask_bytes(len(schema))
    alike: dict[bytes, list[int]] = {}
    for number, body in enumerate(bodies):
        alike.setdefault(body[:size_bytes], []).append(number)
    parts: list[dict[str, pa.Array]] = []
    offsets: list[Int64s] = []
    for mask, numbers in alike.items():
        messages = [memoryview(bodies[number])[size_bytes:] for number in numbers]
        table = _table(messages, _columns_in(mask, schema), {*names, "offset"})
        rows = [counts[number] for number in numbers]
        if [len(chunk) for chunk in table.column("offset").iterchunks()] != rows:
            raise ValueError("a batch does not have as many records as its frame states")
        part = _whole(table)
        expected = _offsets([starts[number] for number in numbers], rows)
        if not np.array_equal(int64s(part["offset"]), expected):
            raise ValueError("a batch does not have the offsets that its frame states")
        parts.append(part)
        offsets.append(expected)
    wanted = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in names])
    return pa.RecordBatch.from_arrays(_merged(parts, offsets, names), schema=wanted)


# --- packing

Held = tuple[list[int], bytes]
"""The columns of a body, and their mask."""


def _held_by_kinds(batch: pa.RecordBatch) -> Held | None:
    """Return the columns of the batch's kinds, or ``None`` if another column is not empty."""
    rows = batch.num_rows
    if rows > _ROWS_CACHED_MAX or not batch.schema.equals(SCHEMA):
        return None
    kinds = batch.column(1)
    words = (kinds[0].as_py(),) if rows == 1 else kinds.unique().to_pylist()
    others, nothing = _empty_columns(frozenset(words), rows)
    return _columns_of(frozenset(words)) if batch.select(others).equals(nothing) else None


@lru_cache(maxsize=256)
def _empty_columns(kinds: frozenset[str], rows: int) -> tuple[list[int], pa.RecordBatch]:
    """Return the columns that these kinds do not have, by number and as an empty batch."""
    held, _ = _columns_of(kinds)
    others = [number for number in range(len(NAMES)) if number not in held]
    fields = [SCHEMA.field(number) for number in others]
    arrays = [nulls_of(field.type, rows) for field in fields]
    return others, pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


@lru_cache(maxsize=256)
def _columns_of(kinds: frozenset[str]) -> Held:
    """Return the columns of these kinds; for an unknown kind, those that every row has."""
    names = set(REQUIRED).union(*(COLUMNS.get(kind, ()) for kind in kinds))
    return _held([number for number, name in enumerate(NAMES) if name in names], len(NAMES))


@lru_cache(maxsize=256)
def _layout(names: frozenset[str]) -> tuple[pa.Schema, bytes]:
    """Return the fields of these columns in their order, and their mask."""
    numbers, mask = _held([NAMES.index(name) for name in NAMES if name in names], len(NAMES))
    return pa.schema([SCHEMA.field(number) for number in numbers]), mask


def _held(numbers: list[int], columns: int) -> Held:
    bits = sum(1 << number for number in numbers)
    return numbers, bits.to_bytes(_mask_bytes(columns), "little")


def _holds(column: pa.Array) -> bool:
    return bool(column.null_count < len(column))


def _mask_bytes(columns: int) -> int:
    return -(-columns // _MASKED_COLUMNS) * (_MASKED_COLUMNS // 8)


# --- unpacking


@lru_cache(maxsize=256)
def _known_columns_in(mask: bytes) -> pa.Schema:
    return _columns_in(mask, SCHEMA)


def _columns_in(mask: bytes, schema: pa.Schema) -> pa.Schema:
    bits = int.from_bytes(mask, "little")
    held = pa.schema([field for number, field in enumerate(schema) if bits >> number & 1])
    if bits >> len(schema) or not set(REQUIRED) <= set(held.names):
        raise ValueError("the mask of the columns is invalid")
    return held


def _table(messages: list[memoryview], held: pa.Schema, wanted: set[str]) -> pa.Table:
    """Return the wanted columns of messages, one chunk a message."""
    included = [number for number, name in enumerate(held.names) if name in wanted]
    options = pa.ipc.IpcReadOptions(included_fields=included, use_threads=False)
    stream = pa.py_buffer(b"".join((held.serialize(), *messages)))
    try:
        with pa.ipc.open_stream(stream, options=options) as reader:
            return reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error


def _offsets(starts: Sequence[int], counts: Sequence[int]) -> Int64s:
    """Return the offsets of the records of frames."""
    ends = np.cumsum(counts, dtype=np.int64)
    before = np.array(starts, np.int64) - ends + np.array(counts, np.int64)
    offsets: Int64s = np.arange(ends[-1], dtype=np.int64)
    offsets += before.repeat(counts)
    return offsets


def int64s(column: pa.Array) -> Int64s:
    """Return the numbers of a column without nulls."""
    # Arrow's own conversion loads pandas, which takes a second in every new process.
    values: Int64s = np.frombuffer(column.buffers()[1], np.int64)
    return values[column.offset : column.offset + len(column)]


def _whole(table: pa.Table) -> dict[str, pa.Array]:
    """Return the columns of a table, each in one piece."""
    columns = zip(table.schema.names, table.combine_chunks().columns, strict=True)
    return {name: column.chunk(0) for name, column in columns}


def _merged(
    parts: list[dict[str, pa.Array]], offsets: list[Int64s], names: Sequence[str]
) -> list[pa.Array]:
    """Return the columns of these names, with the rows of all parts in the order of offsets."""
    rows = sum(map(len, offsets))
    order = None
    if len(parts) > 1:
        rising = np.argsort(np.concatenate(offsets), kind="stable")
        order = pa.Array.from_buffers(pa.int64(), rows, [None, pa.py_buffer(rising)])
    arrays = []
    for name in names:
        if not any(name in part for part in parts):
            arrays.append(nulls(name, rows))
            continue
        pieces = [
            part[name] if name in part else nulls(name, len(part["offset"])) for part in parts
        ]
        arrays.append(pieces[0] if order is None else ordered(pa.concat_arrays(pieces), order))
    return arrays
