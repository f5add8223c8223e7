"""`trader log` prints records as they are."""

import json

import pytest

from fixtures.record import HERE
from tests.commands import trader

HOME = ("--home", str(HERE / "gap"))


def test_one_line_a_record() -> None:
    """Offsets are dense; the time and the kind stand behind each."""
    lines = trader("log", *HOME, "--from", "beginning", "--to", "4").out.splitlines()

    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]
    assert lines[0].split()[2] == "session_started"


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


def test_as_many_as_were_asked_for_in_a_form_of_ones_own() -> None:
    """-c stops after so many lines; --format says what stands in each."""
    words = (*HOME, "-o", "beginning", "--kind", "decision", "-c", "3")
    lines = trader("log", *words, "--format", "{kind} {action}").out.splitlines()

    assert len(lines) == 3
    assert all(line.split()[0] == "decision" for line in lines)


def test_between_two_times() -> None:
    """s@ and e@ are the first records received at or after a time."""
    words = (*HOME, "--json", "-o", "5", "-c", "2")
    first, second = (json.loads(line) for line in trader("log", *words).out.splitlines()[:2])
    since, until = (f"{each['received_ns'] / 10**9:.6f}" for each in (first, second))
    got = trader("log", *HOME, "-o", f"s@{since}", "--to", f"e@{until}", "--format", "{offset}")

    assert got.code == 0
