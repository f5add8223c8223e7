"""One outlet: what a command writes is visible text, whatever it is made of."""

import ast
import io
import sys
from pathlib import Path

import pytest

from journal import console

ROOT = Path(__file__).parents[2]
OTHERS = {"console.py", "logs.py"}


def test_lines_are_ours_and_the_rest_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    console.echo("a\tb\nc\x1b[2J\u202e")

    assert capsys.readouterr().out == "a\tb\nc\\x1b[2J\\u202e\n"


def test_messages_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console.echo("hello", err=True)
    console.put({"why": "\x7f\u2028é"})

    said = capsys.readouterr()
    assert said.err == "hello\n"
    assert said.out == '{"why": "\\u007f\\u2028\\u00e9"}\n'


def test_a_character_that_has_no_encoding_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of ASCII ends no command."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.echo("½ \udc80")

    assert raw.getvalue() == b"\\xbd \\udc80\n"


@pytest.mark.parametrize(
    "path",
    [path for path in sorted((ROOT / "cli").rglob("*.py")) if path.name not in OTHERS],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_nobody_else_writes(path: Path) -> None:
    """No print and no typer.echo: they would pass by what makes text printable."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("print", "typer.echo", "click.echo"), node.lineno


def test_bytes_go_to_the_stream_below_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written as text before comes first."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))

    sys.stdout.write("text ")
    console.binary().write(b"\x00\xff")

    assert raw.getvalue() == b"text \x00\xff"


def test_bytes_for_a_stream_of_text_alone_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, when they are flushed; what is no text, by its number."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)

    below = console.binary()
    for data in (b"a\xff", b"b"):
        below.write(data)
        below.flush()

    assert stream.getvalue() == "a\\xffb"
