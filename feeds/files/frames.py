"""One line of a recording: ``{"at": <time of receipt>, "frame": {...}}``, keys in any order.

The frame is kept as the text that was received, so that it is decoded as it was.
"""

import json
import re
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

LINE = '{"at": time, "frame": {...}}'

_TIME_MAX = 1e19
_SPACE = re.compile(r"[ \t\r\n]*")


class Framed(NamedTuple):
    """A frame and when it was received."""

    at: int | Decimal
    """A number of some unit since 1970 UTC."""

    text: str
    """The frame, verbatim."""

    message: dict[str, Any]
    """The frame, decoded."""


def parse(line: bytes) -> Framed:
    """Return the frame of a line.

    Raises:
        ValueError: if it is not a line of a recording; the text gives the reason.
    """
    try:
        members = _members(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at character {error.pos}") from error
    missing = [key for key in ("at", "frame") if key not in members]
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing)}")
    (at, at_text), (message, text) = members["at"], members["frame"]
    if type(message) is not dict:
        raise ValueError("its frame is not an object")
    if type(at) is float and 1 <= at < _TIME_MAX:
        at = Decimal(at_text)
    if type(at) is not int and not isinstance(at, Decimal):
        raise ValueError("its time is not a number")
    return Framed(at, text, message)


def _members(text: str) -> dict[str, tuple[Any, str]]:
    """Return the members of an object: each value, and the text that it was read from."""
    position = _expect(text, _after_space(text, 0), "{")
    members: dict[str, tuple[Any, str]] = {}
    while True:
        key, position = _DECODER.raw_decode(text, _expect(text, position, '"') - 1)
        if key in members:
            raise ValueError(f"it has {key[:50]!r} twice")
        start = _after_space(text, _expect(text, _after_space(text, position), ":"))
        value, end = _DECODER.raw_decode(text, start)
        members[key] = value, text[start:end]
        position = _after_space(text, end)
        if text[position : position + 1] != ",":
            break
        position = _after_space(text, position + 1)
    if _after_space(text, _expect(text, position, "}")) != len(text):
        raise ValueError("something follows its object")
    return members


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None, "the pattern matches an empty text"
    return match.end()


def _expect(text: str, position: int, character: str) -> int:
    """Return the position after a required character, which may follow blanks."""
    position = _after_space(text, position)
    if text[position : position + 1] != character:
        raise json.JSONDecodeError(f"expected {character}", text, position)
    return position + 1


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)
