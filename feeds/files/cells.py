"""The cells of some rows of a table as integers, and the reasons where a cell has none.

An amount is a count of 1e-8 and exactly the value of the cell: one with more than eight decimals is
invalid. Only the residue of float arithmetic (0.30000000000000004) is rounded away, and counted. A
cell of more than `CELL_BYTES_MAX` bytes is neither a number nor a word.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.records import E8, E8_MAX
from feeds.files.times import Flags, Int64s, times_of

AMOUNTS = ("bid", "bid_size", "ask", "ask_size", "last", "price", "size")
TIMES = ("at", "received")
CELL_BYTES_MAX = 256

QUOTE, TRADE = 0, 1
_KIND_WORDS = {"quote": QUOTE, "trade": TRADE}
_SIDE_WORDS = {
    "buy": 0, "b": 0, "bid": 0, "1": 0, "sell": 1, "s": 1, "ask": 1, "a": 1, "-1": 1,
    "unknown": -1,
}  # fmt: skip
_EMPTY = pa.array(["", "nan", "null", "none"])

_PLAIN = r"^[-+]?[0-9]{1,10}(\.[0-9]{0,8}0*)?$"
_FINE = r"^[-+]?[0-9]*\.[0-9]{8}[0-9]*[1-9][0-9]*$"
_LEFT_OVER = r"\.[0-9]{8}(00|99)[0-9]{2,}$"
"""Decimals that only float arithmetic produces: 0.30000000000000004, 0.7999999999999999."""

_FLOAT = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$"
_WHOLE = r"^[-+]?([0-9]{1,18}|[0-3][0-9]{18})$"
_ULPS = 4
"""The error of a few additions, in units in the last place of a double."""


class Cells:
    """The cells of some rows. An empty cell, null and NaN count as missing."""

    def __init__(self, columns: Mapping[str, pa.Array], count: int, time_unit: str | None) -> None:
        self.count = count
        self.units: dict[str, Counter[str]] = {}
        self.wrong: dict[str, dict[str, Flags]] = {}
        """By column of times: reason → where a time is implausible, bool[rows]."""
        self._numbers: dict[str, Int64s] = {}
        self._has: dict[str, Flags] = {}
        self._nonsense: dict[str, Flags] = {}
        self._finer: dict[str, Flags] = {}
        self._columns = frozenset(columns)
        self.rounded_times = np.zeros(count, np.bool_)
        self.rounded_amounts = np.zeros(count, np.bool_)
        for name in (*TIMES, *AMOUNTS, "trade_id"):
            column = plain(columns.get(name, pa.nulls(count)))
            if name in TIMES:
                numbers, sense = self._times(column, name, time_unit)
            elif name in AMOUNTS:
                numbers, sense = self._amounts(column, name)
            else:
                numbers, sense = _whole_numbers(column)
            self._numbers[name] = np.where(sense, numbers, 0)
            self._has[name] = sense
            self._nonsense[name] = flags(pc.is_valid(column)) & ~sense
        self.side = self._words("side", columns, _SIDE_WORDS)
        kind = self._words("kind", columns, _KIND_WORDS)
        has_quote = self._said("bid") | self._said("ask")
        has_trade = self._said("price")
        odd_quote = ~has_trade & (self._nonsense["bid"] | self._nonsense["ask"])
        self.is_quote: Flags = np.where(kind < 0, has_quote | odd_quote, kind == QUOTE)
        is_odd = odd_quote | self._nonsense["price"]
        self.says_nothing: Flags = (kind < 0) & ~has_quote & ~has_trade & ~is_odd

    def number(self, column: str) -> Int64s:
        """Return a column's numbers, int64[rows]; 0 where there is none."""
        return self._numbers[column]

    def has(self, column: str) -> Flags:
        """Return which cells of a column are numbers."""
        return self._has[column]

    def nonsense(self, column: str) -> Flags:
        """Return which cells of a column are neither empty nor valid."""
        return self._nonsense[column]

    def finer(self, column: str) -> Flags:
        """Return which amounts of a column have more than eight decimals."""
        return self._finer[column]

    def is_column(self, column: str) -> bool:
        """Return whether the table has the column."""
        return column in self._columns

    def _said(self, name: str) -> Flags:
        said: Flags = self._has[name] | self._finer[name]
        return said

    def _times(self, column: pa.Array, name: str, unit: str | None) -> tuple[Int64s, Flags]:
        found = times_of(column, name, unit)
        self.units[name], self.wrong[name] = found.units, found.wrong
        self.rounded_times |= found.rounded
        return found.ns, found.has

    def _amounts(self, column: pa.Array, name: str) -> tuple[Int64s, Flags]:
        counts, sense, finer, rounded = _counts_e8(column)
        self._finer[name] = finer
        self.rounded_amounts |= rounded
        return counts, sense

    def _words(
        self, name: str, columns: Mapping[str, pa.Array], meanings: Mapping[str, int]
    ) -> Int64s:
        """Return the codes of the words in a column, -1 where a cell is empty."""
        column = plain(columns.get(name, pa.nulls(self.count)))
        if not pa.types.is_string(column.type):
            column = column.cast(pa.string())
        words = pc.ascii_lower(column)
        places = pc.index_in(words, pa.array(list(meanings))).fill_null(-1)
        found = np.array([*meanings.values(), -1], np.int64)[ints(places)]
        self._nonsense[name] = flags(pc.is_valid(column)) & (ints(places) < 0)
        return found


def is_readable(kind: pa.DataType) -> bool:
    """Return whether cells of a type can be read: numbers, texts, and timestamps."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    # All types but nested ones, and times without a date.
    return any(
        is_kind(kind)
        for is_kind in (
            pa.types.is_null, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal,
            pa.types.is_timestamp, *TEXTS,
        )
    )  # fmt: skip


TEXTS = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
    pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
)  # fmt: skip


def plain(column: pa.Array) -> pa.Array:
    """Return a column without dictionary and blanks; an empty text and NaN are null."""
    if pa.types.is_dictionary(column.type):
        values = _bounded(column.dictionary)
        column = values.take(column.indices)
    column = _bounded(column)
    if pa.types.is_string(column.type):
        column = pc.ascii_trim_whitespace(column)
        empty = pc.is_in(pc.ascii_lower(column), _EMPTY)
        return pc.if_else(empty, pa.scalar(None, pa.string()), column)
    if pa.types.is_floating(column.type):
        if pa.types.is_float16(column.type):
            column = column.cast(pa.float32())
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column


def _bounded(column: pa.Array) -> pa.Array:
    """Return texts and bytes as texts, not necessarily UTF-8, none of which is long."""
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    if not any(is_text(column.type) for is_text in TEXTS):
        return column
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        column = column.cast(pa.large_binary())
    too_long = pc.greater(pc.binary_length(column), CELL_BYTES_MAX)
    if pc.any(too_long).as_py():
        said = pa.scalar(b"(more than a cell may hold)").cast(column.type)
        column = pc.if_else(too_long, said, column)
    return pc.cast(column, options=pc.CastOptions(pa.string(), allow_invalid_utf8=True))


def _counts_e8(column: pa.Array) -> tuple[Int64s, Flags, Flags, Flags]:
    """Return amounts as counts of 1e-8, and where cells are valid, too fine, and rounded."""
    kind = column.type
    if pa.types.is_floating(kind):  # its shortest text is the intended number
        column = column.cast(pa.string())
        kind = column.type
    if pa.types.is_string(kind):
        return _text_counts_e8(column)
    if pa.types.is_decimal(kind):
        return _wide_counts_e8(column)
    nothing = np.zeros(len(column), np.bool_)
    if pa.types.is_integer(kind):
        numbers, sense = integers(column, E8_MAX // E8)
        return numbers * E8, sense, nothing, nothing
    return np.zeros(len(column), np.int64), nothing, nothing, nothing


def _text_counts_e8(column: pa.Array) -> tuple[Int64s, Flags, Flags, Flags]:
    is_plain = pc.match_substring_regex(column, _PLAIN)
    trimmed = pc.replace_substring_regex(only(column, is_plain), r"(\.[0-9]{8})0+$", r"\1")
    counts, sense = _decimal_counts(trimmed.cast(pa.decimal128(38, 8)))
    rest = only(column, pc.invert(is_plain))
    rest = only(rest, pc.match_substring_regex(rest, _FLOAT))
    others, other, finer, _ = _double_counts_e8(rest.cast(pa.float64()))
    is_fine = flags(pc.match_substring_regex(rest, _FINE).fill_null(False))
    meant = is_fine & ~flags(pc.match_substring_regex(rest, _LEFT_OVER).fill_null(False))
    finer |= other & meant
    other &= ~meant
    rounded = other & is_fine
    return np.where(other, others, counts), sense | other, finer, rounded


def _double_counts_e8(column: pa.Array) -> tuple[Int64s, Flags, Flags, Flags]:
    """Return floats as counts of 1e-8, those that equal one up to the last bits."""
    values = doubles(column)
    with np.errstate(invalid="ignore", over="ignore"):
        counts = np.rint(values * E8)
        held = np.abs(counts) <= E8_MAX  # false for NaN, too
        counts = np.where(held, counts, 0)
        off = np.abs(np.where(held, values, 0.0) - counts / E8)
        exact = off <= _ULPS * np.spacing(np.abs(np.where(held, values, 1.0)))
    return counts.astype(np.int64), held & exact, held & ~exact, held & exact & (off > 0)


def _wide_counts_e8(column: pa.Array) -> tuple[Int64s, Flags, Flags, Flags]:
    """Return decimals of any precision and scale."""
    finer = np.zeros(len(column), np.bool_)
    if column.type.scale > 8:
        rounded = pc.round(column, ndigits=8)
        finer = flags(pc.not_equal(rounded, column).fill_null(False))
        column = rounded
    try:
        counts, sense = _decimal_counts(column.cast(pa.decimal128(38, 8)))
    except pa.ArrowInvalid:  # some are too large
        counts, sense, _, _ = _text_counts_e8(column.cast(pa.string()))
    return counts, sense & ~finer, finer, np.zeros(len(column), np.bool_)


def _whole_numbers(column: pa.Array) -> tuple[Int64s, Flags]:
    kind = column.type
    if pa.types.is_string(kind):
        return integers(only(column, pc.match_substring_regex(column, _WHOLE)).cast(pa.int64()))
    if pa.types.is_integer(kind):
        return integers(column)
    if pa.types.is_floating(kind):
        values = doubles(column)
        with np.errstate(invalid="ignore"):
            sense = (np.abs(values) < 2**53) & (values == np.rint(values))
        return np.where(sense, values, 0).astype(np.int64), sense
    return np.zeros(len(column), np.int64), np.zeros(len(column), np.bool_)


def _decimal_counts(column: pa.Array) -> tuple[Int64s, Flags]:
    """Return decimal128 of scale 8 as counts of 1e-8, where they are not too large."""
    if not len(column):
        return np.zeros(0, np.int64), np.zeros(0, np.bool_)
    words = np.frombuffer(column.buffers()[1], np.int64).reshape(-1, 2)
    low, high = words[column.offset : column.offset + len(column)].T
    sense = flags(pc.is_valid(column)) & (high == low >> 63) & (np.abs(low) <= E8_MAX)
    return low, sense


def integers(column: pa.Array, most: int = 2**62) -> tuple[Int64s, Flags]:
    """Return integers up to a bound."""
    if pa.types.is_uint64(column.type):
        column = only(column, pc.less_equal(column, 2**62))
    numbers = ints(column.cast(pa.int64()).fill_null(0))
    return numbers.copy(), flags(pc.is_valid(column)) & (numbers <= most) & (numbers >= -most)


def doubles(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return numbers as doubles, NaN where there is none."""
    values: npt.NDArray[np.float64] = (
        column.cast(pa.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False)
    )
    return values


def ints(column: pa.Array) -> Int64s:
    """Return a column of integers without nulls."""
    numbers: Int64s = column.to_numpy(zero_copy_only=False)
    return numbers.astype(np.int64)


def flags(column: pa.Array) -> Flags:
    """Return a column of booleans without nulls."""
    found: Flags = column.to_numpy(zero_copy_only=False)
    return found.astype(np.bool_)


def only(column: pa.Array, where: pa.Array) -> pa.Array:
    """Return the selected cells of a column, null elsewhere."""
    return pc.if_else(where, column, pa.scalar(None, column.type))
