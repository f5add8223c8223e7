"""The times of rows, in nanoseconds since 1970 UTC, where they are plausible.

No market that is read here is older than bitcoin, so a time before 2009 or after 2096 is taken for
an error, nearly always of the unit. In this range an integer is plausible in one unit only:
milliseconds of 2024 are the year 56 500 in seconds, and January 1970 in nanoseconds. So without a
stated unit, each number has the unit in which it is plausible, since some tables change their unit
in the middle. With a stated unit, a number that is implausible in it is refused.

A float cannot hold a time to the nanosecond, so it is rounded to microseconds.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

UNITS_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Units of numeric times → nanoseconds."""

TIME_NS_MIN = 1_230_768_000 * 10**9
"""2009-01-01, two days before the first block of bitcoin."""

TIME_NS_MAX = 4 * 10**18
"""The year 2096: later, event time plus a horizon could exceed what a log holds."""

YEARS = "2009 to 2096"

Int64s = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_FLOAT = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$"
_WHOLE = r"^[-+]?[0-9]{1,18}$|^[-+]?[0-8][0-9]{18}$"
_FIXED = r"^(?P<whole>[0-9]{1,18})\.(?P<part>[0-9]{1,30})$"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?"
_ZONE = r"(Z|[-+][0-9]{2}(:?[0-9]{2})?)$"
_REWRITTEN = (
    (r"^([0-9]{4})/([0-9]{2})/([0-9]{2})", r"\1-\2-\3"),
    (r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[tT] ?", r"\1T"),
    (r"(:[0-9]{2}),([0-9])", r"\1.\2"),
    (r" ?(?i:z|utc|gmt)$", "Z"),
    (r"([0-9]) ([-+][0-9]{2}:?([0-9]{2})?)$", r"\1\2"),
)
"""Unambiguous variants of ISO 8601."""


class Times(NamedTuple):
    """The times of a column of cells."""

    ns: Int64s
    has: Flags
    """Where the time is plausible, bool[rows]."""

    wrong: dict[str, Flags]
    """Reason → where the time is implausible, bool[rows]."""

    units: Counter[str]
    """Unit → number of numeric times in it."""

    rounded: Flags
    """Where a float was rounded to microseconds."""


def time_ns(number: int | Decimal, unit: str | None) -> tuple[int, str] | None:
    """Return the time of a number in ns, and its unit; ``None`` if it is implausible.

    >>> time_ns(1_700_000_000_000, None), time_ns(1_700_000_000_000, "us"), time_ns(5, None)
    ((1700000000000000000, 'ms'), None, None)
    """
    for name, size_ns in UNITS_NS.items():
        if unit in (None, name) and TIME_NS_MIN <= number * size_ns <= TIME_NS_MAX:
            return int(number * size_ns), name
    return None


def why_not(number: int | Decimal, name: str, unit: str | None) -> str:
    """Return why an integer is not a plausible time.

    >>> why_not(1_700_000_000_000, "at", "ns")
    'at is not of the years 2009 to 2096 in ns; in ms it would be'
    """
    if unit is None:
        return f"{name} is not of the years {YEARS} in any unit"
    fits = [each for each in UNITS_NS if time_ns(number, each) is not None]
    would = f"; in {fits[0]} it would be" if fits else " or any other unit"
    return f"{name} is not of the years {YEARS} in {unit}{would}"


def times_of(column: pa.Array, name: str, unit: str | None) -> Times:
    """Return the times of a column, whose cells are plain (`feeds.files.cells.plain`)."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        numbers, has = _timestamps_ns(column)
        return _dated(numbers, has, name)
    if pa.types.is_integer(kind):
        return _counted(*_integers(column), np.zeros(len(column), np.int64), name, unit)
    if pa.types.is_decimal(kind):
        return _of_texts(column.cast(pa.string()), name, unit)
    if pa.types.is_floating(kind):
        return _of_floats(column.cast(pa.float64()), name, unit)
    if pa.types.is_string(kind):
        return _of_texts(column, name, unit)
    return _none(len(column))


def _none(count: int) -> Times:
    nothing = np.zeros(count, np.bool_)
    return Times(np.zeros(count, np.int64), nothing, {}, Counter(), nothing)


def _dated(numbers: Int64s, has: Flags, name: str) -> Times:
    plausible = has & (numbers >= TIME_NS_MIN) & (numbers <= TIME_NS_MAX)
    wrong = {f"{name} is not of the years {YEARS}": has & ~plausible}
    nothing = np.zeros(len(has), np.bool_)
    return Times(np.where(plausible, numbers, 0), plausible, wrong, Counter(), nothing)


def _counted(numbers: Int64s, has: Flags, parts_e9: Int64s, name: str, unit: str | None) -> Times:
    """Return whole numbers and billionths of some unit as times."""
    ns = np.zeros(len(numbers), np.int64)
    plausible = np.zeros(len(numbers), np.bool_)
    units: Counter[str] = Counter()
    fitting: dict[str, Flags] = {}
    for each, size_ns in UNITS_NS.items():
        low, high = -(-TIME_NS_MIN // size_ns), TIME_NS_MAX // size_ns - 1
        fits = fitting[each] = has & (numbers >= low) & (numbers <= high)
        if unit in (None, each) and fits.any():
            told_ns = np.where(fits, numbers, 0) * size_ns + parts_e9 * size_ns // 10**9
            ns = np.where(fits, told_ns, ns)
            plausible |= fits
            units[each] += int(np.sum(fits))
    rest = has & ~plausible
    wrong = {}
    for each, fits in fitting.items():
        if each != unit and (rest & fits).any():
            wrong[f"{name} is not of the years {YEARS} in {unit}; in {each} it would be"] = (
                rest & fits
            )
            rest &= ~fits
    said = "any unit" if unit is None else f"{unit} or any other unit"
    wrong[f"{name} is not of the years {YEARS} in {said}"] = rest
    return Times(ns, plausible, wrong, units, np.zeros(len(numbers), np.bool_))


def _of_floats(column: pa.Array, name: str, unit: str | None) -> Times:
    """Return floats of some unit as times, rounded to microseconds."""
    values = column.fill_null(float("nan")).to_numpy(zero_copy_only=False)
    has = np.isfinite(values)
    values = np.where(has, values, 0.0)
    # The unit is that of the integer part; numbers beyond int64 are implausible in every unit.
    found = _counted(
        np.clip(np.floor(values), -(2**62), 2**62).astype(np.int64),
        has,
        np.zeros(len(values), np.int64),
        name,
        unit,
    )
    ns = np.zeros(len(values), np.int64)
    for each, size_ns in UNITS_NS.items():
        low, high = TIME_NS_MIN // size_ns, TIME_NS_MAX // size_ns
        fits = found.has & (values >= low) & (values <= high)
        with np.errstate(over="ignore"):
            told_us = np.rint(np.where(fits, values, 0.0) * (size_ns / 1_000))
        ns = np.where(fits & (unit in (None, each)), told_us.astype(np.int64) * 1_000, ns)
    return found._replace(ns=ns, rounded=found.has)


def _of_texts(column: pa.Array, name: str, unit: str | None) -> Times:
    """Return texts as times: integers, exact decimals, or ISO 8601."""
    whole = pc.match_substring_regex(column, _WHOLE)
    fixed = pc.match_substring_regex(column, _FIXED)
    other = pc.invert(pc.or_(whole, fixed))
    told = pc.extract_regex(_only(column, fixed), _FIXED)
    part = pc.utf8_slice_codeunits(pc.struct_field(told, "part"), 0, 9)
    part = pc.ascii_rpad(part, 9, "0").cast(pa.int64())
    numbers = pc.if_else(fixed, pc.struct_field(told, "whole"), _only(column, whole))
    rest = _only(column, other)
    parsed = [
        _counted(*_integers(numbers.cast(pa.int64())), part.fill_null(0).to_numpy(), name, unit),
        _of_floats(
            _only(rest, pc.match_substring_regex(rest, _FLOAT)).cast(pa.float64()), name, unit
        ),
        _dated(*_iso_ns(rest), name),
    ]
    return _joined(parsed)


def _joined(parsed: list[Times]) -> Times:
    """Merge several readings of the same cells, of which at most one applies to each cell."""
    first, *others = parsed
    ns, has, wrong, rounded = first.ns, first.has, dict(first.wrong), first.rounded
    units = Counter(first.units)
    for each in others:
        ns, has, rounded = np.where(each.has, each.ns, ns), has | each.has, rounded | each.rounded
        units += each.units
        for why, where in each.wrong.items():
            wrong[why] = wrong[why] | where if why in wrong else where
    return Times(ns, has, wrong, units, rounded)


def _iso_ns(column: pa.Array) -> tuple[Int64s, Flags]:
    for pattern, spelt in _REWRITTEN:
        column = pc.replace_substring_regex(column, pattern, spelt)
    numbers, has = _timestamps_ns(
        _timestamps(_only(column, pc.match_substring_regex(column, _ISO + "$")), None)
    )
    zoned, where = _timestamps_ns(
        _timestamps(_only(column, pc.match_substring_regex(column, _ISO + _ZONE)), "UTC")
    )
    return np.where(where, zoned, numbers), has | where


def _timestamps(column: pa.Array, zone: str | None) -> pa.Array:
    """Return ISO 8601 texts as timestamps; null where the date or time does not exist."""
    kind = pa.timestamp("ns", zone)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        if len(column) == 1:
            return pa.nulls(1, kind)
    half = len(column) // 2  # bisection, so that few bad texts among many are found fast
    halves = [_timestamps(part, zone) for part in (column.slice(0, half), column.slice(half))]
    return pa.concat_arrays(halves)


def _timestamps_ns(column: pa.Array) -> tuple[Int64s, Flags]:
    numbers, has = _integers(column.cast(pa.int64()))
    size_ns = UNITS_NS[column.type.unit]
    held = has & (np.abs(numbers) <= TIME_NS_MAX // size_ns + 1)
    # A time further away is implausible anyway, so any year outside of the range will do.
    return np.where(held, numbers, 0) * size_ns, has


def _integers(column: pa.Array) -> tuple[Int64s, Flags]:
    """Return integers clipped at 2^62."""
    if pa.types.is_uint64(column.type):
        column = pc.min_element_wise(column, pa.scalar(2**62, pa.uint64()), skip_nulls=False)
    numbers: Int64s = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    has: Flags = column.is_valid().to_numpy(zero_copy_only=False)
    return np.clip(numbers.astype(np.int64), -(2**62), 2**62), has.astype(np.bool_)


def _only(column: pa.Array, where: pa.Array) -> pa.Array:
    return pc.if_else(where, column, pa.scalar(None, column.type))


def units_text(units: Mapping[str, int]) -> str:
    """Return the units of a column's times in words, the most frequent first."""
    return " and ".join(unit for unit, _ in Counter(units).most_common())
