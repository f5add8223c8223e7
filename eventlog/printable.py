"""Foreign text → text that is safe to print: one line, visible, bounded.

Text from an exchange, a file, an argument or the environment is data. On a terminal, in a log line
or a table it must not move the cursor, forge a second line, reverse text or start a formula.
Characters that are not printed as they are become Python's escapes.

>>> printable("closed\\x1b[2J: bye\\n\\u202e")
'closed\\\\x1b[2J: bye\\\\n\\\\u202e'
"""

import json
import re
import unicodedata

MOST_CHARACTERS = 400
"""Characters of one foreign text that are printed, unless another bound is given."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of invisible or acting characters: controls, format (bidi, zero width),
surrogates, private use, unassigned, line and paragraph separators."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters whose category is letter or mark, but which are invisible."""

_SELECTORS = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_MARKS_MOST = 2
"""The most combining marks on one character; more would cover other lines."""

_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_OURS = frozenset("\n\t")
_APART = re.compile(r"([\n\t])")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return at most ``most`` characters of a text as one visible line; states how many were cut.

    >>> printable("abcdef", most=4)
    'abcd… (2 more characters)'
    """
    shown = text[:most]
    if not (shown.isascii() and shown.isprintable()):
        shown = _visible(shown)
    rest = len(text) - most
    return shown if rest <= 0 else f"{shown}… ({rest:,} more characters)"


def printable_bytes(raw: bytes, most: int = MOST_CHARACTERS) -> str:
    """Return bytes as `printable` text; bytes that are not UTF-8 become ``\\x`` escapes.

    >>> printable_bytes(b"caf\\xe9")
    'caf\\\\xe9'
    """
    shown = printable(raw[:most].decode("utf-8", "backslashreplace"), 4 * most)
    rest = len(raw) - most
    return shown if rest <= 0 else f"{shown}… ({rest:,} more bytes)"


def lines_of(text: str) -> str:
    """Return our own text with nothing in it but visible characters, newlines and tabs.

    The last check before a terminal, for texts whose foreign parts are `printable` already.
    """
    return "".join(
        part if part in _OURS or (part.isascii() and part.isprintable()) else _visible(part)
        for part in _APART.split(text)
    )


def cell(text: str) -> str:
    """Return a text for a cell of a table; a formula is prefixed with ``'``, so that it is not run.

    Numbers stay numbers.

    >>> cell("=1+1"), cell("-1.5"), cell("BTC-AUD")
    ("'=1+1", '-1.5', 'BTC-AUD')
    """
    head = text.lstrip(" ")[:1]
    if head not in _FORMULA or not head or _NUMBER.fullmatch(text):
        return text
    return "'" + text


def to_json(value: object, *, allow_nan: bool = True) -> str:
    """Return JSON as one line of visible ASCII, which is safe on a terminal.

    Raises:
        ValueError: if a number is NaN or infinite, unless ``allow_nan``.
    """
    return json.dumps(value, allow_nan=allow_nan).replace("\x7f", "\\u007f")


def _visible(text: str) -> str:
    out: list[str] = []
    marks = 0
    for character in text:
        is_mark = unicodedata.combining(character) != 0 or unicodedata.category(character) == "Me"
        marks = marks + 1 if is_mark else 0
        hidden = _is_hidden(character) or marks > _MARKS_MOST or (is_mark and not out)
        out.append(_escape(character) if hidden else character)
    return "".join(out)


def _is_hidden(character: str) -> bool:
    if character.isascii():
        return not character.isprintable()
    return (
        unicodedata.category(character) in _HIDDEN
        or character in _INVISIBLE
        or any(ord(character) in selectors for selectors in _SELECTORS)
    )


def _escape(character: str) -> str:
    number = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
