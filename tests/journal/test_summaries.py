"""Summaries say what each field means."""

from dataclasses import fields, is_dataclass

from journal import summaries
from journal.messages import MEANS

NOT_SAID = {("Check", "error"), ("CheckpointSaid", "time_ns"), ("Repaired", "verdict")}
"""Fields that lines and exit codes are made of, and no JSON holds."""


def test_every_field_says_what_it_means() -> None:
    """Else `trader schema` would not."""
    types = [
        each for each in vars(summaries).values() if isinstance(each, type) and is_dataclass(each)
    ]

    silent = {
        (each.__name__, field.name)
        for each in types
        for field in fields(each)
        if not field.metadata.get(MEANS)
    }

    assert len(types) > 20
    assert silent == NOT_SAID
