"""An interval of a log in another format: Parquet, CSV or JSON Lines, written as it is read.

Parquet and JSON Lines hold every text as it was received. A CSV is for spreadsheets: a text that
one would run as a formula (it begins with ``=``, ``+``, ``-`` or ``@`` and is no number) gets a
leading ``'``, and characters that are not visible are escaped, so that every record is one line.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import zstandard

from analysis import lines
from eventlog.printable import cell, printable, to_json
from eventlog.reader import Reader
from eventlog.schema import COLUMNS, LEVELS, NAMES, SCHEMA, decode
from journal import outputs

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


@dataclass(frozen=True, slots=True)
class Form:
    """How records are written: ``.csv`` or the like, and ``.gz`` or ``.zst`` if compressed."""

    suffix: str
    compression: str = ""


def form_of(name: str) -> Form | None:
    """Return the form that a file's name ends in; ``None`` if it is none for records.

    >>> form_of("night.csv.gz"), form_of("night.keras")
    (Form(suffix='.csv', compression='.gz'), None)
    """
    compression = next((each for each in _COMPRESSIONS if name.endswith(each)), "")
    suffix = Path(name.removesuffix(compression)).suffix
    if suffix not in SUFFIXES or (compression and suffix not in _COMPRESSIBLE):
        return None
    return Form(suffix, compression)


def write(
    path: Path,
    rows: Iterable[pa.RecordBatch],
    *,
    form: Form,
    kinds: Sequence[str] | None,
    force: bool,
) -> tuple[int, int]:
    """Write batches into a file; return (rows, bytes).

    The file appears whole or not at all, and only with ``force`` in place of another.
    """
    with outputs.replacing(path, force=force) as temporary:
        with temporary.open("wb") as file:
            count = put(file, rows, form=form, kinds=kinds)
        size_bytes = temporary.stat().st_size
    return count, size_bytes


def put(
    file: BinaryIO, rows: Iterable[pa.RecordBatch], *, form: Form, kinds: Sequence[str] | None
) -> int:
    """Write batches into a stream of bytes; return how many rows."""
    count = 0
    with (
        _COMPRESSIONS.get(form.compression, nullcontext)(file) as inner,
        _WRITERS[form.suffix](inner, kinds) as put_batch,
    ):
        for batch in rows:
            put_batch(batch)
            count += batch.num_rows
    return count


@contextmanager
def _gzip(file: BinaryIO) -> Iterator[Any]:
    # Without a name and a time, the same records give the same bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as inner:
        yield inner


@contextmanager
def _zstd(file: BinaryIO) -> Iterator[Any]:
    with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as inner:
        yield inner


_COMPRESSIONS: dict[str, Callable[[BinaryIO], Any]] = {".gz": _gzip, ".zst": _zstd}
_COMPRESSIBLE = (".csv", ".jsonl")

Put = Callable[[pa.RecordBatch], None]


@contextmanager
def _parquet(file: BinaryIO, kinds: Sequence[str] | None) -> Iterator[Put]:
    schema = pa.schema([SCHEMA.field(name) for name in columns_of(kinds)], SCHEMA.metadata)
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:

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
def _csv(file: BinaryIO, kinds: Sequence[str] | None) -> Iterator[Put]:
    names = columns_of(kinds)
    schema = pa.schema([pa.field(name, _as_text(SCHEMA.field(name).type)) for name in names])
    with pyarrow.csv.CSVWriter(file, schema) as writer:

        def put(batch: pa.RecordBatch) -> None:
            arrays = [_texts(batch.column(name), schema.field(name).type) for name in names]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))

        yield put


def _as_text(kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column goes into a table of text: nested ones become JSON."""
    is_text = kind == LEVELS or pa.types.is_binary(kind) or pa.types.is_decimal(kind)
    return pa.string() if is_text else kind


def _texts(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == LEVELS:
        texts = [
            None if levels is None else json.dumps(levels, default=_plain)
            for levels in column.to_pylist()
        ]
        return pa.array(texts, pa.string())
    if pa.types.is_binary(column.type):
        texts = [
            None if raw is None else raw.decode("utf-8", "backslashreplace")
            for raw in column.to_pylist()
        ]
        return _cells(pa.array(texts, pa.string()))
    if pa.types.is_decimal(column.type):
        return _decimals(column)
    return _cells(column) if pa.types.is_string(column.type) else column.cast(kind)


def _plain(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _decimals(column: pa.Array) -> pa.Array:
    """Return numbers with all of their decimals; Arrow itself writes zero as ``0E-8``.

    >>> values = ["0.00000000", "-0.00000001", "1.50000000", None]
    >>> column = pa.array(values, pa.string()).cast(pa.decimal128(18, 8))
    >>> _decimals(column).to_pylist() == values
    True
    """
    texts = column.cast(pa.string())
    is_odd = pc.match_substring(texts, "E")
    odd = [_plain(value) for value in column.filter(is_odd).to_pylist()]
    return pc.replace_with_mask(texts, is_odd, pa.array(odd, pa.string()))


def _cells(column: pa.Array) -> pa.Array:
    """Return texts that a spreadsheet does not run, and that a terminal shows on one line."""
    encoded = column.dictionary_encode()
    cells = [cell(printable(text, len(text))) for text in encoded.dictionary.to_pylist()]
    return pa.array(cells, pa.string()).take(encoded.indices)


@contextmanager
def _jsonl(file: BinaryIO, _: Sequence[str] | None) -> Iterator[Put]:
    def put(batch: pa.RecordBatch) -> None:
        for offset, record in decode(batch):
            facts = {"offset": offset, "kind": lines.kind_of(record), **lines.plain(record)}
            file.write(to_json(facts).encode() + b"\n")

    yield put


_WRITERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}
