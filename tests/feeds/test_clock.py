"""The clock."""

from datetime import UTC, datetime

from feeds import clock


def test_wall_time_is_of_this_century() -> None:
    """Nanoseconds since 1970, as every record's ``received_ns``."""
    year = datetime.fromtimestamp(clock.now_ns() // 10**9, UTC).year

    assert 2020 < year < 2100


def test_monotonic_time_never_decreases() -> None:
    """It only goes forwards."""
    assert clock.monotonic_s() <= clock.monotonic_s()
