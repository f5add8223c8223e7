"""A line of a recording is JSON: any order of keys, any blanks, and a reason where it is none."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.files.frames import parse

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | FLOATS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip
BLANKS = st.text(" \t\r", max_size=2)


@given(
    members=st.permutations(["at", "frame", "more", ""]),
    frame=st.dictionaries(st.text(max_size=4), VALUES, max_size=4),
    more=VALUES,
    blanks=st.lists(BLANKS, min_size=5, max_size=5),
    is_ascii=st.booleans(),
)
def test_every_order_and_spelling_is_read(
    members: list[str], frame: dict[str, Any], more: Any, blanks: list[str], is_ascii: bool
) -> None:
    text = json.dumps(frame, ensure_ascii=is_ascii)
    values = {"at": "17", "frame": text, "more": json.dumps(more), "": "[]"}
    a, b, c, d, e = blanks
    inside = f"{a},{b}".join(f'"{key}"{c}:{d}{values[key]}' for key in members)
    line = f"{e}{{{a}{inside}{b}}}{c}"
    try:
        raw = line.encode()
    except UnicodeEncodeError:
        return

    found = parse(raw)

    assert (found.at, found.text, found.message) == (17, text, frame)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "not JSON"),
        (b"nonsense", "not JSON"),
        (b"[]", "not JSON"),
        (b"{}", "not JSON"),
        (b'{"at":1}', "no frame"),
        (b'{"frame":{}}', "no at"),
        (b'{"at":1,"frame":[]}', "not an object"),
        (b'{"at":"1","frame":{}}', "not a number"),
        (b'{"at":true,"frame":{}}', "not a number"),
        (b'{"at":null,"frame":{}}', "not a number"),
        (b'{"at":1e999999999,"frame":{}}', "not a number"),
        (b'{"at":NaN,"frame":{}}', "NaN is not JSON"),
        (b'{"at":1,"at":2,"frame":{}}', "twice"),
        (b'{"at":1,"frame":{}} {}', "follows"),
        (b'{"at":1,"frame":{},}', "not JSON"),
        (b'{"at":1,"frame":{}', "not JSON"),
        (b'{"at":1,"frame":{"a":"\xff"}}', "UTF-8"),
        (b'{"at":1,"frame":' + b"[" * 100_000, "nested too deeply"),
        (b'{"at":' + b"9" * 5_000 + b',"frame":{}}', "digits"),
    ],
)
def test_what_is_no_line_says_why(line: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(line)


def test_a_time_may_have_decimals() -> None:
    assert parse(b'{"at":1700000000.123456789,"frame":{}}').at == Decimal("1700000000.123456789")
