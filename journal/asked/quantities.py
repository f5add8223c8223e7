"""Amounts, speeds and times as people write them, for options that take them."""

from eventlog.printable import printable
from eventlog.records import parse_e8
from feeds.timestamps import parse_timestamp_ns
from journal.errors import UsageError

MAX = "max"
"""The word for the speed at which the client reads."""

_SPEED_LOW, _SPEED_HIGH = 0.001, 1_000_000


def speed_of(text: str, option: str = "--speed") -> float | None:
    """Return market time per real time; ``None`` for `MAX`.

    Raises:
        UsageError: if it is not a number, or out of range.

    >>> speed_of("2.5"), speed_of("max")
    (2.5, None)
    """
    if text == MAX:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not _SPEED_LOW <= speed <= _SPEED_HIGH:
        shown = printable(text, 80)
        raise UsageError(f"{option}: {shown!r} is neither {MAX} nor {_SPEED_LOW} … {_SPEED_HIGH}")
    return speed


def price_e8_of(text: str | None, option: str) -> int | None:
    """Return a price in 1e-8; ``None`` where none was given.

    Raises:
        UsageError: if it is no decimal, or not above zero.

    >>> price_e8_of("0.5", "--start-price"), price_e8_of(None, "--start-price")
    (50000000, None)
    """
    if text is None:
        return None
    try:
        price_e8, _ = parse_e8(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    if price_e8 <= 0:
        raise UsageError(f"{option}: {text} is not above zero")
    return price_e8


def time_ns_of(text: str | None, option: str) -> int | None:
    """Return a time in ns since 1970 UTC; ``None`` where none was given.

    Raises:
        UsageError: if it is no timestamp.

    >>> time_ns_of("1970-01-01T00:00:01.000Z", "--start-time")
    1000000000
    """
    if text is None:
        return None
    try:
        return parse_timestamp_ns(text)
    except ValueError as error:
        hint = "Write it as 2026-09-23T04:31:09.000Z."
        raise UsageError(f"{option}: {error}", hint=hint) from error
