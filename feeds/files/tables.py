"""Tables of quotes and trades, CSV or Parquet, as records in the log's schema. No row is lost.

One row of a table is one record, in the order of the rows. `feeds.files.layout` defines the
columns, `feeds.files.rows` reads rows, `feeds.files.cells` reads cells.

A quote with sizes becomes a `BookUpdate` that is a whole book with one level a side; one without
sizes becomes a `Quote`. An invalid cell (not a number, NaN, infinite, negative, too large, finer
than 1e-8, of an implausible year) makes its row an `Undecodable` with the row as JSON and the
reason. So does a line with another number of cells than the header, with the line. Values that are
odd but possible are kept unchanged for the engine, and counted: crossed quotes, times that run
backwards, repeated rows.

All work is done on whole columns.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventlog.schema import LEVELS, batch_of, decimals
from feeds.files.cells import Cells
from feeds.files.layout import Layout
from feeds.files.lines import reading
from feeds.files.rows import OddLine, Rows, is_parquet, rows_in
from feeds.files.times import Flags, Int64s

_NAMES_ENDINGS = (".csv", ".tsv")


class Reading(NamedTuple):
    """Some rows: their records, and the number of odd ones by reason."""

    batch: pa.RecordBatch
    """In the log's schema, at offset 0: a log numbers records when it appends them."""

    refused: dict[str, int]
    """Rows that became `Undecodable`."""

    noted: dict[str, int]
    """Rows that were kept as they are."""

    left_out: dict[str, int]
    """Rows that became no record."""

    identified: Flags
    """Which records are trades with an id of the file, bool[records]."""

    units: dict[str, Counter[str]]
    """Column of times → unit → number of times in it."""


def is_table(path: Path) -> bool:
    """Return whether a file is a table, by its name."""
    return is_parquet(path) or any(end in _NAMES_ENDINGS for end in map(str.lower, path.suffixes))


def columns_of(path: Path, layout: Layout) -> dict[str, str]:
    """Return the names in a table of the columns that are read.

    Raises:
        TableUnreadable: if the file is missing, damaged or no table, or lacks columns.
    """
    return rows_in(path, layout)[0]


def readings(path: Path, layout: Layout, first_ns: int = 0) -> Iterator[Reading]:
    """Yield a table's rows as records.

    ``first_ns`` is the time of the first row that has one, for those before.

    Raises:
        TableUnreadable: if the file is missing, damaged or no table, or lacks columns.
    """
    fold = _Fold(layout, first_ns)
    _, parts = rows_in(path, layout)
    with reading(path):
        for rows in parts:
            yield fold.read(rows)


_KINDS = pa.array(["book", "quote", "trade", "undecodable"])
_SIDES = pa.array(["buy", "sell"])
_TOLD = ("at", "bid", "bid_size", "ask", "ask_size", "price", "size", "trade_id")


class _Fold:
    """Converts rows to records, with a little state from one part of a table to the next."""

    def __init__(self, layout: Layout, first_ns: int) -> None:
        self._time_unit = layout.time_unit
        self._time_ns = first_ns  # of the row before
        self._last_e8 = 0  # price of the trade before
        self._trades = 0
        self._before: Int64s | None = None

    def read(self, rows: Rows) -> Reading:
        """Return the records of some rows, in order."""
        count = rows.length
        cells = Cells(rows.columns, count, self._time_unit)
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
        identified = is_trade & cells.has("trade_id")
        if rows.odd:
            refused |= Counter(_kind_of(line.why) for line in rows.odd)
            order = _order_of(rows.odd, count)
            batch = pa.concat_batches(
                [_odd_lines(rows.odd, [started_ns, *time_ns.tolist()]), batch]
            )
            batch = batch.take(pa.array(order))
            identified = np.concatenate([np.zeros(len(rows.odd), np.bool_), identified])[order]
        left_out = {"blank lines": rows.blank} if rows.blank else {}
        return Reading(batch, refused, noted, left_out, identified, cells.units)

    @staticmethod
    def _received_ns(cells: Cells) -> Int64s:
        return np.where(cells.has("received"), cells.number("received"), cells.number("at"))

    def _quote_columns(self, cells: Cells, is_quote: Flags, is_trade: Flags) -> dict[str, pa.Array]:
        traded_e8 = _filled(cells.number("price"), is_trade, self._last_e8)
        if cells.count:
            self._last_e8 = int(traded_e8[-1])
        prices = {
            "bid": cells.number("bid"),
            "ask": cells.number("ask"),
            "last": np.where(cells.has("last"), cells.number("last"), traded_e8),
        }
        return _amounts(prices, is_quote)

    def _trade_columns(self, cells: Cells, is_trade: Flags) -> dict[str, pa.Array]:
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

    def _noted(self, cells: Cells, good: Flags) -> dict[str, int]:
        """Count values that are possible but rare."""
        told = [cells.number(name) for name in _TOLD] + [cells.side, cells.is_quote]
        facts = np.stack(told)[:, good].astype(np.int64)
        crossed = cells.is_quote & (cells.number("bid") >= cells.number("ask"))
        counts = {
            "crossed": int(np.sum(crossed & good)),
            "a time that is a float, rounded to microseconds": int(
                np.sum(cells.rounded_times & good)
            ),
            "residue of float arithmetic beyond eight decimals, dropped": int(
                np.sum(cells.rounded_amounts & good)
            ),
        }
        if facts.shape[1]:
            before = facts[:, :1] * 0 - 1 if self._before is None else self._before
            self._before = facts[:, -1:]
            before = np.concatenate([before, facts[:, :-1]], axis=1)
            counts["time runs backwards"] = int(np.sum(facts[0] < before[0]))
            counts["repeats the row before"] = int(np.sum((facts == before).all(axis=0)))
        return {reason: count for reason, count in counts.items() if count}


def _refusals(cells: Cells) -> Iterator[tuple[str, Flags]]:
    """Yield each reason to refuse rows, and the rows; the first reason of a row counts."""
    yield "kind is neither quote nor trade", cells.nonsense("kind")
    for name in ("at", "received"):
        yield from cells.wrong[name].items()
    yield "at is missing or not a time", ~cells.has("at")
    yield "received is not a time", cells.nonsense("received")
    yield "a row that is neither a quote nor a trade", cells.says_nothing
    quote, trade = cells.is_quote, ~cells.is_quote
    for name in ("bid", "bid_size", "ask", "ask_size", "last"):
        yield f"{name} {_FINER}", quote & cells.finer(name)
    for name in ("price", "size"):
        yield f"{name} {_FINER}", trade & cells.finer(name)
    for name in ("bid", "ask"):
        yield f"{name} is missing or not a number", quote & ~cells.has(name)
        yield f"{name} is not positive", quote & (cells.number(name) <= 0)
    for name in ("bid_size", "ask_size"):
        if cells.is_column(name):
            yield f"{name} is missing or not a number", quote & ~cells.has(name)
            yield f"{name} is negative", quote & (cells.number(name) < 0)
    yield "last is not a number", quote & cells.nonsense("last")
    yield "last is negative", quote & (cells.number("last") < 0)
    for name in ("price", "size"):
        yield f"{name} is missing or not a number", trade & ~cells.has(name)
        yield f"{name} is not positive", trade & (cells.number(name) <= 0)
    yield "side is neither buy nor sell", trade & cells.nonsense("side")
    yield "trade_id is not a whole number", trade & cells.nonsense("trade_id")


_FINER = "has more than eight decimals"
_APART = "a line with another number of cells than the header"


def _kind_of(why: str) -> str:
    """Return the reason under which an odd line is counted."""
    return _APART if "cells where the header has" in why else why.partition(":")[0]


def _amounts(values_e8: Mapping[str, Int64s], where: Flags) -> dict[str, pa.Array]:
    """Return columns of amounts and of the decimals that they need."""
    columns = {}
    for name, counts_e8 in values_e8.items():
        columns[name] = decimals(counts_e8, mask=~where)
        columns[f"{name}_decimals"] = pa.array(_decimals_of(counts_e8), mask=~where)
    return columns


def _book_columns(cells: Cells, is_book: Flags) -> dict[str, pa.Array]:
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
    rows: Rows, refusal: Int64s, reasons: Sequence[str]
) -> dict[str, pa.Array]:
    """Return the records of refused rows: each as JSON, with the reason."""
    bad = np.flatnonzero(refusal)
    if not len(bad):
        return {
            "raw": pa.nulls(rows.length, pa.binary()),
            "why": pa.nulls(rows.length, pa.string()),
        }
    places = np.zeros(rows.length, np.int64)
    places[bad] = np.arange(len(bad))
    raw = [rows.raw(row) for row in bad.tolist()]
    mask = refusal == 0
    return {
        "raw": pa.array(raw, pa.binary()).take(pa.array(places, mask=mask)),
        "why": pa.array(reasons, pa.string()).take(pa.array(refusal - 1, mask=mask)),
    }


def _odd_lines(lines: Sequence[OddLine], received_ns: Sequence[int]) -> pa.RecordBatch:
    """Return the records of invalid lines, each with the time of the row before it."""
    count = len(lines)
    columns = {
        "offset": pa.array([0] * count, pa.int64()),
        "kind": pa.array(["undecodable"] * count),
        "received_ns": pa.array([received_ns[line.place] for line in lines], pa.int64()),
        "raw": pa.array([line.raw for line in lines], pa.binary()),
        "why": pa.array([line.why for line in lines]),
    }
    return batch_of(columns, count)


def _order_of(lines: Sequence[OddLine], count: int) -> Int64s:
    """Return the order of odd lines and rows in the file."""
    places = np.concatenate([[line.place for line in lines], np.arange(count)])
    return np.argsort(places, kind="stable")


def _filled(values: Int64s, where: Flags, before: int) -> Int64s:
    """Return for each row the value of the last row so far that has one."""
    places = np.maximum.accumulate(np.where(where, np.arange(1, len(values) + 1), 0))
    return np.concatenate([[before], values])[places]


def _decimals_of(values_e8: Int64s) -> npt.NDArray[np.int8]:
    """Return the number of decimals that each amount needs, 0 to 8."""
    needed = np.full(len(values_e8), 8, np.int8)
    for digits in range(1, 9):
        needed -= values_e8 % 10**digits == 0
    return needed
