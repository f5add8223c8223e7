"""A time as people write it → seconds."""

import re

from eventlog.printable import printable
from journal.errors import UsageError

_TIME = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([smhd]?)", re.ASCII)
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str, option: str) -> float:
    """Return a time such as ``90``, ``60s``, ``5m``, ``2h`` or ``1d`` in seconds.

    Raises:
        UsageError: with the option that it was given to, if it is none of these, or zero.

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
