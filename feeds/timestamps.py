"""Parses ISO 8601 timestamps in UTC to nanoseconds, exactly and without floats."""

import re
from datetime import UTC, datetime
from functools import lru_cache

_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}):([0-5][0-9])(?:\.([0-9]{1,9}))?Z", re.ASCII
)


@lru_cache(maxsize=64)
def _minute_ns(text: str) -> int:
    minute = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(minute.timestamp()) * 1_000_000_000


def parse_timestamp_ns(text: str) -> int:
    """Return an ISO 8601 UTC timestamp of at most 9 decimals as nanoseconds since 1970, exactly.

    BTC Markets sends 3 decimals by the websocket and 6 by REST, without trailing zeros.

    >>> parse_timestamp_ns("2026-09-23T04:31:09.259Z")
    1790137869259000000

    Raises:
        ValueError: if it has another form, names no date, or lies outside 1970 … 2261.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError(f"not a UTC timestamp of at most 9 decimals: {text[:40]!r}")
    minute, second, fraction = match.groups()
    if not "1970" <= minute[:4] <= "2261":
        raise ValueError(f"not in 1970 … 2261: {text!r}")
    fraction_ns = int((fraction or "").ljust(9, "0"))
    return _minute_ns(minute) + int(second) * 1_000_000_000 + fraction_ns
