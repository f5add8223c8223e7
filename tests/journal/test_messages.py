"""A message, as JSON holds it."""

from dataclasses import dataclass
from typing import ClassVar

from journal.messages import as_json, line_of, message_type_of, said


@dataclass(frozen=True, kw_only=True)
class Inner:
    value: int = said("a value")


@dataclass(frozen=True, kw_only=True)
class Outer:
    start: int = said("where it begins", name="from")
    parts: tuple[Inner, ...] = said("its parts")
    nothing: str | None = said("nobody knows")
    file: str | None = said("a file, if one was written", may_lack=True)


def test_a_summary_is_a_line_of_json() -> None:
    """Under the names of JSON; what is not known is null, what there was not is not there."""
    outer = Outer(start=1, parts=(Inner(value=2),), nothing=None)

    assert line_of(outer) == {
        "message_type": "summary",
        "from": 1,
        "parts": [{"value": 2}],
        "nothing": None,
    }
    assert as_json({"inner": [Inner(value=3)]}) == {"inner": [{"value": 3}]}


@dataclass(frozen=True, kw_only=True)
class Row:
    MESSAGE_TYPE: ClassVar[str] = "row"

    number: int
    kind: str = said("what it is")
    others: dict[str, object] = said("as its kind has them", spread=True)


def test_a_line_says_which_it_is_and_only_what_has_a_meaning() -> None:
    """A field that is not said is not there; one that is spread stands beside the others."""
    row = Row(number=7, kind="x", others={"a": 1, "b": [2]})

    assert line_of(row) == {"message_type": "row", "kind": "x", "a": 1, "b": [2]}
    assert (message_type_of(Row), message_type_of(Outer)) == ("row", "summary")
