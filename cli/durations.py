"""Durations and moments as people write them → seconds, and ns since 1970."""

import re

from eventlog.printable import printable
from feeds.timestamps import parse_timestamp_ns
from journal.errors import UsageError

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([smhd]?)", re.ASCII)
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str, option: str) -> float:
    """Return a time such as ``90``, ``60s``, ``5m``, ``2h`` or ``1d`` in seconds.

    Raises:
        UsageError: if it is none of these, or zero; the message names ``option``.

    >>> seconds_of("1.5m", "--for")
    90.0
    """
    match = _TIME.fullmatch(text)
    if match is None:
        hint = "For example: 60s, 5m, 2h, 1d"
        raise UsageError(f"{option} {printable(text, 80)}: not a time", hint=hint)
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if not seconds:
        raise UsageError(f"{option} {text}: has to be longer than no time at all")
    return seconds


def since_ns_of(text: str, option: str, *, now_ns: int) -> int:
    """Return a moment of the past in ns since 1970, from a duration before now, a day, or a moment.

    Days and moments are in UTC.

    Raises:
        UsageError: if it is none of these, or not in the past.

    >>> since_ns_of("1d", "--since", now_ns=90_000 * 10**9) // 10**9
    3600
    >>> since_ns_of("2026-01-31", "--since", now_ns=2 * 10**18) // 10**9
    1769817600
    """
    if _TIME.fullmatch(text) is not None:
        return now_ns - int(seconds_of(text, option) * 1e9)
    moment = f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text
    try:
        since_ns = parse_timestamp_ns(moment)
    except ValueError as error:
        hint = "For example: 365d, 2026-01-31, 2026-01-31T12:00:00Z"
        raise UsageError(f"{option} {printable(text, 80)}: not a time", hint=hint) from error
    if since_ns >= now_ns:
        raise UsageError(f"{option} {text}: is not in the past")
    return since_ns
