"""The commands are there, help is quick to load, and every refusal has its code."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text

from cli.main import app
from eventlog.log import Log
from fixtures.record import HERE, SMALL
from tests.support.commands import COMMANDS, trader


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_to_help(command: str) -> None:
    """-h says what a command does."""
    answer = trader(command, "-h")

    assert answer.code == 0
    assert "Usage" in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_all_that_it_was_given(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No text is taken for markup, which would not be shown; and every default is."""
    monkeypatch.setenv("COLUMNS", "200")
    group: Any = typer.main.get_command(app)
    parsed = group.commands[command]
    shown = " ".join(trader(command, "--help").out.replace("│", " ").split())

    for text in (parsed.help, *(getattr(each, "help", None) for each in parsed.params)):
        assert Text.from_markup(text or "").plain == (text or "")
    for each in parsed.params:
        said = getattr(each, "show_default", None)
        if isinstance(said, str):
            assert f"[default: ({said})]" in shown, each.name
        elif each.default not in (None, False, True) and not callable(each.default):
            assert f"[default: {each.default}]" in shown, each.name


def test_all_commands_are_tested_here() -> None:
    """A new command joins the list above."""
    assert {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback
    } == set(COMMANDS)


def test_help_does_not_load_tensorflow() -> None:
    """`trader --help` is instant because it loads neither TensorFlow nor Arrow."""
    code = (
        "import sys; sys.argv = ['trader', '--help']\n"
        "from cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(len({'tensorflow', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert done.returncode == 0


def test_version() -> None:
    """--version names the program and its version."""
    answer = trader("--version")

    assert answer.code == 0
    assert answer.out.startswith("trader ")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["status", "--home", "nowhere"], 10, "nowhere has no journal"),
        (["status", "--home", str(HERE / "gap"), "--journal", "X"], 10, "BTC-AUD"),
        (["replay", "--home", "nowhere"], 10, "no journal"),
        (["verify", "--home", "nowhere"], 10, "no journal"),
        (["log", "--home", str(HERE / "gap"), "--from", "999999"], 13, "Valid: 0 … "),
        (["log", "--home", str(HERE / "gap"), "--from", "soon"], 2, "not an offset"),
        (["log", "--home", str(HERE / "gap"), "--kind", "tick"], 2, "Known: quote"),
        (["replay", "--home", str(HERE / "gap"), "--from", "-999999"], 13, "no such record"),
        (["replay", "--home", str(HERE / "gap"), "--set", "fee_ppm=1"], 2, "--out"),
        (["live", "--set", "fee_pm=1"], 3, "Did you mean fee_ppm?"),
        (["live", "--set", "fee_ppm=-2"], 3, "outside"),
        (["live", "--set", "fee_ppm=low"], 3, "not a whole number"),
        (["live", "--set", "fee_ppm"], 3, "name=value"),
        (["live", "--set", "log.segmnt_mib=1"], 3, "Did you mean log.segment_mib?"),
        (["live", "--for", "soon"], 2, "not a time"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_a_refusal_is_one_sentence_and_its_code(words: list[str], code: int, says: str) -> None:
    """Bad input gets a clear message on stderr, nothing on stdout, and the documented code."""
    answer = trader(*words)

    assert answer.code == code
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_a_refusal_in_json_is_an_object() -> None:
    """With --json the fatal end is one JSON object on stderr."""
    answer = trader("status", "--home", "nowhere", "--json")

    assert answer.code == 10
    assert '"message_type": "exit_error"' in answer.err
    assert '"code": 10' in answer.err


def test_a_home_that_is_locked(tmp_path: Path) -> None:
    """A second session on the same journal is refused with 11 before anything is connected."""
    with Log.open(tmp_path / "BTC-AUD" / "log"):
        answer = trader("live", "--home", str(tmp_path), "--url", "ws://127.0.0.1:9")

    assert answer.code == 11
    assert "another process writes" in answer.err


def test_an_exchange_that_is_not_there(tmp_path: Path) -> None:
    """An unreachable exchange ends with 20 after the stated time, and leaves no journal behind."""
    answer = trader(
        *("live", "--home", str(tmp_path), "--url", "ws://127.0.0.1:9"),
        *("--connect-timeout", "0.5"),
        *SMALL,
    )

    assert answer.code == 20
    assert "within 0.5 s" in answer.err
    assert not (tmp_path / "BTC-AUD").exists()


@pytest.mark.parametrize("year", [-68, 0, 310])
def test_a_clock_that_cannot_be_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    """In 1902, 1970 and 2280 nothing is recorded, and the sentence says what the clock says."""
    monkeypatch.setattr(time, "time_ns", lambda: year * 31_556_952 * 10**9)

    answer = trader("live", "--home", str(tmp_path / "home"), "--url", "ws://127.0.0.1:9")

    assert answer.code == 3
    assert "the clock of this machine says" in answer.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("year", [-68, 0, 310])
def test_whoever_reads_does_not_mind_the_clock(monkeypatch: pytest.MonkeyPatch, year: int) -> None:
    """A journal can be looked at on a machine whose clock is wrong."""
    monkeypatch.setattr(time, "time_ns", lambda: year * 31_556_952 * 10**9)

    for command in ("status", "log", "checkpoints", "report"):
        assert trader(command, "--home", str(HERE / "gap")).code == 0
