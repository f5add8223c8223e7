"""One result, written for a program or for a person."""

import json
from collections.abc import Sequence

import pytest

from cli.answer import LINE_CHARACTERS_MAX, answer, answer_all


def facts(result: float) -> dict[str, object]:
    """Return what a program reads of a result."""
    return {"value": result}


def text(result: float) -> list[str]:
    """Return what a person reads of it, with a foreign text in it."""
    return [f"value {result}", "closed\x1b[2J\nPAPER"]


def test_a_program_reads_one_summary(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json nothing else is written."""
    answer(1.5, as_json=True, facts=facts, text=text)

    assert json.loads(capsys.readouterr().out) == {"message_type": "summary", "value": 1.5}


def test_a_person_reads_visible_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """What is foreign in a line makes no second one and acts on nothing."""
    answer(1.5, as_json=False, facts=facts, text=text)

    assert capsys.readouterr().out == "value 1.5\nclosed\\x1b[2J\\nPAPER\n"


def test_a_line_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A foreign text of any length does not flood a terminal."""
    answer(1.5, as_json=False, facts=facts, text=lambda _: ["x" * 10_000])

    assert len(capsys.readouterr().out) < LINE_CHARACTERS_MAX + 100


def test_json_has_no_number_that_is_none() -> None:
    """NaN is no JSON: where it must not be, it is refused before anything is written."""
    with pytest.raises(ValueError, match="JSON"):
        answer(float("nan"), as_json=True, facts=facts, text=text, allow_nan=False)


def test_several_results_are_a_summary_each_and_one_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A program reads them one by one, a person sees them together."""

    def together(results: Sequence[float]) -> list[str]:
        return [f"{len(results)} results"]

    answer_all([1.0, 2.0], as_json=True, facts=facts, text=together)
    answer_all([1.0, 2.0], as_json=False, facts=facts, text=together)

    *summaries, line = capsys.readouterr().out.splitlines()
    assert [json.loads(summary)["value"] for summary in summaries] == [1.0, 2.0]
    assert line == "2 results"
