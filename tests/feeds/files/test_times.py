"""A number of a time has the unit in which it is plausible, and no other."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.files.times import TIME_NS_MAX, TIME_NS_MIN, UNITS_NS, time_ns, times_of, why_not

NS = 1_700_000_000_123_456_789


@given(ns=st.integers(TIME_NS_MIN, TIME_NS_MAX - 10**9), unit=st.sampled_from(sorted(UNITS_NS)))
def test_each_time_is_plausible_in_one_unit_only(ns: int, unit: str) -> None:
    size_ns = UNITS_NS[unit]
    number = -(-ns // size_ns)

    assert time_ns(number, None) == time_ns(number, unit) == (number * size_ns, unit)
    assert all(time_ns(number, other) is None for other in UNITS_NS if other != unit)
    for column in (pa.array([number]), pa.array([str(number)])):
        found = times_of(column, "at", None)
        assert (found.ns.tolist(), found.units) == ([number * size_ns], {unit: 1})
        for other in UNITS_NS:
            assert times_of(column, "at", other).has.tolist() == [other == unit]


@pytest.mark.parametrize("unit", UNITS_NS)
def test_a_stated_unit_is_held_to_the_years_and_another_one_is_named(unit: str) -> None:
    number = NS // UNITS_NS[unit]
    for stated in UNITS_NS:
        if stated != unit:
            wrong = times_of(pa.array([number]), "at", stated).wrong
            why = f"at is not of the years 2009 to 2096 in {stated}; in {unit} it would be"
            assert wrong[why].tolist() == [True]
            assert why_not(number, "at", stated) == why


@pytest.mark.parametrize("text", ["0", "1", "-1700000000", "1000000000", "9" * 18, "9" * 30, "1e3"])
def test_what_is_plausible_in_no_unit_is_no_time(text: str) -> None:
    found = times_of(pa.array([text]), "at", None)
    assert not found.has.any()
    assert sum(where.sum() for where in found.wrong.values()) == 1


def test_a_table_may_change_its_unit_in_the_middle() -> None:
    found = times_of(pa.array([NS // 10**6, NS // 10**3]), "at", None)
    assert found.ns.tolist() == [NS // 10**6 * 10**6, NS // 10**3 * 10**3]
    assert found.units == {"ms": 1, "us": 1}


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2024-08-08T23:54:15.36Z", 1_723_161_255_360_000_000),
        ("2024-08-08t23:54:15.36z", 1_723_161_255_360_000_000),
        ("2024-08-08 23:54:15.36 UTC", 1_723_161_255_360_000_000),
        ("2024-08-08 23:54:15.36UTC", 1_723_161_255_360_000_000),
        ("2024-08-08 23:54:15.36 GMT", 1_723_161_255_360_000_000),
        ("2024-08-08 23:54:15.36 +0000", 1_723_161_255_360_000_000),
        ("2024-08-08 23:54:15.36 +00:00", 1_723_161_255_360_000_000),
        ("2024-08-09 09:54:15.36 +10:00", 1_723_161_255_360_000_000),
        ("2024-08-09T09:54:15.36+10", 1_723_161_255_360_000_000),
        ("2024-08-08 18:54:15.36-0500", 1_723_161_255_360_000_000),
        ("2024/08/08 23:54:15,36", 1_723_161_255_360_000_000),
        ("1723161255.36", 1_723_161_255_360_000_000),
        ("1723161255360.000001", 1_723_161_255_360_000_001),
        ("1723161255.360000001", 1_723_161_255_360_000_001),
        ("1723161255360000001", 1_723_161_255_360_000_001),
        ("1.72316125536e9", 1_723_161_255_360_000_000),
    ],
)
def test_a_time_is_read_to_its_last_digit(text: str, ns: int) -> None:
    assert times_of(pa.array([text]), "at", None).ns.tolist() == [ns]


@pytest.mark.parametrize(
    "text",
    ["2024-02-30", "2024-08-08 25:00", "08/09/2024", "soon", "2024-08-08 10:00 Sydney", "12:30:00",
     "2024-08-08 10:00:00 ABC", "\uff12024-08-08"],
)  # fmt: skip
def test_what_is_no_time_is_none(text: str) -> None:
    column = pa.array([text, "2024-08-08"])
    assert times_of(column, "at", None).has.tolist() == [False, True]


@given(us=st.integers(TIME_NS_MIN // 1_000, TIME_NS_MAX // 1_000 - 10**6))
def test_floats_are_rounded_to_microseconds_and_said_to_be(us: int) -> None:
    for unit, size_ns in UNITS_NS.items():
        value = us * 1_000 / size_ns
        found = times_of(pa.array([value]), "at", unit)
        assert found.rounded.tolist() == [True]
        assert abs(int(found.ns[0]) - us * 1_000) <= (0 if unit != "ns" else 1_000)


@pytest.mark.parametrize("unit", UNITS_NS)
@pytest.mark.parametrize("zone", [None, "UTC", "Australia/Sydney", "+10:00", "Nowhere/At_All"])
def test_timestamps_are_moments_whatever_their_zone(unit: str, zone: str | None) -> None:
    column = pa.array([NS // UNITS_NS[unit], None, 0]).cast(pa.timestamp(unit, zone))
    found = times_of(column, "at", "s")
    assert found.ns.tolist() == [NS // UNITS_NS[unit] * UNITS_NS[unit], 0, 0]
    assert found.has.tolist() == [True, False, False]
    assert found.wrong["at is not of the years 2009 to 2096"].tolist() == [False, False, True]


def test_decimals_and_the_largest_numbers_are_held() -> None:
    exact = times_of(pa.array([Decimal("1700000000.123456789")]), "at", None)
    assert exact.ns.tolist() == [NS]
    column = pa.array([2**64 - 1, NS], pa.uint64())
    assert times_of(column, "at", None).ns.tolist() == [0, NS]
    floats = times_of(pa.array([float("inf"), 1e300, -1e300]), "at", None)
    assert not np.any(floats.has)


def test_the_bounds_are_the_years_that_are_said() -> None:
    years = [datetime.fromtimestamp(ns // 10**9, UTC).year for ns in (TIME_NS_MIN, TIME_NS_MAX)]
    assert years == [2009, 2096]
