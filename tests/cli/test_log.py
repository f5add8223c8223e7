"""`trader log` prints records as they are."""

import json

import pytest

from fixtures.record import HERE
from tests.commands import trader

HOME = ("--home", str(HERE / "gap"))


def test_one_line_a_record() -> None:
    """Offsets are dense and the kind stands behind each."""
    lines = trader("log", *HOME, "--from", "beginning", "--to", "4").out.splitlines()

    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]
    assert lines[0].split()[1] == "session_started"


def test_without_words_the_last_twenty() -> None:
    """The default is the end of the log."""
    assert len(trader("log", *HOME).out.splitlines()) == 20


@pytest.mark.parametrize("kind", ["gap", "fill", "decision", "book"])
def test_only_one_kind(kind: str) -> None:
    """--kind leaves the others out, and --json ends in a summary that counts."""
    answer = trader("log", *HOME, "--from", "beginning", "--kind", kind, "--json")
    lines = [json.loads(line) for line in answer.out.splitlines()]

    assert {line["kind"] for line in lines[:-1]} == {kind}
    assert lines[-1]["message_type"] == "summary"
    assert lines[-1]["records"] == len(lines) - 1 > 0
