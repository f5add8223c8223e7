"""What people write is taken, and what is none is refused with the option's name."""

from collections.abc import Callable

import pytest

from journal.asked.quantities import price_e8_of, speed_of, time_ns_of
from journal.errors import UsageError


def test_what_is_well_written_is_taken() -> None:
    assert speed_of("0.001") == 0.001
    assert price_e8_of("50000.5", "--start-price") == 5_000_050_000_000
    assert time_ns_of("2026-01-02T03:04:05.000Z", "--start-time") == 1_767_323_045 * 10**9
    assert time_ns_of(None, "--start-time") is None


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (lambda text: speed_of(text), "fast", "--speed: 'fast' is neither max nor"),
        (lambda text: speed_of(text), "0", "--speed: '0'"),
        (lambda text: speed_of(text), "nan", "--speed: 'nan'"),
        (lambda text: price_e8_of(text, "--p"), "-1", "--p: -1 is not above zero"),
        (lambda text: price_e8_of(text, "--p"), "much", "--p: not a decimal"),
        (lambda text: time_ns_of(text, "--t"), "now", "--t: not a UTC timestamp"),
    ],
)
def test_what_is_none_is_refused(read: Callable[[str], object], text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(text)
