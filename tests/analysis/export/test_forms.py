"""The name of a file says what is written into it."""

from pathlib import Path

import pytest

from analysis.export.forms import chosen
from journal.errors import UsageError


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.jsonl", "x.csv.gz", "x.jsonl.zst"])
def test_records_have_a_form(name: str) -> None:
    """Compressed or not."""
    assert chosen(Path(name), name) is not None


@pytest.mark.parametrize("name", ["model.keras", "curves"])
def test_a_model_and_a_directory_have_none(name: str) -> None:
    """They hold no records."""
    assert chosen(Path(name), name) is None


def test_stdout_takes_records_only() -> None:
    """A model is not written there."""
    with pytest.raises(UsageError):
        chosen(Path("-"), "-.keras")
