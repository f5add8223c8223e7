"""The detail of a record: a JSON object that its session wrote, whatever the version."""

import json
from typing import Any

UNKNOWN = "unknown"
"""The value of what a session did not record."""


def detail_of(text: str | None) -> dict[str, Any]:
    """Return a record's detail as a dictionary; an empty one if it is not a JSON object.

    >>> detail_of('{"feed": "streaming"}'), detail_of("[1]"), detail_of("{")
    ({'feed': 'streaming'}, {}, {})
    """
    try:
        detail = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return detail if isinstance(detail, dict) else {}
