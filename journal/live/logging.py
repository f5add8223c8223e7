"""The log lines of a process without a terminal: one line an event, on stderr, as name=value.

>>> import io
>>> stream = io.StringIO()
>>> say("feed", {"market": "BTC-AUD", "feed": "closed (1006)", "gaps": 2}, stream=stream, at_ns=0)
>>> print(stream.getvalue(), end="")
1970-01-01T00:00:00.000Z event=feed market=BTC-AUD feed="closed (1006)" gaps=2
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import TextIO

from eventlog.printable import printable
from feeds import clock

_PLAIN = re.compile(r"[\w.:,/+%-]+")


def say(
    event: str,
    facts: Mapping[str, object],
    *,
    stream: TextIO | None = None,
    at_ns: int | None = None,
) -> None:
    """Write one line; facts that are ``None`` are left out."""
    stamp = clock.iso_utc(clock.now_ns() if at_ns is None else at_ns)
    words = [f"{name}={_text(value)}" for name, value in facts.items() if value is not None]
    # One write: those of other threads do not come in between.
    print(f"{' '.join([stamp, f'event={event}', *words])}\n", end="", file=stream or sys.stderr)


def _text(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = printable(text)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
