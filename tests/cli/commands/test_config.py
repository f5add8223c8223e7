"""`trader config` shows what holds, and from where."""

import json
from pathlib import Path

from fixtures.record import HERE, JOURNAL
from journal.asked.settings import KNOWN
from tests.support.commands import trader


def test_every_setting_is_there_with_its_origin(tmp_path: Path) -> None:
    """One line a setting: value, origin, range, meaning."""
    (tmp_path / "trader.toml").write_text("[engine]\nseed = 3\n")
    answer = trader("config", "--home", str(tmp_path), "--set", "log.segment_mib=8", "--json")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    by_key = {line["key"]: line for line in lines[:-1]}

    assert set(by_key) == {setting.key for setting in KNOWN}
    assert by_key["engine.seed"]["value"] == 3
    assert by_key["engine.seed"]["origin"].endswith("trader.toml:2")
    assert by_key["log.segment_mib"]["origin"] == "--set"
    assert by_key["log.min_free_mib"]["origin"] == "default"
    assert answer.summary["chosen"] == ["engine.seed", "log.segment_mib"]


def test_what_a_journal_keeps_is_said_where_it_is_another_value() -> None:
    """A journal's parameters are those of its first session, for ever."""
    words = ("--home", str(HERE / "gap"), "--journal", JOURNAL)

    assert "keeps" in trader("config", *words, "--set", "seed=99").out
