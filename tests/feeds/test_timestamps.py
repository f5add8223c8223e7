"""Every moment becomes its nanoseconds, and what is none is refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.timestamps import parse_timestamp_ns


@pytest.mark.parametrize("text", ["", "2026-09-23", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_timestamp_ns(text)


def test_zeros_may_be_left_out_of_a_timestamp() -> None:
    """As Java does it: once in a thousand moments a millisecond is zero."""
    assert parse_timestamp_ns("2026-09-23T04:31:09Z") == 1_790_137_869_000_000_000
    assert parse_timestamp_ns("2026-09-23T04:31:09.25Z") == 1_790_137_869_250_000_000
    assert parse_timestamp_ns("2026-09-23T04:31:09.000000001Z") == 1_790_137_869_000_000_001


@given(
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2261, 12, 31)),  # noqa: DTZ001 - UTC below
    decimals=st.sampled_from([3, 6]),
)
def test_timestamps_are_exact(moment: datetime, decimals: int) -> None:
    """Every moment becomes its nanoseconds without passing through a float."""
    microsecond = moment.microsecond if decimals == 6 else moment.microsecond // 1000 * 1000
    moment = moment.replace(microsecond=microsecond, tzinfo=UTC)
    digits = f"{microsecond:06d}"[:decimals]
    seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    expected = int(seconds - microsecond / 1e6 + 0.5) * 10**9 + microsecond * 1000

    assert parse_timestamp_ns(f"{moment:%Y-%m-%dT%H:%M:%S}.{digits}Z".rjust(24, "0")) == expected
