"""Columns of records become arrays of numbers, whatever their type, with a value for nulls."""

from decimal import Decimal

import pyarrow as pa

from eventlog.schema import DECIMAL
from journal.reading.columns import decimals_of, numbers


def test_decimals_are_counted_exactly() -> None:
    column = pa.array([Decimal("0.00000001"), Decimal("-2.5")], DECIMAL)

    assert decimals_of(column).tolist() == [1e-8, -2.5]


def test_nulls_have_the_value_that_was_asked_for() -> None:
    decimals = pa.array([Decimal("1.5"), None], DECIMAL)
    integers = pa.array([None, 3], pa.int32())

    assert numbers(decimals, missing=-1.0).tolist() == [1.5, -1.0]
    assert numbers(integers, missing=0.0).tolist() == [0.0, 3.0]


def test_a_column_without_nulls_is_as_it_is() -> None:
    assert numbers(pa.array([1, 2], pa.int64()), missing=9.0).tolist() == [1.0, 2.0]
