"""What the detail of a record says: a JSON object of its session's, whatever version wrote it."""

import json
from typing import Any

UNKNOWN = "unknown"
"""What a session did not say."""


def detail_of(text: str | None) -> dict[str, Any]:
    """Return what a record's detail says, whatever it holds; nothing where it is no JSON object.

    >>> detail_of('{"feed": "streaming"}'), detail_of("[1]"), detail_of("{")
    ({'feed': 'streaming'}, {}, {})
    """
    try:
        said = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
