"""Tables of quotes and trades, CSV or Parquet, as records in the log's schema. No row is lost.

One row of a table is one record, in the order of the rows. What the columns of `COLUMNS` are called
in a table is a `Layout`:

============== =====================================================================================
column         meaning
============== =====================================================================================
``at``         when it happened: a whole number of the layout's unit since 1970 UTC, a timestamp, or
               ISO 8601 text (UTC where it names no zone)
``received``   when it reached the recorder, likewise; the same as ``at`` where there is none
``kind``       ``quote`` or ``trade``; without this column a row with a bid or an ask is a quote
``bid``        best bid from this row on, and ``ask``: positive
``bid_size``   volume at the best bid, and ``ask_size``
``last``       last price, of a quote without sizes; the last trade's where there is none
``price``      of the trade, and ``size``: positive
``side``       the taker's: buy or sell (also b, s, bid, ask, 1, -1); may be empty
``trade_id``   a whole number; the trades are numbered where there is none
============== =====================================================================================

A quote with sizes becomes a `BookUpdate` that is the whole book as far as it is known, one level a
side; one without becomes a `Quote`. A cell that says nothing (no number, NaN, infinite, negative,
too large) makes its row an `Undecodable` with the row as JSON and the reason; a line that has not
as many cells as the header, with the line. What a market can say, however odd, is kept as it was
said, for the engine to judge, and noted: crossed quotes, times that run backwards, repeated rows.

Everything is done on whole columns. Values finer than 1e-8 are rounded.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from eventlog.records import E8, E8_MAX
from eventlog.schema import LEVELS, batch_of, decimals
from feeds.btcmarkets.protocol import RAW_BYTES_KEPT_MAX
from feeds.errors import TableUnreadable

COLUMNS = (
    "at", "received", "kind", "bid", "bid_size", "ask", "ask_size",
    "last", "price", "size", "side", "trade_id",
)  # fmt: skip
"""The columns that mean something; a table may have more."""

UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
"""Units of whole-number times."""

BATCH_ROWS = 16_384
_BLOCK_BYTES = 4 << 20

Int64s = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns are called in a table, and the unit of times that are whole numbers."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Column of `COLUMNS` → its name in the table; those that are not here have their own."""

    time_unit: str = "ns"

    def name(self, column: str) -> str:
        """Return what a column is called in the table."""
        return self.names.get(column, column)


class Reading(NamedTuple):
    """Some rows: the records that they became, one each, and what was odd, counted by reason."""

    batch: pa.RecordBatch
    """In the log's schema, at offset 0: a log numbers records when it appends them."""

    refused: dict[str, int]
    """Rows that became `Undecodable`."""

    noted: dict[str, int]
    """Rows that were kept as they are."""


def is_table(path: Path) -> bool:
    """Say whether a file is a table by its name."""
    return _is_parquet(path) or ".csv" in path.suffixes


def rows_of(path: Path) -> int:
    """Return about how many rows a table has: exactly in Parquet, the number of lines in CSV.

    Raises:
        TableUnreadable: if there is no such file, or it is none.
    """
    with _reading(path):
        if _is_parquet(path):
            return int(pyarrow.parquet.read_metadata(path).num_rows)
        with pa.input_stream(str(path)) as stream:
            lines = 0
            while block := stream.read(_BLOCK_BYTES):
                lines += block.count(b"\n")
        return max(lines - 1, 0)


def readings(path: Path, layout: Layout) -> Iterator[Reading]:
    """Yield a table's rows as records.

    Raises:
        TableUnreadable: if the file is missing, damaged or no table, or lacks columns, or if no row
            of its beginning says anything: then the layout is another one.
    """
    fold = _Fold(layout)
    first = True
    for rows in _rows(path, layout):
        reading = fold.read(rows)
        if first and reading.batch.num_rows:
            first = False
            if sum(reading.refused.values()) == reading.batch.num_rows:
                reason = reading.batch.column("why")[0].as_py()
                count = reading.batch.num_rows
                why = f"none of its first {count:,} rows can be understood: {reason}"
                raise TableUnreadable(path=path, why=why)
        yield reading


# --- files → columns


class _Rows(NamedTuple):
    """Some rows of a file: the columns that mean something, and all that is to be kept as raw."""

    columns: dict[str, pa.Array]
    table: pa.RecordBatch
    lines: list["_Line"]
    encoding: str
    """How the texts of the table become the bytes that they were."""


class _Line(NamedTuple):
    """A line that is no row, and the row before which it stood."""

    place: int
    raw: bytes
    why: str


def _rows(path: Path, layout: Layout) -> Iterator[_Rows]:
    with _reading(path):
        yield from (_parquet if _is_parquet(path) else _csv)(path, layout)


def _is_parquet(path: Path) -> bool:
    return path.suffix in (".parquet", ".pq")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what the reading of a file may raise into what a person understands."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise TableUnreadable(path=path, why=why) from error


def _parquet(path: Path, layout: Layout) -> Iterator[_Rows]:
    with pyarrow.parquet.ParquetFile(path) as file:
        found = _found(path, file.schema_arrow.names, layout)
        for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
            yield _Rows({name: batch.column(at) for name, at in found.items()}, batch, [], "utf-8")


def _csv(path: Path, layout: Layout) -> Iterator[_Rows]:
    apart: list[Any] = []

    def keep(row: Any) -> str:
        apart.append(row)
        return "skip"

    names = _header(path)
    found = _found(path, names, layout)
    numbered = [str(place) for place in range(len(names))]
    reader = pyarrow.csv.open_csv(
        pa.input_stream(str(path)),
        # A character of Latin 1 is a byte: no line is beyond reading, and its bytes come back.
        read_options=pyarrow.csv.ReadOptions(
            block_size=_BLOCK_BYTES,
            use_threads=False,
            encoding="latin1",
            column_names=numbered,
            skip_rows=1,
        ),
        parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=keep),
        # What a cell means is decided here and not by its looks.
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(numbered, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    read = lines_apart = 0
    with reader:
        for block in reader:
            for part in _parts(block, BATCH_ROWS):
                ends = read + part.num_rows
                lines = []
                # Lines count from 1 with the header; those apart are read ahead.
                while apart and (place := apart[0].number - 2 - lines_apart) <= ends:
                    row = apart.pop(0)
                    why = f"{row.actual_columns} cells where the header has {len(names)}"
                    lines.append(_Line(place - read, row.text.encode("latin1"), why))
                    lines_apart += 1
                read = ends
                table = pa.RecordBatch.from_arrays(part.columns, names=names)
                yield _Rows(
                    {name: part.column(at) for name, at in found.items()}, table, lines, "latin1"
                )


def _header(path: Path) -> list[str]:
    with pa.input_stream(str(path)) as stream:
        line = stream.read(_BLOCK_BYTES).partition(b"\n")[0]
    text = line.decode("utf-8-sig", "replace").rstrip("\r")
    if not text.strip():
        raise TableUnreadable(path=path, why="it has no header")
    return [name.strip() for name in next(csv.reader([text]))]


def _parts(batch: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


def _found(path: Path, names: Sequence[str], layout: Layout) -> dict[str, int]:
    """Return the places of the columns that mean something."""
    found = {}
    for column in COLUMNS:
        name = layout.name(column)
        if names.count(name) > 1:
            raise TableUnreadable(path=path, why=f"several columns are called {name!r}")
        if name in names:
            found[column] = names.index(name)
        elif column in layout.names:
            why = f"no column {name!r} for {column}; there is: {', '.join(names)[:500]}"
            raise TableUnreadable(path=path, why=why)
    has_quotes, has_trades = {"bid", "ask"} <= set(found), {"price", "size"} <= set(found)
    if "at" not in found or not (has_quotes or has_trades):
        wanted = "at, and bid and ask or price and size"
        why = f"it lacks columns: {wanted} are needed; there is: {', '.join(names)[:500]}"
        raise TableUnreadable(path=path, why=why)
    return found


# --- columns → records

_QUOTE, _TRADE = 0, 1
_KINDS = pa.array(["book", "quote", "trade", "undecodable"])
_SIDES = pa.array(["buy", "sell"])
_KIND_WORDS = {"quote": _QUOTE, "trade": _TRADE}
_SIDE_WORDS = {
    "buy": 0, "b": 0, "bid": 0, "1": 0, "sell": 1, "s": 1, "ask": 1, "a": 1, "-1": 1,
}  # fmt: skip
_TOLD = ("at", "bid", "bid_size", "ask", "ask_size", "price", "size", "trade_id")


class _Fold:
    """Rows to records. What it carries from one part of a table to the next is little."""

    def __init__(self, layout: Layout) -> None:
        self._unit_ns = UNITS_NS[layout.time_unit]
        self._time_ns = 0  # of the row before
        self._last_e8 = 0  # price of the trade before
        self._trades = 0
        self._before: Int64s | None = None

    def read(self, rows: _Rows) -> Reading:
        """Return the records of some rows, in order."""
        count = rows.table.num_rows
        cells = _Cells(rows.columns, count, self._unit_ns)
        refusals = list(_refusals(cells))
        refusal = np.zeros(count, np.int64)
        for number, (_, where) in enumerate(refusals, 1):
            refusal[(refusal == 0) & where] = number
        good = refusal == 0
        is_quote, is_trade = good & cells.is_quote, good & ~cells.is_quote
        is_book = is_quote & cells.has("bid_size") & cells.has("ask_size")
        is_quote &= ~is_book
        time_ns = _filled(self._received_ns(cells), good, self._time_ns)
        started_ns = self._time_ns
        columns = {
            "offset": pa.array(np.zeros(count, np.int64)),
            "kind": _KINDS.take(pa.array(np.select([is_book, is_quote, is_trade], [0, 1, 2], 3))),
            "exchange_ns": pa.array(cells.number("at"), mask=~good),
            "received_ns": pa.array(time_ns),
            **self._quote_columns(cells, is_quote, is_trade),
            **self._trade_columns(cells, is_trade),
            **_book_columns(cells, is_book),
            **_undecodable_columns(rows, refusal, [why for why, _ in refusals]),
        }
        if count:
            self._time_ns = int(time_ns[-1])
        noted = self._noted(cells, good)
        numbers = np.bincount(refusal, minlength=len(refusals) + 1)[1:].tolist()
        refused = {why: n for (why, _), n in zip(refusals, numbers, strict=True) if n}
        batch = batch_of(columns, count)
        if rows.lines:
            refused[_APART] = len(rows.lines)
            batch = _with_lines(batch, rows.lines, started_ns)
        return Reading(batch, refused, noted)

    @staticmethod
    def _received_ns(cells: "_Cells") -> Int64s:
        return np.where(cells.has("received"), cells.number("received"), cells.number("at"))

    def _quote_columns(
        self, cells: "_Cells", is_quote: Flags, is_trade: Flags
    ) -> dict[str, pa.Array]:
        traded_e8 = _filled(cells.number("price"), is_trade, self._last_e8)
        if cells.count:
            self._last_e8 = int(traded_e8[-1])
        prices = {
            "bid": cells.number("bid"),
            "ask": cells.number("ask"),
            "last": np.where(cells.has("last"), cells.number("last"), traded_e8),
        }
        return _amounts(prices, is_quote)

    def _trade_columns(self, cells: "_Cells", is_trade: Flags) -> dict[str, pa.Array]:
        numbers = self._trades + np.cumsum(is_trade)
        if cells.count:
            self._trades = int(numbers[-1])
        trade_ids = np.where(cells.has("trade_id"), cells.number("trade_id"), numbers)
        amounts = {"price": cells.number("price"), "volume": cells.number("size")}
        return {
            **_amounts(amounts, is_trade),
            "side": _SIDES.take(pa.array(cells.side, mask=~is_trade | (cells.side < 0))),
            "trade_id": pa.array(trade_ids, mask=~is_trade),
            "backfilled": pa.array(np.zeros(cells.count, np.bool_), mask=~is_trade),
        }

    def _noted(self, cells: "_Cells", good: Flags) -> dict[str, int]:
        """Count what a market may say, but seldom does."""
        told = [cells.number(name) for name in _TOLD] + [cells.side, cells.is_quote]
        facts = np.stack(told)[:, good].astype(np.int64)
        crossed = cells.is_quote & (cells.number("bid") >= cells.number("ask"))
        counts = {"crossed": int(np.sum(crossed & good))}
        if facts.shape[1]:
            before = facts[:, :1] * 0 - 1 if self._before is None else self._before
            self._before = facts[:, -1:]
            before = np.concatenate([before, facts[:, :-1]], axis=1)
            counts["time runs backwards"] = int(np.sum(facts[0] < before[0]))
            counts["repeats the row before"] = int(np.sum((facts == before).all(axis=0)))
        return {reason: count for reason, count in counts.items() if count}


def _refusals(cells: "_Cells") -> Iterator[tuple[str, Flags]]:
    """Yield each reason to refuse a row, and the rows; the first of a row counts."""
    yield "kind is neither quote nor trade", cells.nonsense("kind")
    yield "at is missing or no time", ~cells.has("at")
    yield "received is no time", cells.nonsense("received")
    yield "a row of neither a quote nor a trade", cells.says_nothing
    quote, trade = cells.is_quote, ~cells.is_quote
    for name in ("bid", "ask"):
        yield f"{name} is missing or no number", quote & ~cells.has(name)
        yield f"{name} is not positive", quote & (cells.number(name) <= 0)
    for name in ("bid_size", "ask_size"):
        if cells.is_column(name):
            yield f"{name} is missing or no number", quote & ~cells.has(name)
            yield f"{name} is negative", quote & (cells.number(name) < 0)
    yield "last is no number", quote & cells.nonsense("last")
    yield "last is negative", quote & (cells.number("last") < 0)
    for name in ("price", "size"):
        yield f"{name} is missing or no number", trade & ~cells.has(name)
        yield f"{name} is not positive", trade & (cells.number(name) <= 0)
    yield "side is neither buy nor sell", trade & cells.nonsense("side")
    yield "trade_id is no whole number", trade & cells.nonsense("trade_id")


_APART = "a line with another number of cells than the header"


def _amounts(values_e8: Mapping[str, Int64s], where: Flags) -> dict[str, pa.Array]:
    """Return columns of amounts and of their decimals: as many as it takes."""
    columns = {}
    for name, counts_e8 in values_e8.items():
        columns[name] = decimals(counts_e8, mask=~where)
        columns[f"{name}_decimals"] = pa.array(_decimals_of(counts_e8), mask=~where)
    return columns


def _book_columns(cells: "_Cells", is_book: Flags) -> dict[str, pa.Array]:
    """Return the columns of books of one level a side."""
    starts = np.concatenate([[0], np.cumsum(is_book)]).astype(np.int32)
    columns: dict[str, pa.Array] = {}
    for side in ("bid", "ask"):
        price_e8 = cells.number(side)[is_book]
        volume_e8 = cells.number(f"{side}_size")[is_book]
        children = [
            decimals(price_e8),
            decimals(volume_e8),
            pa.array(_decimals_of(price_e8)),
            pa.array(_decimals_of(volume_e8)),
            pa.array((volume_e8 > 0).astype(np.int32)),
        ]
        columns[f"{side}s"] = pa.ListArray.from_arrays(
            pa.array(starts),
            pa.StructArray.from_arrays(children, fields=list(LEVELS.value_type)),
            type=LEVELS,
            mask=pa.array(~is_book),
        )
    columns["snapshot"] = pa.array(np.ones(cells.count, np.bool_), mask=~is_book)
    return columns


def _undecodable_columns(
    rows: _Rows, refusal: Int64s, reasons: Sequence[str]
) -> dict[str, pa.Array]:
    """Return what is kept of rows that were refused: each as JSON, and the reason."""
    count = rows.table.num_rows
    bad = np.flatnonzero(refusal)
    if not len(bad):
        return {"raw": pa.nulls(count, pa.binary()), "why": pa.nulls(count, pa.string())}
    places = np.zeros(count, np.int64)
    places[bad] = np.arange(len(bad))
    raw = [_as_json(row, rows.encoding) for row in rows.table.take(pa.array(bad)).to_pylist()]
    mask = refusal == 0
    return {
        "raw": pa.array(raw, pa.binary()).take(pa.array(places, mask=mask)),
        "why": pa.array(reasons, pa.string()).take(pa.array(refusal - 1, mask=mask)),
    }


def _as_json(row: dict[str, Any], encoding: str) -> bytes:
    cells = {name: value if type(value) is int else str(value) for name, value in row.items()}
    said = {name: value for name, value in cells.items() if row[name] is not None}
    return json.dumps(said, ensure_ascii=False).encode(encoding)[:RAW_BYTES_KEPT_MAX]


def _with_lines(batch: pa.RecordBatch, lines: Sequence[_Line], time_ns: int) -> pa.RecordBatch:
    """Return the batch with the lines that are no rows where they stood."""
    received_ns = [time_ns, *batch.column("received_ns").to_pylist()]
    count = len(lines)
    columns = {
        "offset": pa.array([0] * count, pa.int64()),
        "kind": pa.array(["undecodable"] * count),
        "received_ns": pa.array([received_ns[line.place] for line in lines], pa.int64()),
        "raw": pa.array([line.raw[:RAW_BYTES_KEPT_MAX] for line in lines], pa.binary()),
        "why": pa.array([line.why for line in lines]),
    }
    places = np.concatenate([[line.place for line in lines], np.arange(batch.num_rows)])
    order = np.argsort(places, kind="stable")
    return pa.concat_batches([batch_of(columns, count), batch]).take(pa.array(order))


def _filled(values: Int64s, where: Flags, before: int) -> Int64s:
    """Return for each row the value of the last row so far that has one."""
    places = np.maximum.accumulate(np.where(where, np.arange(1, len(values) + 1), 0))
    return np.concatenate([[before], values])[places]


def _decimals_of(values_e8: Int64s) -> npt.NDArray[np.int8]:
    """Return how many decimals each needs, 0 to 8."""
    needed = np.full(len(values_e8), 8, np.int8)
    for digits in range(1, 9):
        needed -= values_e8 % 10**digits == 0
    return needed


# --- cells → numbers

_AMOUNTS = ("bid", "bid_size", "ask", "ask_size", "last", "price", "size")
_TIMES = ("at", "received")
_TIME_NS_MAX = 4 * 10**18
"""The year 2096: beyond, event time and a horizon could exceed what a log holds."""

_PLAIN = r"^[-+]?[0-9]{1,10}(\.[0-9]{0,8})?$"
_FLOAT = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$"
_WHOLE = r"^[-+]?([0-9]{1,18}|[0-3][0-9]{18})$"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?"
_ZONE = r"(Z|[-+][0-9]{2}(:?[0-9]{2})?)$"


class _Cells:
    """The cells of some rows as whole numbers: which have one, and which say what makes no sense.

    An empty cell, null or NaN says nothing.
    """

    def __init__(self, columns: Mapping[str, pa.Array], count: int, unit_ns: int) -> None:
        self.count = count
        self._numbers: dict[str, Int64s] = {}
        self._has: dict[str, Flags] = {}
        self._nonsense: dict[str, Flags] = {}
        self._columns = frozenset(columns)
        for name in (*_TIMES, *_AMOUNTS, "trade_id"):
            column = _plain(columns.get(name, pa.nulls(count)))
            if name in _TIMES:
                numbers, sense = _times_ns(column, unit_ns)
            elif name in _AMOUNTS:
                numbers, sense = _counts_e8(column)
            else:
                numbers, sense = _whole_numbers(column)
            self._numbers[name] = np.where(sense, numbers, 0)
            self._has[name] = sense
            self._nonsense[name] = _flags(pc.is_valid(column)) & ~sense
        self.side = self._words("side", columns, _SIDE_WORDS)
        kind = self._words("kind", columns, _KIND_WORDS)
        has_quote, has_trade = self._has["bid"] | self._has["ask"], self._has["price"]
        self.is_quote: Flags = np.where(kind < 0, has_quote, kind == _QUOTE)
        self.says_nothing: Flags = (kind < 0) & ~has_quote & ~has_trade

    def number(self, column: str) -> Int64s:
        """Return a column's numbers, 0 where there is none."""
        return self._numbers[column]

    def has(self, column: str) -> Flags:
        """Return which cells of a column are numbers."""
        return self._has[column]

    def nonsense(self, column: str) -> Flags:
        """Return which cells of a column are neither empty nor understood."""
        return self._nonsense[column]

    def is_column(self, column: str) -> bool:
        """Say whether the table has the column."""
        return column in self._columns

    def _words(
        self, name: str, columns: Mapping[str, pa.Array], meanings: Mapping[str, int]
    ) -> Int64s:
        """Return what the words of a column mean, -1 where nothing is said."""
        column = _plain(columns.get(name, pa.nulls(self.count)))
        if not pa.types.is_string(column.type):
            column = column.cast(pa.string())
        words = pc.utf8_lower(column)
        places = pc.index_in(words, pa.array(list(meanings))).fill_null(-1)
        found = np.array([*meanings.values(), -1], np.int64)[_ints(places)]
        self._nonsense[name] = _flags(pc.is_valid(column)) & (found < 0)
        return found


def _plain(column: pa.Array) -> pa.Array:
    """Return a column without dictionary and blanks; an empty text and NaN are null."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type) or pa.types.is_binary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        empty = pc.is_in(pc.utf8_lower(column), pa.array(["", "nan", "null", "none"]))
        return pc.if_else(empty, pa.scalar(None, pa.string()), column)
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column


def _counts_e8(column: pa.Array) -> tuple[Int64s, Flags]:
    """Return amounts as counts of 1e-8, and where that is possible."""
    kind = column.type
    if pa.types.is_string(kind):
        plain = pc.match_substring_regex(column, _PLAIN)
        exact = _only(column, plain).cast(pa.decimal128(38, 8))
        counts, sense = _decimal_counts(exact)
        rounded, other = _float_counts(_floats(_only(column, pc.invert(plain))), E8)
        return np.where(other, rounded, counts), sense | other
    if pa.types.is_decimal(kind):
        if kind.scale > 8:
            column = pc.round(column, ndigits=8)
        try:
            return _decimal_counts(column.cast(pa.decimal128(38, 8)))
        except pa.ArrowInvalid:  # some are too large
            return _float_counts(column.cast(pa.float64()), E8)
    if pa.types.is_integer(kind):
        numbers, sense = _integers(column, E8_MAX // E8)
        return numbers * E8, sense
    if pa.types.is_floating(kind):
        return _float_counts(column, E8)
    return _no_numbers(column)


def _whole_numbers(column: pa.Array) -> tuple[Int64s, Flags]:
    kind = column.type
    if pa.types.is_string(kind):
        return _integers(_only(column, pc.match_substring_regex(column, _WHOLE)).cast(pa.int64()))
    if pa.types.is_integer(kind):
        return _integers(column)
    if pa.types.is_floating(kind):
        numbers, sense = _float_counts(column, 1)
        return numbers, sense & (numbers == _doubles(column))
    return _no_numbers(column)


def _times_ns(column: pa.Array, unit_ns: int) -> tuple[Int64s, Flags]:
    """Return times in nanoseconds since 1970, and where that is possible."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        column, unit_ns = column.cast(pa.int64()), UNITS_NS[kind.unit]
        kind = column.type
    if pa.types.is_integer(kind):
        numbers, sense = _integers(column, _TIME_NS_MAX // unit_ns)
        numbers *= unit_ns
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers, sense = _float_counts(column.cast(pa.float64()), unit_ns, _TIME_NS_MAX)
    elif pa.types.is_string(kind):
        numbers, sense = _text_times_ns(column, unit_ns)
    else:
        return _no_numbers(column)
    return numbers, sense & (numbers >= 0)


def _text_times_ns(column: pa.Array, unit_ns: int) -> tuple[Int64s, Flags]:
    whole = pc.match_substring_regex(column, _WHOLE)
    numbers, sense = _times_ns(_only(column, whole).cast(pa.int64()), unit_ns)
    rest = _only(column, pc.invert(whole))
    readings = [
        _times_ns(_floats(rest), unit_ns),
        _times_ns(_timestamps(_only(rest, pc.match_substring_regex(rest, _ISO + "$"))), 1),
        _times_ns(_timestamps(_only(rest, pc.match_substring_regex(rest, _ISO + _ZONE)), "UTC"), 1),
    ]
    for others, where in readings:
        numbers, sense = np.where(where, others, numbers), sense | where
    return numbers, sense


def _timestamps(column: pa.Array, zone: str | None = None) -> pa.Array:
    """Return ISO 8601 texts as timestamps; null where there is no such day or time."""
    kind = pa.timestamp("ns", zone)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        return pa.concat_arrays(
            [_timestamp(column.slice(row, 1), kind) for row in range(len(column))]
        )


def _timestamp(cell: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return cell.cast(kind)
    except pa.ArrowInvalid:
        return pa.nulls(1, kind)


def _floats(column: pa.Array) -> pa.Array:
    """Return texts as floats; null where a text is none."""
    return _only(column, pc.match_substring_regex(column, _FLOAT)).cast(pa.float64())


def _only(column: pa.Array, where: pa.Array) -> pa.Array:
    return pc.if_else(where, column, pa.scalar(None, column.type))


def _float_counts(column: pa.Array, unit: int, most: int = E8_MAX) -> tuple[Int64s, Flags]:
    """Return floats in a unit, rounded to whole counts."""
    values = _doubles(column)
    with np.errstate(invalid="ignore", over="ignore"):
        counts = np.rint(values * unit)
        sense = np.abs(counts) <= most  # false for NaN, too
    return np.where(sense, counts, 0).astype(np.int64), sense


def _decimal_counts(column: pa.Array) -> tuple[Int64s, Flags]:
    """Return decimal128 of scale 8 as counts, where they are not too large."""
    if not len(column):
        return _no_numbers(column)
    words = np.frombuffer(column.buffers()[1], np.int64).reshape(-1, 2)
    low, high = words[column.offset : column.offset + len(column)].T
    sense = _flags(pc.is_valid(column)) & (high == low >> 63) & (np.abs(low) <= E8_MAX)
    return low, sense


def _integers(column: pa.Array, most: int = 2**62) -> tuple[Int64s, Flags]:
    """Return whole numbers of at most a size."""
    if pa.types.is_uint64(column.type):
        column = _only(column, pc.less_equal(column, 2**62))
    numbers = _ints(column.cast(pa.int64()).fill_null(0))
    return numbers.copy(), _flags(pc.is_valid(column)) & (np.abs(numbers) <= most)


def _no_numbers(column: pa.Array) -> tuple[Int64s, Flags]:
    return np.zeros(len(column), np.int64), np.zeros(len(column), np.bool_)


def _doubles(column: pa.Array) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = (
        column.cast(pa.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False)
    )
    return values


def _ints(column: pa.Array) -> Int64s:
    numbers: Int64s = column.to_numpy(zero_copy_only=False)
    return numbers.astype(np.int64)


def _flags(column: pa.Array) -> Flags:
    flags: Flags = column.to_numpy(zero_copy_only=False)
    return flags.astype(np.bool_)
