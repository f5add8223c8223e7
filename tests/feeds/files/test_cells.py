"""Amounts are exactly what stands in a cell, or refused."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.files.cells import Cells

DECIMALS = st.decimals(
    min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=12
)


def price_of(column: pa.Array) -> tuple[int, bool, bool, bool]:
    """Return the count of 1e-8, whether there is one, is finer, and was rounded."""
    cells = Cells({"price": column}, 1, None)
    facts = cells.number("price"), cells.has("price"), cells.finer("price"), cells.rounded_amounts
    count, has, finer, rounded = (each[0].item() for each in facts)
    return count, has, finer, rounded


@given(value=DECIMALS, zeros=st.integers(0, 5), cut=st.integers(0, 12))
def test_texts_and_decimals_are_exact_or_refused(value: Decimal, zeros: int, cut: int) -> None:
    """Against decimal arithmetic: never something else than what was written."""
    value = round(value, cut)
    text = f"{value:f}" + ("0" * zeros if cut else "")
    wanted = value * 10**8
    for column in (pa.array([text]), pa.array([value], pa.decimal128(38, 12))):
        count, has, finer, rounded = price_of(column)
        assert has != finer
        if has and not rounded:
            assert count == wanted
        elif finer:
            assert wanted != wanted.to_integral_value()
        else:
            assert abs(count - wanted) <= Decimal("0.01")


@pytest.mark.parametrize(
    ("text", "count_e8"),
    [
        ("0.0000004100", 41),
        ("0.0000004101", None),
        ("1e-8", 1),
        ("1e-9", None),
        ("123456789.12345678", 12_345_678_912_345_678),
        ("123456789.123456780", 12_345_678_912_345_678),
        ("123456789.123456789", None),
        ("12345678.123456789", None),
        ("0.300000004", None),
        ("000000000000012.5", 1_250_000_000),
        ("9999999999.99999999", 10**18 - 1),
    ],
)
def test_more_than_eight_decimals_are_said_to_be(text: str, count_e8: int | None) -> None:
    count, has, finer, _ = price_of(pa.array([text]))
    assert (has, finer) == (count_e8 is not None, count_e8 is None)
    assert count == (count_e8 or 0)


@given(cents=st.integers(1, 10**9), decimals=st.integers(0, 8))
def test_floats_that_are_a_decimal_are_that_decimal(cents: int, decimals: int) -> None:
    value = float(Decimal(cents) / 10**decimals)
    assert price_of(pa.array([value]))[:3] == (cents * 10 ** (8 - decimals), True, False)
    small = np.float32(value)
    if float(str(small)) == value:
        assert price_of(pa.array([small], pa.float32()))[0] == cents * 10 ** (8 - decimals)


def test_what_float_arithmetic_leaves_is_dropped_and_noted() -> None:
    for column in (pa.array([0.1 + 0.2]), pa.array([str(0.1 + 0.2)])):
        assert price_of(column) == (30_000_000, True, False, True)
    assert price_of(pa.array([4.101e-7])) == (0, False, True, False)


def test_no_bytes_of_a_cell_end_the_reading() -> None:
    for value in (b"\xff\xfe", b"\0", b"\x80" * 1_000, b"9" * 100_000, b"\xe2\x80\xae1"):
        column = pa.array([value, b"1.5"])
        cells = Cells({"price": column, "side": column, "at": column}, 2, None)
        assert cells.has("price").tolist() == [False, True]
        assert cells.nonsense("side").tolist() == [True, True]
        assert not cells.has("at").any()
