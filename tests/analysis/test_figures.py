"""What a report says, as types."""

from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from analysis.figures import ReportSummary
from journal.messages import MEANS


def parts(kind: Any) -> set[type]:
    """Return a message's class and those of all that is in it."""
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return {part for each in get_args(kind) for part in parts(each)}
    return {kind}.union(*map(parts, get_type_hints(kind).values()))


def test_every_figure_says_what_it_means() -> None:
    """Down to the last part: the page of the reference is made of it."""
    found = parts(ReportSummary)

    assert len(found) > 15
    for kind in found:
        assert all(each.metadata.get(MEANS) for each in fields(kind)), kind
