"""Summaries say what each field means."""

from dataclasses import fields, is_dataclass

from journal import summaries
from journal.messages import MEANS


def test_every_field_says_what_it_means() -> None:
    """Else `trader schema` would not."""
    types = [each for each in vars(summaries).values() if is_dataclass(each)]

    assert types
    assert all(field.metadata[MEANS] for each in types for field in fields(each))
