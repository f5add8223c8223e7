"""`trader evaluate`: the table, from each kind of source."""

from pathlib import Path

import pytest

from tests.support.commands import documented, trader
from tests.support.recorded import SMALL, table


def test_a_stream_is_evaluated_beside_its_optimum() -> None:
    words = ("evaluate", "--stream", "S1", "--ticks", "2500", *SMALL)
    answer = trader(*words, "--baselines", "rules", "--ablation", "memory_rows=512", "--json")

    assert answer.code == 0
    documented("evaluate", answer.summary)
    forecasters = answer.summary["forecasters"]
    assert isinstance(forecasters, list)
    named = {each["name"]: each for each in forecasters}
    assert set(named) == {
        *("known optimum", "ours", "ours, not calibrated", "network alone"),
        "ours, frozen at 25 %",
        *("with memory_rows=512", "prior", "persistence", "imbalance rule"),
        *("imbalance rule, calibrated", "order-flow sign"),
    }
    for figure in ("accuracy", "log_loss"):
        assert named["with memory_rows=512"][figure] == named["ours"][figure], "it is no other"
    accounts = answer.summary["accounts"]
    assert isinstance(accounts, list)
    held = {each["name"]: each for each in accounts}
    assert held["with memory_rows=512"]["worse_than_ours"]["mean"] == 0
    assert held["always flat"]["net_gain"] == held["always flat"]["gross_gain"] == 0
    assert named["known optimum"]["accuracy"] == pytest.approx(0.7788, abs=0.03)
    assert answer.summary["engine_labels"] == answer.summary["labels"] == 2_498


def test_a_table_is_printed_for_people(tmp_path: Path) -> None:
    path = table(tmp_path / "ticks.csv", 1_500)
    words = ("evaluate", "--table", str(path), *SMALL, "--baselines", "none", "--no-frozen")
    answer = trader(*words)

    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("ticks.csv: direction over 1 s, 1,500 ticks in ")
    assert [line.split("  ")[0] for line in lines[3:8]] == [
        "ours", "ours, not calibrated", "network alone", "prior", "persistence",
    ]  # fmt: skip
    first = next(place for place, line in enumerate(lines) if line.startswith("paper account"))
    assert [line.split("  ")[0] for line in lines[first + 1 :][:4]] == [
        "ours", "always flat", "holding the same stake", "random entry",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stream", "S99"), "--stream S99: unknown"),
        (("--stream", "S1", "--baselines", "some"), "--baselines some"),
        (("--stream", "S1", "--table", "a.csv"), "one of them"),
        (("--table", "a.csv"), "No such file"),
    ],
)
def test_what_cannot_be_evaluated_is_said(words: tuple[str, ...], said: str) -> None:
    answer = trader("evaluate", *words)

    assert answer.code == 2
    assert said in answer.err


def test_there_has_to_be_a_journal(tmp_path: Path) -> None:
    assert trader("evaluate", "--home", str(tmp_path)).code == 10
