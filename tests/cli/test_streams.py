"""Standard output and standard error of the command itself, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.record import HERE, trader

LOG = trader("log", "--home", str(HERE / "gap"), "--from", "beginning")
SCHEMA = trader("schema")
CONFIG = trader("config", "--home", "nowhere")


def ran(words: list[str], **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run a command; its streams are pipes unless others are named."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run(words, text=True, check=False, **{**pipes, **streams})


@pytest.mark.parametrize("words", [LOG, CONFIG, trader("--help"), trader("--version")])
def test_a_reader_that_has_had_enough(words: list[str]) -> None:
    """The command ends quietly, as others do: 141, and not a word."""
    reading, writing = os.pipe()
    os.close(reading)

    done = ran(words, stdout=writing)

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("words", [LOG, CONFIG, trader("--help")])
def test_a_disk_that_is_full(words: list[str]) -> None:
    """What was asked for cannot be written: an error of its own, and no halt of a session."""
    with Path("/dev/full").open("w") as full:
        done = ran(words, stdout=full)

    assert (done.returncode, done.stderr) == (22, "trader: stdout: No space left on device\n")


def test_a_stdout_that_is_closed() -> None:
    """Nobody can have the data: said, as the others do; and no file gets its number."""
    done = ran(CONFIG, preexec_fn=lambda: os.close(1))

    assert (done.returncode, done.stderr) == (22, "trader: stdout: Bad file descriptor\n")


@pytest.mark.parametrize("is_closed", [True, False])
def test_messages_that_nobody_can_have_change_nothing(is_closed: bool) -> None:
    """Closed, or on a full disk: the refusal's code is what it is."""
    words = trader("status", "--home", "nowhere")
    if is_closed:
        done = ran(words, stderr=None, preexec_fn=lambda: os.close(2))
    else:
        with Path("/dev/full").open("w") as full:
            done = ran(words, stderr=full)

    assert (done.returncode, done.stdout) == (10, "")


def test_an_encoding_that_lacks_a_sign() -> None:
    """It is written as an escape."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = ran(CONFIG, env=environment)

    assert done.returncode == 0
    assert "\\u" in done.stdout or done.stdout.isascii()


@pytest.mark.parametrize(
    "odd",
    [
        {"COLUMNS": "²", "LINES": "0"},
        {"COLUMNS": "9" * 5_000, "TERMINAL_WIDTH": "wide"},
        {"TERM": "dumb", "NO_COLOR": "1", "LC_ALL": "xx_XX", "TZ": "Nowhere/At/All"},
    ],
)
def test_an_odd_environment(odd: dict[str, str]) -> None:
    """Libraries that trust it are not given it."""
    done = ran(trader("--help"), env={**os.environ, **odd})

    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_a_missing_descriptor_is_opened_before_any_file() -> None:
    """Else a segment of the log would be descriptor 2, and what a library says part of it."""
    program = "from cli import streams; streams.guard(); import os; print(os.open('.', 0) > 2)"

    done = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.closerange(2, 3),
        check=True,
    )

    assert done.stdout == b"True\n"
