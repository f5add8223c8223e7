"""`trader doctor` says what is wrong, and exits with the first problem's code."""

import json
from pathlib import Path

import pytest

from tests.support.commands import trader


def test_a_healthy_home(tmp_path: Path) -> None:
    """Every check says something; the summary names the problems, here none."""
    answer = trader("doctor", "--home", str(tmp_path), "--offline", "--quick", "--json")
    lines = [json.loads(line) for line in answer.out.splitlines()]

    assert answer.code == 0
    assert answer.summary["problems"] == []
    assert [line["name"] for line in lines[:3]] == ["python", "tensorflow", "processor"]


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        ("[engine]\nfee_pm = 1\n", ("--offline",), 3),
        ("", ("--url", "ws://127.0.0.1:9", "--timeout", "0.5"), 20),
        ("[engine]\nfee_pm = 1\n", ("--url", "ws://127.0.0.1:9", "--timeout", "0.5"), 3),
    ],
)
def test_the_first_problem_decides(
    tmp_path: Path, text: str, words: tuple[str, ...], code: int
) -> None:
    """Problems are marked, and the last line names them."""
    (tmp_path / "trader.toml").write_text(text)
    answer = trader("doctor", "--home", str(tmp_path), "--quick", *words)

    assert answer.code == code
    assert "✗" in answer.out
    assert answer.out.splitlines()[-1].startswith("problems: ")
