"""Every setting as it holds."""

from pathlib import Path

import pytest

from fixtures.record import HERE, JOURNAL
from journal.asked.configuration import configuration, initialise
from journal.asked.settings import FILE, KNOWN, to_toml
from journal.errors import ConfigurationError
from journal.summaries import KeptSettingSaid, SettingSaid


def test_what_was_chosen_and_where() -> None:
    """The others are at their default, and all of them are there."""
    found = configuration(Path("nowhere"), ["fee_ppm=7"], None)
    fee = next(each for each in found.settings if each.key == "engine.fee_ppm")

    assert (fee.value, type(fee)) == (7, SettingSaid)
    assert fee.origin.startswith("--set")
    assert found.summary.settings == len(found.settings) == len(KNOWN)
    assert found.summary.chosen == ("engine.fee_ppm",)


def test_what_a_journal_keeps_stands_next_to_it() -> None:
    """Of the engine's parameters; what is chosen anew for each session has no other value."""
    found = configuration(HERE / "gap", None, JOURNAL)
    kept = {each.key: each.journal for each in found.settings if isinstance(each, KeptSettingSaid)}

    assert kept["engine.memory_rows"] is not None
    assert kept["log.segment_mib"] is None


def test_a_configuration_is_not_replaced_unasked(tmp_path: Path) -> None:
    made = initialise(tmp_path, force=False)

    assert made.configuration == str(tmp_path / FILE)
    (tmp_path / FILE).write_text("mine")
    with pytest.raises(ConfigurationError):
        initialise(tmp_path, force=False)
    assert (tmp_path / FILE).read_text() == "mine"
    initialise(tmp_path, force=True)
    assert (tmp_path / FILE).read_text() == to_toml()
