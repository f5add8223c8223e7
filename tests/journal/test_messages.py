"""A message, as JSON holds it."""

from dataclasses import dataclass

from journal.messages import as_json, said, summary_of


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

    assert summary_of(outer) == {
        "message_type": "summary",
        "from": 1,
        "parts": [{"value": 2}],
        "nothing": None,
    }
    assert as_json({"inner": [Inner(value=3)]}) == {"inner": [{"value": 3}]}
