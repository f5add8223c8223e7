"""`trader log` prints records as they are."""

import json

import pytest

from fixtures.record import HERE
from tests.support.commands import trader

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


def offsets(*words: str) -> list[int]:
    return [int(line) for line in trader("log", *HOME, *words, "--format", "{offset}").out.split()]


@pytest.mark.parametrize("kind", ["fill", "gap", "session_started", "decision"])
def test_the_last_that_match(kind: str) -> None:
    """What does not match is not counted, however far back the others are."""
    every = offsets("--kind", kind, "-o", "beginning")

    assert offsets("--kind", kind) == every[-20:]
    assert offsets("--kind", kind, "-c", "3") == every[-3:]
    assert offsets("--kind", kind, "-o", "-3") == every[-3:]
    assert offsets("--kind", kind, "-o", "-3", "-c", "1") == every[-3:][:1]
    assert offsets("--kind", kind, "-o", "beginning", "-c", "2") == every[:2]
    assert offsets("--kind", kind, "--to", str(every[-1])) == every[:-1][-20:]


def test_the_newest_so_many() -> None:
    """-c without --from counts from the end, as one expects of the newest."""
    every = offsets("-o", "beginning")

    assert offsets("-c", "3") == every[-3:]
    assert offsets("-c", "3", "--to", "100") == [97, 98, 99]


def test_a_stretch_that_ends_before_it_begins() -> None:
    answer = trader("log", *HOME, "--from", "5", "--to", "3")

    assert answer.code == 2
    assert "--from 5 is after --to 3" in answer.err


def test_the_kind_that_was_meant() -> None:
    assert "Did you mean fill?" in trader("log", *HOME, "--kind", "fills").err
