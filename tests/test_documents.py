"""What the README shows was printed: by a command that is run here, or on a day that is named.

Above each block of a console stands a mark. `<!-- printed -->`: its commands are run, and each line
has to be among what they print, in order; `…` stands for anything. `*As of 2026-11-30.*`: it
depends on a clock, a machine or a file that is not here, and was printed on that day. The same mark
stands above each table of figures that were measured.
"""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.commands import trader

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
PRINTED = "<!-- printed -->"
DATED = re.compile(r"\*As of 20\d\d-\d\d-\d\d[^*]*\.\*")
FIGURE = re.compile(r"\d\.\d|\.\d\d|\d,\d\d\d")
PROMPT = "$ uv run trader "


class Block(NamedTuple):
    """Lines between two fences, and what stands above them."""

    line: int
    mark: str
    lines: list[str]


def above(line: int) -> str:
    """Return the last line before one that is not empty."""
    return next((each for each in reversed(README[:line]) if each.strip()), "")


def consoles() -> list[Block]:
    """Return what is shown of a console, with a prompt."""
    fences = [number for number, text in enumerate(README) if text.startswith("```")]
    pairs = zip(fences[::2], fences[1::2], strict=True)
    blocks = [Block(start + 1, above(start), README[start + 1 : end]) for start, end in pairs]
    return [block for block in blocks if any(line.startswith("$ ") for line in block.lines)]


def tables() -> list[Block]:
    """Return tables with figures."""
    blocks = []
    for number, text in enumerate(README):
        if text.startswith("|") and not README[number - 1].startswith("|"):
            end = next(n for n in range(number, len(README)) if not README[n].startswith("|"))
            blocks.append(Block(number + 1, above(number), README[number:end]))
    return [block for block in blocks if FIGURE.search("\n".join(block.lines))]


@pytest.mark.parametrize("block", [*consoles(), *tables()], ids=lambda block: f"line {block.line}")
def test_figures_are_printed_or_dated(block: Block) -> None:
    """No figure stands there for ever."""
    assert block.mark == PRINTED or DATED.fullmatch(block.mark), f"README.md, line {block.line}"


@pytest.mark.parametrize(
    "block", [each for each in consoles() if each.mark == PRINTED], ids=lambda b: f"line {b.line}"
)
def test_what_is_said_to_be_printed_is(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, in order."""
    monkeypatch.chdir(ROOT)
    printed: list[str] = []
    for text in block.lines:
        if text.startswith(PROMPT):
            answer = trader(*shlex.split(text.removeprefix(PROMPT)))
            assert answer.code == 0, answer.err
            printed = answer.out.splitlines()
        elif text.strip() != "…":
            wanted = re.compile(".*".join(map(re.escape, text.split("…"))))
            found = [place for place, line in enumerate(printed) if wanted.fullmatch(line)]
            assert found, f"not printed: {text}"
            printed = printed[found[0] + 1 :]


def test_there_is_something_to_hold_it_to() -> None:
    """The marks are found, and of both kinds."""
    marks = [block.mark for block in [*consoles(), *tables()]]

    assert marks.count(PRINTED) >= 3
    assert any(DATED.fullmatch(mark) for mark in marks)
