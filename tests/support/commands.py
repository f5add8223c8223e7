"""Run a `trader` command in this process, as the console script would."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from jsonschema import Draft202012Validator

from cli.main import main
from cli.schemas import schema

COMMANDS = (
    *("live", "replay", "exchange", "status", "log", "checkpoints", "verify", "repair"),
    *("init", "config", "doctor", "import", "backfill", "evaluate"),
    *("why", "export", "report", "compare", "schema"),
)
"""The names of all commands; a test holds that none is missing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said and exited with."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, object]:
        """The last line of stdout, as JSON."""
        summary: dict[str, object] = json.loads(self.out.splitlines()[-1])
        return summary


def documented(command: str, line: dict[str, object]) -> None:
    """Hold a line of ``--json`` to what is documented of it: valid, and nothing beyond that."""
    said = schema(command)
    Draft202012Validator(said).validate(line)
    known = {message["title"]: set(message["properties"]) for message in said["oneOf"]}
    # A record's and a decision's own fields are those of the log's format.
    if line["message_type"] != "record" and command != "why":
        assert set(line) <= known[str(line["message_type"])]


def trader(*words: str) -> Answer:
    """Run a command and return its answer."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["trader", *words]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
                code: object = 0
            except SystemExit as ended:
                code = ended.code or 0
    finally:
        sys.argv = before
    assert isinstance(code, int)
    return Answer(code, out.getvalue(), err.getvalue())
