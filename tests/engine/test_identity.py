"""A change of the step's code changes its identity; a change of its comments does not."""

import ast
from pathlib import Path

from engine import identity as identity_module
from engine.identity import MODULES, identity_of, kept_identity, step_identity

ROOT = Path(__file__).parent.parent.parent
BESIDE_THE_STEP = {
    *("engine.errors", "engine.self_check", "engine.identity"),
    *(
        f"engine.executor.{name}"
        for name in (
            *("artefact", "choice", "executor", "golden", "image", "native", "objects", "recipe"),
            *("selection", "xla"),
        )
    ),
}
"""What the engine imports and no decision depends on."""


def path_of(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def imported(module: str) -> set[str]:
    """Return the modules of the engine that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("engine.") and path_of(name).exists()}


def closure(module: str) -> set[str]:
    found: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= imported(name)
    return found


def sources() -> list[tuple[str, str]]:
    return [(name, path_of(name).read_text(encoding="utf-8")) for name in MODULES]


def changed(module: str, old: str, new: str) -> list[tuple[str, str]]:
    """Return the sources with one text of one module replaced."""
    found = dict(sources())
    assert old in found[module]
    found[module] = found[module].replace(old, new, 1)
    return list(found.items())


def test_it_is_taken_over_every_module_that_a_decision_depends_on() -> None:
    assert set(MODULES) == closure("engine.engine") - BESIDE_THE_STEP


def test_it_is_that_of_the_sources() -> None:
    assert step_identity() == identity_of(sources())


def test_a_constant_of_a_feature_changes_it() -> None:
    text = path_of("engine.learner.features").read_text(encoding="utf-8")
    constant = next(
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    )
    old = ast.get_source_segment(text, constant)
    assert old is not None

    assert identity_of(changed("engine.learner.features", old, f"({old} * 2)")) != step_identity()


def test_a_change_anywhere_in_the_step_changes_it() -> None:
    for module, source in sources():
        found = dict(sources())
        found[module] = f"{source}\nADDED = 1\n"
        assert identity_of(found.items()) != step_identity(), module


def test_comments_docstrings_and_layout_do_not() -> None:
    found = {name: ast.unparse(ast.parse(source)) for name, source in sources()}
    found["engine.learner.features"] = '"""Another first line."""\n' + "\n".join(
        found["engine.learner.features"].split('"""', 2)[2].splitlines()
    )
    found["engine.step"] += "\n# A comment more.\n"

    assert identity_of(found.items()) == step_identity()


def test_it_needs_no_module_of_the_step() -> None:
    """A reader names the step without loading TensorFlow."""
    text = Path(identity_module.__file__).read_text(encoding="utf-8")
    modules = {
        node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)
    }

    assert not {name for name in modules if name is None or name.startswith("engine")}


def test_it_is_kept_for_the_next_process(tmp_path: Path) -> None:
    """What is found is what was kept for the same texts; no text is parsed for it."""
    kept, texts = tmp_path / "kept", [("a", "x = 1"), ("b", "y = 2")]
    assert kept_identity(kept, texts) == identity_of(texts)
    key, identity, _ = kept.read_text().split(" ")
    assert identity == identity_of(texts)

    other = "0" * 32
    kept.write_text(f"{key} {other} {identity_module._digest(key, other)}")

    assert kept_identity(kept, texts) == other


def test_what_was_kept_for_other_texts_is_not_used(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for texts in ([("a", "x = 1")], [("a", "x = 2")], [("b", "x = 2")], [("a", "x = 1")]):
        assert kept_identity(kept, texts) == identity_of(texts)


def test_a_damaged_file_is_written_again(tmp_path: Path) -> None:
    kept, texts = tmp_path / "kept", [("a", "x = 1")]
    kept_identity(kept, texts)
    whole = kept.read_bytes()
    for position in range(len(whole)):
        kept.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert kept_identity(kept, texts) == identity_of(texts)
        assert kept.read_bytes() == whole
    kept.write_bytes(whole[:50])
    assert kept_identity(kept, texts) == identity_of(texts)
    assert kept.read_bytes() == whole


def test_where_nothing_can_be_kept_it_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    texts = [("a", "x = 1")]

    assert kept_identity(tmp_path / "file" / "kept", texts) == identity_of(texts)
    assert (tmp_path / "file").read_bytes() == b""
