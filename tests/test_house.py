"""The style of the house, as far as a test can hold it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("eventlog", "engine", "feeds", "journal", "analysis", "cli")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BANNED_MODULES = {"utils", "util", "helpers", "common", "misc", "base", "core", "manager"}
BANNED_CLASS_ENDINGS = ("Manager", "Helper", "Processor", "Service", "Wrapper")
BANNED_ENGINE_WORDS = ("live", "mode", "backtest")


def named(path: Path) -> str:
    """Return a module's path as a test's name."""
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def identifiers(module: ast.Module) -> Iterator[str]:
    """Yield all names that a module uses or defines."""
    for node in ast.walk(module):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_says_what_it_holds(path: Path) -> None:
    """Every module opens with a docstring and is named for a noun of the field."""
    assert ast.get_docstring(tree(path))
    assert path.stem not in BANNED_MODULES


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_class_is_a_manager(path: Path) -> None:
    """A class is named for what it is."""
    classes = [node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]

    assert not [name for name in classes if name.endswith(BANNED_CLASS_ENDINGS)]


@pytest.mark.parametrize("path", sorted((ROOT / "engine").rglob("*.py")), ids=named)
def test_the_engine_does_not_know_where_ticks_come_from(path: Path) -> None:
    """No identifier of the engine says live or mode: there is one path."""
    words = {word for name in identifiers(tree(path)) for word in name.lower().split("_")}

    assert not words & set(BANNED_ENGINE_WORDS)


@pytest.mark.parametrize("path", sorted((ROOT / "engine").rglob("*.py")), ids=named)
def test_the_engine_has_no_hidden_order(path: Path) -> None:
    """No iteration over a set, no hash() and no id() decides anything in the engine."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.For | ast.comprehension):
            iterated = node.iter
            is_set = isinstance(iterated, ast.Set | ast.SetComp) or (
                isinstance(iterated, ast.Call)
                and isinstance(iterated.func, ast.Name)
                and iterated.func.id in ("set", "frozenset")
            )
            assert not is_set, f"{named(path)}:{iterated.lineno} iterates over a set"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "hash", f"{named(path)}:{node.lineno}"


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem != "__init__"], ids=named)
def test_every_module_has_its_twin(path: Path) -> None:
    """A module's tests are where one looks for them."""
    twin = ROOT / "tests" / path.relative_to(ROOT).parent / f"test_{path.stem}.py"

    assert twin.exists(), f"no {twin.relative_to(ROOT)}"


def imported(module: ast.Module) -> Iterator[str]:
    """Yield the names of all modules that a module imports, also by a program in a string."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"^\s*(?:from|import) (tests\.[\w.]+)", node.value, re.MULTILINE)


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=named)
def test_no_test_module_imports_another(path: Path) -> None:
    """What tests share is in `tests/support`, or in a module next to them that holds no test."""
    parts = (name.split(".") for name in imported(tree(path)) if name.startswith("tests."))
    last = {part for name in parts for part in name}

    assert not {part for part in last if part.startswith("test_") or part == "conftest"}


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md")), *MODULES], ids=named
)
def test_nothing_names_a_machine(path: Path) -> None:
    """No absolute path of somebody's machine stands in code or documents."""
    text = path.read_text(encoding="utf-8")

    for directory in ("home", "root"):
        assert f"/{directory}/" not in text


def test_help_is_instant_because_it_loads_little() -> None:
    """`trader --help`, and reading a log, load no TensorFlow."""
    code = (
        "import sys, cli.main, journal.layout, engine.checkpoint, eventlog.reader;"
        "sys.exit('tensorflow' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


CARRYING_AN_ENGINE = {
    *(
        "journal.backfilling",
        "journal.fork",
        "journal.importing",
        "journal.recorder",
        "journal.rederive",
        "journal.sinks",
    ),
    *("journal.replay", "journal.live.session", "journal.live.supervisor"),
}
"""The modules of the journal that run a model; whoever reads only, imports none of them."""

READING = [
    *PACKAGES,
    *(
        name
        for path in MODULES
        if (name := ".".join(path.relative_to(ROOT).with_suffix("").parts))
        not in CARRYING_AN_ENGINE
        and name.startswith(("eventlog.", "feeds.", "journal.", "cli.commands."))
        and path.stem != "__init__"
    ),
]


def test_reading_a_journal_loads_no_tensorflow() -> None:
    """Every package, and all that a command imports before it needs a model, does without."""
    code = (
        "import sys\n"
        "from importlib import import_module\n"
        "for name in sys.argv[1:]:\n"
        "    import_module(name)\n"
        "    assert 'tensorflow' not in sys.modules, f'{name} loads TensorFlow'\n"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code, *READING],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert asked.returncode == 0, asked.stderr


COMMAND_LINES_MAX = 60


def options_of(module: ast.Module) -> set[int]:
    """Return the lines on which a command's arguments and options are declared."""
    return {
        line
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef)
        for each in (*node.args.args, *node.args.kwonlyargs)
        for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    }


@pytest.mark.parametrize("path", sorted((ROOT / "cli" / "commands").glob("*.py")), ids=named)
def test_a_command_asks_once_and_answers_once(path: Path) -> None:
    """What it does is done below the shell.

    Lines are counted from the first to the last, empty ones too, of a function and of the module,
    without those on which arguments and options are declared.
    """
    module = tree(path)
    options = options_of(module)

    def lines(first: int, last: int | None) -> int:
        return len({*range(first, (last or first) + 1)} - options)

    counts = [lines(1, len(path.read_text(encoding="utf-8").splitlines()))]
    counts += [
        lines(node.lineno, node.end_lineno)
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef)
    ]

    assert max(counts) <= COMMAND_LINES_MAX


CONVERTING = {"eventlog/printable.py", "engine/parameters.py"}
"""Text as JSON; and parameters as they are recorded."""


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_nothing_becomes_json_by_hand(path: Path) -> None:
    """What a command says is a message (`journal.messages`), and that is how it becomes JSON."""
    defined = {node.name for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)}

    assert "to_json" not in defined or named(path) in CONVERTING


def imports_of(path: Path) -> Iterator[str]:
    """Yield the modules of the house that a module imports when it is imported itself."""
    known = {".".join(each.relative_to(ROOT).with_suffix("").parts) for each in MODULES}
    for node in tree(path).body:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{name.name}" for name in node.names]
            found = [name for name in inner if name in known]
            yield from found
            if node.module in known and len(found) < len(inner):
                yield node.module


def test_no_module_imports_itself_by_way_of_others() -> None:
    """There is an order in which everything can be understood."""
    waiting = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): {*imports_of(path)}
        for path in MODULES
    }
    while free := {name for name, needs in waiting.items() if not needs & waiting.keys()}:
        waiting = {name: needs for name, needs in waiting.items() if name not in free}

    assert not waiting
