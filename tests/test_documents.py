"""What the documents say is so: printed by a command that is run here, or on a day that is named.

Above each block of a console stands a mark. `<!-- printed -->`: its commands are run, and each line
has to be among what they print, in order; `…` stands for anything. `*As of 2026-11-30.*`: it
depends on a clock, a machine or a file that is not here, and was printed on that day. The same mark
stands above each table of figures that were measured. What the pages list, they list whole: exit
codes, metrics, reasons, and every word that stands at the head of a printed row.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.exit_codes import MEANINGS
from cli.render import overview
from engine.account.policy import PRIORITY
from journal.live.latency import BATCHES, STAGES
from tests.support.commands import trader

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
PRINTED = "<!-- printed -->"
DATED = re.compile(r"\*As of 20\d\d-\d\d-\d\d[^*]*\.\*")
FIGURE = re.compile(r"\d\.\d|(?<![\w`])\.\d\d|\d,\d\d\d")
PROMPT = "$ uv run trader "
README_BYTES_MAX = 6_144
TEXTS = {"feed", "market_status", "rest_trouble"}
"""What a health sample says in words: it is no metric."""


class Block(NamedTuple):
    """Lines of a page between two fences, and what stands above them."""

    page: Path
    line: int
    mark: str
    lines: list[str]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def above(text: list[str], line: int) -> str:
    """Return the last line before one that is not empty."""
    return next((each for each in reversed(text[:line]) if each.strip()), "")


def consoles(page: Path) -> Iterator[Block]:
    """Yield what is shown of a console, with a prompt."""
    text = page.read_text(encoding="utf-8").splitlines()
    fences = [number for number, line in enumerate(text) if line.startswith("```")]
    for start, end in zip(fences[::2], fences[1::2], strict=True):
        block = Block(page, start + 1, above(text, start), text[start + 1 : end])
        if any(line.startswith("$ ") for line in block.lines):
            yield block


def tables(page: Path) -> Iterator[Block]:
    """Yield tables with figures."""
    text = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(text):
        if line.startswith("|") and not text[number - 1].startswith("|"):
            rest = range(number, len(text))
            end = next((n for n in rest if not text[n].startswith("|")), len(text))
            block = Block(page, number + 1, above(text, number), text[number:end])
            if FIGURE.search("\n".join(block.lines)) and page.parent.name != "reference":
                yield block


BLOCKS = [block for page in PAGES for block in [*consoles(page), *tables(page)]]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_figures_are_printed_or_dated(block: Block) -> None:
    """No figure stands there for ever."""
    assert block.mark == PRINTED or DATED.fullmatch(block.mark), str(block)


RESULTS = [block for page in sorted((DOCS / "results").glob("*.md")) for block in tables(page)]
COMMAND = re.compile(r"`[^`\n]*\b(?:trader|pytest|python) [^`\n]+`")


@pytest.mark.parametrize("block", RESULTS, ids=str)
def test_what_was_measured_stands_next_to_its_command(block: Block) -> None:
    """In the table, or in the text of its section: whoever doubts a figure runs it again."""
    text = block.page.read_text(encoding="utf-8").splitlines()
    heads = [number for number, line in enumerate(text) if line.startswith("#")]
    start = max(number for number in heads if number < block.line)
    end = next((number for number in heads if number > block.line), len(text))

    assert COMMAND.search("\n".join(text[start:end])), str(block)


@pytest.mark.parametrize(
    "block", [each for page in PAGES for each in consoles(page) if each.mark == PRINTED], ids=str
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
    """The marks are found, and of both kinds, on the first page and on the others."""
    marks = [block.mark for block in BLOCKS]

    assert marks.count(PRINTED) >= 3
    assert len([mark for mark in marks if DATED.fullmatch(mark)]) >= 12
    assert any(block.page.name == "README.md" for block in BLOCKS)


def test_the_first_page_is_short() -> None:
    """It is read at a glance; everything else is a page of its own, and linked."""
    readme = ROOT / "README.md"

    assert readme.stat().st_size <= README_BYTES_MAX
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", readme.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def cells(page: str) -> list[list[str]]:
    """Return the first two cells of all rows of a page's tables, without marks of code."""
    rows = re.findall(r"^\| (.*?) \| (.*?) \|", page, re.MULTILINE)
    return [[first.replace("`", ""), second] for first, second in rows]


def glossary() -> list[list[str]]:
    """Return words and what they mean."""
    return cells((DOCS / "reference" / "glossary.md").read_text(encoding="utf-8"))


def test_the_glossary_has_every_reason_in_the_order_in_which_they_are_tried() -> None:
    """Each once, as a decision gives it."""
    reasons = [word for word, _ in glossary() if word in PRIORITY]

    assert tuple(reasons) == PRIORITY


def heads(path: Path) -> Iterator[str]:
    """Yield what a renderer puts at the head of a row: the first of a pair, or a fact's name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Yield):
            yield from _first_of_pair(node.value)
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            if "tuple[str, Text]" in ast.unparse(node.returns):
                yield from (word for each in ast.walk(node) for word in _first_of_pair(each))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            names = [getattr(target, "id", "") for target in node.targets]
            if path.stem == "report" and names == ["facts"]:
                yield from (word for key in node.value.keys if key for word in _constants(key))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("measure", "Measure"):
            yield from (word for each in node.args[:1] for word in _constants(each))


def _first_of_pair(node: ast.AST | None) -> Iterator[str]:
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        yield from _constants(node.elts[0])


def _constants(node: ast.expr) -> Iterator[str]:
    either = (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,)
    for each in either:
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value:
            yield each.value


def test_the_glossary_has_every_word_at_the_head_of_a_row() -> None:
    """Of the live view, status, why, and report; and the columns of several journals' table."""
    rooms = (ROOT / "cli" / "render", ROOT / "cli" / "commands")
    renderers = [path for room in rooms for path in room.glob("*.py")]
    printed = {word for path in renderers for word in heads(path)}
    printed.update(heads(ROOT / "analysis" / "measures.py"))
    words = {part.strip() for word, _ in glossary() for part in word.split(",")}
    text = (DOCS / "reference" / "glossary.md").read_text(encoding="utf-8")

    assert {"log-loss", "last record", "holds", "lineage", "learning"} <= printed
    assert {"cumulative learning", "confidence over time"} <= printed
    assert sorted(word for word in printed if word not in words) == []
    assert [word for word in overview._HEADS[1:] if f"*{word}*" not in text] == []


TERMS = (
    *("arithmetic", "backfilled", "baseline", "checkpoint", "checksum", "delta", "drawdown"),
    *("drift", "durable", "effect", "fingerprint", "fork", "frozen", "gap", "golden run", "growth"),
    *("heartbeat", "horizon", "journal", "label", "log-loss", "loopback", "manifest"),
    *("milestone", "offset", "quarantine", "regime", "replay", "round trip", "segment"),
    *("self-check", "session", "snapshot", "spread cost", "stand-in exchange", "step"),
    *("taker", "tick", "turnover", "undecodable", "venue", "watermark"),
)
"""The terms of the field, and of this program, that its messages use."""


def printed() -> str:
    """Return all texts of several words in the packages that print, without docstrings."""
    texts = []
    for room in ("cli", "journal", "analysis", "feeds", "eventlog"):
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            texts += [
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and " " in node.value
                and id(node) not in bare
            ]
    return "\n".join(texts).lower()


def test_the_glossary_has_every_term_of_the_messages() -> None:
    """Each term of the list is printed, and has an entry."""
    text = printed()
    words = {part.strip().lower() for word, _ in glossary() for part in word.split(",")}

    assert [term for term in TERMS if term not in text] == []
    assert [term for term in TERMS if term not in words] == []


def metrics() -> set[str]:
    """Return the names that a market's sample can have, from where they are given."""
    live = ROOT / "journal" / "live"
    sample = ast.parse((live / "health.py").read_text(encoding="utf-8"))
    found = {BATCHES, *(f"{stage}_{name}_ms" for stage in STAGES for name in ("p50", "p99"))}
    for node in ast.walk(sample):
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "figures":
            keys = node.value.keys if isinstance(node.value, ast.Dict) else []
            found.update(word for key in keys if key is not None for word in _constants(key))
    supervisor = (live / "supervisor.py").read_text(encoding="utf-8")
    return found | set(re.findall(r'figures\["(\w+)"\] =', supervisor))


def test_the_metrics_page_has_every_metric() -> None:
    """With its unit, and nothing that is not served."""
    page = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    named = re.findall(r"`trader_(\w+)`", page)

    assert len(metrics()) > 25
    assert sorted(named) == sorted(metrics() - TEXTS)


def generated() -> dict[str, Any]:
    """Return the pages that are generated when the site is built, by name."""
    spec = spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: dict[str, Any] = module.PAGES
    return pages


@pytest.mark.parametrize("name", sorted(generated()))
def test_a_page_is_generated(name: str) -> None:
    """From the code as it is; the site's navigation has it."""
    page = generated()[name]()

    assert page.startswith("# ")
    assert len(page.splitlines()) > 10
    assert f"reference/{name}.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_the_page_of_exit_codes_is_what_the_code_says() -> None:
    """Every code once; and the page about halts names none that is not there."""
    said = {row[0]: row for row in cells(generated()["exit-codes"]()) if row[0].isdecimal()}
    halts = (DOCS / "how-to" / "recover-from-a-halt.md").read_text(encoding="utf-8")
    named = {int(word) for word, _ in cells(halts) if word.isdecimal()}

    assert set(said) == {str(int(code)) for code in MEANINGS}
    assert named <= {int(code) for code in MEANINGS}
    assert {3, 4, 5, 6, 7, 11, 12, 20, 21, 22} <= named
