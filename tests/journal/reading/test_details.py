"""A detail is a JSON object, or it says nothing."""

import pytest

from journal.reading.details import detail_of


@pytest.mark.parametrize("text", [None, "", "[1]", "7", "{", "[" * 100_000])
def test_what_is_no_object_says_nothing(text: str | None) -> None:
    assert detail_of(text) == {}


def test_an_object_says_what_it_holds() -> None:
    assert detail_of('{"step": "ab", "versions": {}}') == {"step": "ab", "versions": {}}
