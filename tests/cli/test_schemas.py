"""What commands say with --json is what is documented, and all of it."""

import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cli.schemas import COMMANDS, schema
from fixtures.record import HERE
from tests.support.commands import COMMANDS as NAMES
from tests.support.commands import documented, trader

HOME = ("--home", str(HERE / "gap"))
COPY = ("--home", "COPY")
"""A copy of it, for what writes beside the log."""

SAID = [
    ("status", ("status", *HOME)),
    ("why", ("why", *HOME)),
    ("log", ("log", *HOME, "-o", "beginning")),
    ("checkpoints", ("checkpoints", *HOME)),
    ("report", ("report", *HOME)),
    ("compare", ("compare", str(HERE / "gap"), str(HERE / "gap"))),
    ("config", ("config", *HOME)),
    ("doctor", ("doctor", *HOME, "--offline", "--quick")),
    ("verify", ("verify", "--quick", *COPY)),
    ("replay", ("replay", *HOME, "--from", "2000")),
    ("repair", ("repair", *HOME)),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_schema_is_one(command: str) -> None:
    """And every field says what it means."""
    Draft202012Validator.check_schema(schema(command))
    for message in schema(command)["oneOf"]:
        for name, field in message["properties"].items():
            assert name == "message_type" or field["description"]


@pytest.mark.parametrize(("command", "words"), SAID, ids=[command for command, _ in SAID])
def test_what_is_said_is_documented(command: str, words: tuple[str, ...], tmp_path: Path) -> None:
    """Each line is valid, no field is left undocumented, and the last line is the summary."""
    if "COPY" in words:
        shutil.copytree(HERE / "gap", tmp_path / "home")
        words = tuple(str(tmp_path / "home") if word == "COPY" else word for word in words)
    lines = [json.loads(line) for line in trader(*words, "--json").out.splitlines()]

    assert lines[-1]["message_type"] == "summary"
    for line in lines:
        documented(command, line)


def test_files_that_are_written(tmp_path: Path) -> None:
    """init and export, too."""
    for command, words in (
        ("init", ("init", "--home", str(tmp_path / "home"))),
        ("export", ("export", str(tmp_path / "x.csv"), *HOME)),
    ):
        documented(command, trader(*words, "--json").summary)


def test_a_failure_is_documented() -> None:
    """The object on stderr."""
    said = json.loads(trader("status", "--home", "nowhere", "--json").err)

    documented("error", said)


def test_every_command_is_documented() -> None:
    """But `schema`, which prints schemas. Each is held to it here, or where it is tested."""
    elsewhere = {"live", "import", "evaluate", "exchange", "backfill", "init", "export", "error"}

    assert {*NAMES} - {"schema"} == {*COMMANDS} - {"error"}
    assert elsewhere | {command for command, _ in SAID} == {*COMMANDS}
