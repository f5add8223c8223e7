"""Files as rows: the columns that are read, and the text of rows that are invalid.

A line of CSV is a row, with cells in quotes or not; no cell continues in the next line. A line with
another number of cells than the header, or that is too long, is reported with its place between the
rows, so that nothing depends on how a file is cut into blocks. Of Parquet only the columns that are
needed are read.

Bounds (I10): a line has at most `LINE_BYTES_MAX` bytes; the columns of a Parquet row group that are
read have at most `GROUP_BYTES_MAX`, decompressed.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from feeds.errors import TableUnreadable
from feeds.files.cells import CELL_BYTES_MAX, TEXTS, is_readable
from feeds.files.layout import COLUMNS, Layout
from feeds.files.lines import identity, lines, opened, reading
from feeds.undecodable import RAW_BYTES_KEPT_MAX

BATCH_ROWS = 16_384
LINE_BYTES_MAX = 1 << 20
GROUP_BYTES_MAX = 256 << 20
ROWS_A_BYTE_MAX = 50
"""The most rows per byte; a table with different times has far fewer, however compressed."""

_PART_BYTES = 8 << 20
_DELIMITERS = ",;\t|"
_NAMES_SHOWN = 500


class OddLine(NamedTuple):
    """A line that is no row, and the row of its part that follows it."""

    place: int
    raw: bytes
    why: str


class Rows(NamedTuple):
    """Some rows of a file."""

    columns: dict[str, pa.Array]
    """The columns that the file has, by name in `COLUMNS`."""

    length: int
    odd: list[OddLine]
    blank: int
    """The number of empty lines, which are skipped."""

    raw: Callable[[int], bytes]
    """The row at a place as JSON, cut at a bound."""


def is_parquet(path: Path) -> bool:
    """Return whether a file is Parquet, by its name."""
    return path.suffix.lower() in (".parquet", ".pq")


def rows_in(path: Path, layout: Layout) -> tuple[dict[str, str], Iterator[Rows]]:
    """Return the names of the columns in a file, and its rows.

    Raises:
        TableUnreadable: if it is missing, damaged or no table, or lacks columns.
    """
    identity(path)
    return _parquet(path, layout) if is_parquet(path) else _csv(path, layout)


# --- CSV


def _csv(path: Path, layout: Layout) -> tuple[dict[str, str], Iterator[Rows]]:
    blocks = lines(path, LINE_BYTES_MAX)
    first = next((block for block in blocks if block), [])
    names, delimiter = _header(path, first)
    found = _found(path, names, layout)
    called = {column: names[place] for column, place in found.items()}
    split = _Splitter(len(names), delimiter)

    def parts() -> Iterator[Rows]:
        part = _CsvPart(names, found, split)
        with reading(path):
            for block in _after(first, blocks):
                for line in block:
                    part.add(line)
                    if part.lines == BATCH_ROWS or part.size_bytes >= _PART_BYTES:
                        yield part.rows()
                        part = _CsvPart(names, found, split)
        yield part.rows()

    return called, parts()


def _after(first: list[bytes], blocks: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    yield first[1:]
    yield from blocks


def _header(path: Path, first: Sequence[bytes]) -> tuple[list[str], str]:
    line = first[0] if first else b""
    if len(line) > LINE_BYTES_MAX:
        why = f"its first line, the header, has more than {LINE_BYTES_MAX:,} bytes"
        raise TableUnreadable(path=path, why=why)
    if b"\0" in line:
        raise TableUnreadable(path=path, why="it is not text: its first line has zero bytes")
    text = line.decode("utf-8-sig", "replace")
    if not text.strip():
        raise TableUnreadable(path=path, why="it has no header")
    delimiter = max(_DELIMITERS, key=text.count)
    try:
        cells = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise TableUnreadable(path=path, why=f"its header is not CSV: {error}") from error
    return [name.strip() for name in cells], delimiter


class _Splitter:
    """Lines to cells, each line by itself."""

    def __init__(self, width: int, delimiter: str) -> None:
        self._width = width
        self._delimiter = delimiter

    def __call__(self, line: bytes) -> list[str] | str:
        """Return the cells of a line, or the reason why it is no row."""
        if len(line) > LINE_BYTES_MAX:
            return f"a line of more than {LINE_BYTES_MAX:,} bytes"
        # Latin 1 maps every byte to a character, so every line can be read and its bytes restored.
        text = line.decode("latin1")
        if '"' in text:
            try:
                cells = next(csv.reader([text], delimiter=self._delimiter, strict=True))
            except csv.Error as error:
                return f"a line that is not CSV: {error}"
        else:
            cells = text.split(self._delimiter)
        if len(cells) != self._width:
            return f"{len(cells)} cells where the header has {self._width}"
        return cells


class _CsvPart:
    """Collects lines into rows."""

    def __init__(self, names: list[str], found: dict[str, int], split: _Splitter) -> None:
        self._names = names
        self._found = found
        self._split = split
        self._cells: list[list[str]] = []
        self._odd: list[OddLine] = []
        self._blank = 0
        self.lines = 0
        self.size_bytes = 0

    def add(self, line: bytes) -> None:
        """Add the next line."""
        self.lines += 1
        self.size_bytes += len(line)
        cells = self._split(line)
        if not line.strip():
            self._blank += 1
        elif isinstance(cells, str):
            place = len(self._cells)
            self._odd.append(OddLine(place, line[:RAW_BYTES_KEPT_MAX], cells))
        else:
            self._cells.append(cells)

    def rows(self) -> Rows:
        """Return the rows by columns."""
        cells = self._cells
        columns = {
            column: pa.array([row[place] for row in cells], pa.string())
            for column, place in self._found.items()
        }

        def raw(row: int) -> bytes:
            named = dict(zip(self._names, cells[row], strict=True))
            values = {name.encode().decode("latin1"): cell for name, cell in named.items() if cell}
            return _as_json(values).encode("latin1")[:RAW_BYTES_KEPT_MAX]

        return Rows(columns, len(cells), self._odd, self._blank, raw)


# --- Parquet


def _parquet(path: Path, layout: Layout) -> tuple[dict[str, str], Iterator[Rows]]:
    with reading(path), opened(path) as file, _parquet_file(file) as table:
        schema = table.schema_arrow
        found = _found(path, schema.names, layout)
        called = {column: schema.names[place] for column, place in found.items()}
        for column, name in called.items():
            kind = schema.field(found[column]).type
            if not is_readable(kind):
                why = f"its column {name!r} holds {str(kind)[:100]}: numbers, texts or timestamps"
                raise TableUnreadable(path=path, why=f"{why} are read")
        _check_size(path, table, set(called.values()))
        texts = [name for name in called.values() if _is_text(schema.field(name).type)]
    return called, _parquet_parts(path, called, texts)


def _parquet_file(file: Any, texts: Sequence[str] = ()) -> pyarrow.parquet.ParquetFile:
    return pyarrow.parquet.ParquetFile(
        file,
        # One value may represent millions of rows, so texts stay dictionary-encoded.
        read_dictionary=list(texts) or None,
        # Pages are read one after the other and on this thread.
        buffer_size=1 << 20,
        pre_buffer=False,
        page_checksum_verification=True,
        thrift_string_size_limit=16 << 20,
        thrift_container_size_limit=1 << 20,
    )


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in TEXTS)


def _check_size(path: Path, table: pyarrow.parquet.ParquetFile, names: set[str]) -> None:
    metadata = table.metadata
    if metadata.num_rows > max(1 << 20, ROWS_A_BYTE_MAX * path.stat().st_size):
        why = f"it claims {metadata.num_rows:,} rows, more than its size can hold"
        raise TableUnreadable(path=path, why=why)
    leaves = [
        place
        for place in range(metadata.num_columns)
        if metadata.schema.column(place).path.partition(".")[0] in names
        or metadata.schema.column(place).path in names
    ]
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        size_bytes = sum(row_group.column(place).total_uncompressed_size for place in leaves)
        if size_bytes > GROUP_BYTES_MAX:
            why = f"its row group {group} holds {size_bytes:,} bytes in the columns that are read"
            most = f"at most {GROUP_BYTES_MAX:,} are; write it with smaller row groups"
            raise TableUnreadable(path=path, why=f"{why}, {most}")


def _parquet_parts(path: Path, called: dict[str, str], texts: list[str]) -> Iterator[Rows]:
    row = 0
    try:
        with reading(path), opened(path) as file, _parquet_file(file, texts) as table:
            wanted = list(dict.fromkeys(called.values()))
            for batch in table.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
                columns = {
                    column: batch.column(batch.schema.get_field_index(name))
                    for column, name in called.items()
                }
                yield Rows(columns, batch.num_rows, [], 0, _RawRow(columns, called))
                row += batch.num_rows
    except TableUnreadable as error:
        if not row:
            raise
        raise TableUnreadable(path=path, why=f"after row {row:,}: {error.why}") from error


class _RawRow:
    """A row of Parquet as JSON: the columns that were read, long cells cut."""

    def __init__(self, columns: dict[str, pa.Array], called: dict[str, str]) -> None:
        self._columns = columns
        self._called = called

    @cached_property
    def _short(self) -> dict[str, pa.Array]:
        return {self._called[name]: _short(cells) for name, cells in self._columns.items()}

    def __call__(self, row: int) -> bytes:
        """Return the row at a place."""
        cells = {name: cells[row].as_py() for name, cells in self._short.items()}
        values = {name: _json_value(value) for name, value in cells.items() if value is not None}
        return _as_json(values).encode("utf-8", "backslashreplace")[:RAW_BYTES_KEPT_MAX]


def _short(cells: pa.Array) -> pa.Array:
    """Return cells cut at a bound; texts, which need not be UTF-8, as bytes."""
    if pa.types.is_dictionary(cells.type):
        return pa.DictionaryArray.from_arrays(cells.indices, _short(cells.dictionary))
    if _is_text(cells.type):
        return pc.binary_slice(cells.cast(pa.binary()), 0, CELL_BYTES_MAX)
    if pa.types.is_timestamp(cells.type):  # in UTC, as zones may have unknown names
        return cells.cast(pa.timestamp(cells.type.unit)).cast(pa.string())
    return cells


def _json_value(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value if type(value) is int else str(value)


def _as_json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


# --- both


def _found(path: Path, names: Sequence[str], layout: Layout) -> dict[str, int]:
    """Return the places of the columns that are read."""
    found = {}
    there = f"there is: {', '.join(names)[:_NAMES_SHOWN]}"
    for column in COLUMNS:
        name = layout.name(column)
        if names.count(name) > 1:
            raise TableUnreadable(path=path, why=f"several columns are called {name!r}")
        if name in names:
            found[column] = names.index(name)
        elif column in layout.names:
            why = f"no column {name!r} for {column} (--map {column}={name}); {there}"
            raise TableUnreadable(path=path, why=why, is_of_columns=True)
    has_quotes, has_trades = {"bid", "ask"} <= set(found), {"price", "size"} <= set(found)
    if "at" not in found or not (has_quotes or has_trades):
        wanted = "at, and bid and ask or price and size"
        why = f"it lacks columns: {wanted} are needed; {there}"
        raise TableUnreadable(path=path, why=why, is_of_columns=True)
    return found
