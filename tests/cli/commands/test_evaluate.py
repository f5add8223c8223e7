"""`trader evaluate`: the table, from each kind of source."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from engine.parameters import Parameters
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


INTERVAL = ["mean", "low", "high", "blocks", "verdict"]
SCORES = ["labels", "accuracy", "log_loss", "brier", "ece", "ece_by_chance", "mcc", "kappa"]
PART = ["labels", "accuracy", "log_loss"]


def test_what_programs_read_keeps_its_names() -> None:
    """In this order since version 1; ``venue`` and ``verdict`` came later."""
    words = ("evaluate", "--stream", "S7", "--ticks", "5000", *SMALL, "--baselines", "none")
    said: dict[str, Any] = trader(*words, "--no-frozen", "--json").summary

    assert list(said) == [
        *("message_type", "source", "venue", "horizon_ms", "parameters", "ticks", "seconds"),
        *("forecasters", "curves", "adapting", "labels", "engine_labels", "engine_hits"),
        *("accounts", "market_gain", "not_installed"),
    ]
    assert list(said["parameters"]) == [each.name for each in fields(Parameters)]
    optimum, ours = said["forecasters"][:2]
    assert list(ours) == list(optimum) == ["name", *SCORES, "skill", "worse_than_ours"]
    assert ours["worse_than_ours"] is None
    assert list(optimum["worse_than_ours"]) == INTERVAL
    assert list(said["curves"]) == ["ours", "network alone"]
    assert list(said["curves"]["ours"][0]) == ["from", "to", *PART, "optimum"]
    assert list(said["adapting"][0]) == ["at", *PART, "optimum"]
    names = ["name", "fills", "net_gain", "gross_gain", "worse_than_ours"]
    assert [list(each) for each in said["accounts"]] == [names] * 4
    assert list(said["accounts"][1]["worse_than_ours"]) == INTERVAL


def test_a_table_is_printed_for_people(tmp_path: Path) -> None:
    path = table(tmp_path / "ticks.csv", 1_500)
    words = ("evaluate", "--table", str(path), *SMALL, "--baselines", "none", "--no-frozen")
    answer = trader(*words)

    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("ticks.csv: direction over 1 s, 1,500 ticks in ")
    names = ["ours", "ours, not calibrated", "network alone", "prior", "persistence"]
    for title in ("forecaster", "its probabilities"):
        first = next(place for place, line in enumerate(lines) if line.startswith(title))
        assert [line.split("  ")[0] for line in lines[first + 1 :][:5]] == names
    assert max(map(len, lines)) <= 100
    assert "known optimum" not in answer.out
    assert "a table of 1,500 rows" in answer.err
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
