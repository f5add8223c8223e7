"""One result, written for a program or for a person."""

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest

from cli.answer import LINE_CHARACTERS_MAX, answer, answer_all
from journal.messages import said


@dataclass(frozen=True)
class Value:
    """What a program reads."""

    value: float = said("how much")


@dataclass(frozen=True)
class Part(Value):
    """The same, on the way."""

    MESSAGE_TYPE: ClassVar[str] = "part"


LINES = ["value 1.5", "closed\x1b[2J\nPAPER"]
"""What a person reads of it, with a foreign text in it."""


def test_a_program_reads_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json nothing else is written, and the line says which it is."""
    answer(Part(1.0), LINES, as_json=True)
    answer(Value(1.5), LINES, as_json=True)

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"message_type": "part", "value": 1.0},
        {"message_type": "summary", "value": 1.5},
    ]


def test_a_person_reads_visible_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """What is foreign in a line makes no second one and acts on nothing."""
    answer(Value(1.5), LINES, as_json=False)

    assert capsys.readouterr().out == "value 1.5\nclosed\\x1b[2J\\nPAPER\n"


def test_where_stdout_has_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Either form stands on stderr."""
    answer(Value(1.5), LINES, as_json=True, err=True)
    answer(Value(1.5), ["value 1.5"], as_json=False, err=True)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == '{"message_type": "summary", "value": 1.5}\nvalue 1.5\n'


def test_a_line_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A foreign text of any length does not flood a terminal."""
    answer(Value(1.5), ["x" * 10_000], as_json=False)

    assert len(capsys.readouterr().out) < LINE_CHARACTERS_MAX + 100


def test_json_has_no_number_that_is_none() -> None:
    """NaN is no JSON: where it must not be, it is refused before anything is written."""
    with pytest.raises(ValueError, match="JSON"):
        answer(Value(float("nan")), as_json=True, allow_nan=False)


def test_several_results_are_a_summary_each_and_one_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A program reads them one by one, a person sees them together."""
    results = [Value(1.0), Value(2.0)]

    answer_all(results, ["2 results"], as_json=True)
    answer_all(results, ["2 results"], as_json=False)

    *summaries, line = capsys.readouterr().out.splitlines()
    assert [json.loads(summary)["value"] for summary in summaries] == [1.0, 2.0]
    assert line == "2 results"
