"""What an exchange wrote into a journal acts on nothing that shows it."""

import json
import shutil
import unicodedata
from pathlib import Path

import pytest

from analysis.lines import template
from eventlog.log import Log
from eventlog.records import Gap, Health, Undecodable
from fixtures.record import HERE
from journal.errors import CommandError
from tests.support.commands import trader

EVIL = "\x1b[2J\x1b]0;owned\x07\nPAPER forged\r\u202e\u2066\u200b\x9b31m\x7f [red]x[/red] =1+1"
ACTING = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home whose journal ends in records that hold foreign text."""
    home = tmp_path_factory.mktemp("foreign")
    shutil.copytree(HERE / "gap" / "BTC-AUD", home / "BTC-AUD")
    place = next(home.glob("*/log"))
    with Log.open(place) as log:
        log.append(
            [
                Undecodable(received_ns=2 * 10**18, raw=EVIL.encode(), why=EVIL),
                Gap(received_ns=2 * 10**18, from_ns=1, to_ns=2, why=EVIL),
                Health(received_ns=2 * 10**18, detail=json.dumps({"feed": EVIL, "gaps": EVIL})),
                Health(received_ns=2 * 10**18, detail="[" * 50_000),
            ]
        )
    return home


@pytest.mark.parametrize(
    "words",
    [
        ["log", "--from", "-5"],
        ["log", "--from", "-5", "--json"],
        ["log", "--from", "-5", "--format", "{why}|{raw}|{detail}"],
        ["status"],
        ["status", "--json"],
        ["why"],
        ["report", "--no-influences"],
        ["report", "--json", "--no-influences"],
        ["verify"],
        ["checkpoints"],
        ["log", "--journal", EVIL],
        ["status", "--journal", EVIL],
        ["log", "--from", EVIL],
        ["log", "--kind", EVIL],
        ["log", "--format", "{" + EVIL + "}"],
        ["export", EVIL + ".x" + EVIL],
    ],
    ids=lambda words: " ".join(words)[:40].encode("ascii", "backslashreplace").decode(),
)
def test_an_answer_acts_on_no_terminal(
    home: Path, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines are ours, and hold visible characters only."""
    monkeypatch.chdir(tmp_path)
    answer = trader(*words, "--home", str(home))
    said = answer.out + answer.err

    assert not {unicodedata.category(each) for each in said if each != "\n"} & ACTING
    assert not any(line.startswith("PAPER forged") for line in said.splitlines())
    assert said.strip()


def test_a_record_is_a_line(home: Path) -> None:
    """Four records with newlines in them are four lines."""
    assert len(trader("log", "--from", "-4", "--home", str(home)).out.splitlines()) == 4


def test_a_table_for_spreadsheets_runs_nothing(home: Path, tmp_path: Path) -> None:
    """Its cells begin with no formula; the numbers stay numbers."""
    out = tmp_path / "x.csv"
    with Log.open(next(home.glob("*/log"))) as log:
        log.append([Gap(received_ns=3, from_ns=1, to_ns=2, why="=cmd|'/c calc'!A1")])
    answer = trader("export", str(out), "--kind", "gap", "--home", str(home))
    lines = out.read_text().splitlines()

    assert answer.code == 0, answer.err
    assert len(lines) > 2
    assert "\"'=cmd|'/c calc'!A1\"" in lines[-1]
    assert "\x1b" not in out.read_text()


@pytest.mark.parametrize(
    "form",
    [
        "{offset.__class__}",
        "{offset[0]}",
        "{offset!r}",
        "{offset:>999999999}",
        "{offset:{offset}}",
        "{0}",
        "{}",
        "{",
        "{kind:0>5000}",
    ],
)
def test_a_form_of_ones_own_reaches_fields_only(form: str) -> None:
    """No attributes, no conversions, no widths that fill a memory."""
    with pytest.raises(CommandError):
        template(form)
