"""The track record names tests that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_ROW = re.compile(r"`(tests/[\w/.-]+\.py)::([\w:]+)(?:\[[^`]*\])?`")
NAMED = sorted(set(_ROW.findall((ROOT / "tests" / "README.md").read_text(encoding="utf-8"))))


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of a file's tests, those of a class after its own."""
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
            found.update(f"{node.name}::{name}" for name in inner)
    return frozenset(found)


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda text: text)
def test_what_the_track_record_names_is_there(path: str, name: str) -> None:
    """Every fault that was ever found has a test that still runs."""
    assert name in names_in(path)
    assert name.rpartition(":")[2].startswith("test_")


def test_there_is_a_record() -> None:
    """A table whose form has changed would name nothing."""
    assert len(NAMED) >= 20
