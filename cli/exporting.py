"""A stretch of a log in another form: Parquet, CSV or JSON Lines, written as it is read.

Parquet and JSON Lines hold every text as it was received. A CSV is for spreadsheets: a text that
one would run as a formula (it begins with ``=``, ``+``, ``-`` or ``@`` and is no number) begins
with ``'`` there, and what is not visible stands as an escape, so that a record is a line.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from cli import lines, outputs
from eventlog.printable import cell, printable
from eventlog.reader import Reader
from eventlog.schema import COLUMNS, LEVELS, NAMES, SCHEMA, decode

SUFFIXES = (".parquet", ".csv", ".jsonl")
_LEVEL_COLUMNS = [field.name for field in SCHEMA if field.type == LEVELS]
_ROW_GROUP_RECORDS = 65_536


def columns_of(kinds: Sequence[str] | None) -> list[str]:
    """Return the columns that records of some kinds have; all without kinds."""
    wanted = set(NAMES) if not kinds else {"offset", "kind"}.union(*(COLUMNS[k] for k in kinds))
    return [name for name in NAMES if name in wanted]


def batches(
    log: Reader,
    start: int,
    end: int,
    *,
    kinds: Sequence[str] | None,
    advance: Callable[[int], None],
) -> Iterator[pa.RecordBatch]:
    """Yield the records of some kinds, with no more columns than they have."""
    for batch in log.read(start, end, columns=columns_of(kinds)):
        count = batch.num_rows
        if kinds:
            batch = batch.filter(pc.is_in(batch.column("kind"), pa.array(kinds)))
        if batch.num_rows:
            yield batch
        advance(count)


def write(
    path: Path, rows: Iterable[pa.RecordBatch], *, kinds: Sequence[str] | None, force: bool
) -> tuple[int, int]:
    """Write batches into a file, in the form that its suffix names; return (rows, bytes).

    The file appears whole or not at all, and only with ``force`` in place of another.
    """
    count = 0
    with outputs.replacing(path, force=force) as temporary:
        with _WRITERS[path.suffix](temporary, kinds) as put:
            for batch in rows:
                put(batch)
                count += batch.num_rows
        size_bytes = temporary.stat().st_size
    return count, size_bytes


Put = Callable[[pa.RecordBatch], None]


@contextmanager
def _parquet(path: Path, kinds: Sequence[str] | None) -> Iterator[Put]:
    schema = pa.schema([SCHEMA.field(name) for name in columns_of(kinds)], SCHEMA.metadata)
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_batches(waiting, schema).combine_chunks())
            waiting.clear()

        def put(batch: pa.RecordBatch) -> None:
            waiting.append(batch.cast(schema))
            if sum(each.num_rows for each in waiting) >= _ROW_GROUP_RECORDS:
                flush()

        yield put
        flush()


@contextmanager
def _csv(path: Path, kinds: Sequence[str] | None) -> Iterator[Put]:
    names = columns_of(kinds)
    schema = pa.schema([pa.field(name, _as_text(SCHEMA.field(name).type)) for name in names])
    with pyarrow.csv.CSVWriter(path, schema) as writer:

        def put(batch: pa.RecordBatch) -> None:
            arrays = [_texts(batch.column(name), schema.field(name).type) for name in names]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))

        yield put


def _as_text(kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column goes into a table of text: nested ones become JSON."""
    return pa.string() if kind == LEVELS or pa.types.is_binary(kind) else kind


def _texts(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == LEVELS:
        said = [
            None if levels is None else json.dumps(levels, default=str)
            for levels in column.to_pylist()
        ]
        return pa.array(said, pa.string())
    if pa.types.is_binary(column.type):
        said = [
            None if raw is None else raw.decode("utf-8", "backslashreplace")
            for raw in column.to_pylist()
        ]
        return _cells(pa.array(said, pa.string()))
    return _cells(column) if pa.types.is_string(column.type) else column.cast(kind)


def _cells(column: pa.Array) -> pa.Array:
    """Return texts that a spreadsheet runs nothing of, and a terminal shows on one line."""
    encoded = column.dictionary_encode()
    said = [cell(printable(text, len(text))) for text in encoded.dictionary.to_pylist()]
    return pa.array(said, pa.string()).take(encoded.indices)


@contextmanager
def _jsonl(path: Path, _: Sequence[str] | None) -> Iterator[Put]:
    with path.open("w", encoding="utf-8") as file:

        def put(batch: pa.RecordBatch) -> None:
            for offset, record in decode(batch):
                facts = {"offset": offset, "kind": lines.kind_of(record), **lines.plain(record)}
                file.write(json.dumps(facts) + "\n")

        yield put


_WRITERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}
