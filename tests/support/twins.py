"""How much of each module its own tests reach, counted while the tests run.

    pytest -n auto --twin-floor stated                    # the floors that are stated here
    pytest -n auto --twin-floor eventlog=80,journal=0     # a floor in percent for each path
    pytest tests/eventlog/test_lock.py --twin-floor eventlog=80

A module's own tests are its twin, `tests/R/test_M.py` for `R/M.py`, and the examples in its
docstrings. While one of these runs, that one module is traced, and no other. A line that only
another module's tests reach is tested by accident: it goes when that other module changes.

Counted are the statements inside functions. Those of a module and of a class run on import, whoever
imports. A line that runs in a child process only is not seen. What a process keeps from one test to
the next is built under whichever test came first: caches of functions are emptied before a twin
begins, and for the rest, as a compiled step, run the twin alone to see what it reaches by itself.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from coverage import Coverage

ROOT = Path(__file__).parents[2]
FLOOR = "--twin-floor"
STATED = "stated"
FLOORS = {
    "eventlog": 80.0,
    "engine": 80.0,
    "journal": 80.0,
    # Part of the step, which a process compiles once or finds compiled: its lines may never run.
    "engine/learner/labels.py": 0.0,
    "engine/learner/memory.py": 0.0,
    "engine/step.py": 0.0,
    # What a machine cannot run is skipped.
    "engine/executor": 0.0,
    # Run in processes of their own, for the most part.
    "journal/compile_cache.py": 0.0,
    "journal/live/sealer.py": 65.0,
    # Reached by the tests of the commands above them; these floors are to rise.
    "journal/asked/diagnostics.py": 45.0,
    "journal/asked/preflight.py": 45.0,
    "journal/backfilling.py": 70.0,
    "journal/header.py": 70.0,
    "journal/import_source.py": 70.0,
    "journal/integrity/inspection.py": 70.0,
    "journal/integrity/verification.py": 45.0,
    "journal/integrity/verify.py": 60.0,
    "journal/live/outlets.py": 70.0,
    "journal/live/session.py": 75.0,
    "journal/live/stopping.py": 75.0,
    "journal/live/supervisor.py": 35.0,
    "journal/reading/prices.py": 65.0,
    "journal/reading/score.py": 55.0,
    "journal/runs/backfills.py": 50.0,
    "journal/runs/exchange.py": 40.0,
}
"""What CI holds, in percent; the longest path that a module lies at or below counts."""

_OUTPUT = "twins"


@dataclass(frozen=True, slots=True)
class Reached:
    """A module, as its path from the root; its statements in functions; how many of them ran."""

    module: str
    statements: int
    reached: int
    missing: tuple[int, ...]
    """Lines at which the others begin."""

    @property
    def percent(self) -> float:
        """Return the share that ran, in percent; of no statement, all of them."""
        return 100.0 * self.reached / self.statements if self.statements else 100.0


def module_of(test: Path) -> Path | None:
    """Return the module that a file of tests is the twin of, from the root; None if of none.

    >>> module_of(ROOT / "tests" / "eventlog" / "test_lock.py").as_posix()
    'eventlog/lock.py'
    >>> module_of(ROOT / "tests" / "conftest.py") is None
    True
    """
    if not test.is_relative_to(ROOT):
        return None
    path = test.relative_to(ROOT)
    if path.parts[0] == "tests":
        path = path.relative_to("tests").with_name(path.name.removeprefix("test_"))
    return path if len(path.parts) > 1 and (ROOT / path).exists() else None


def forget(module: Path) -> None:
    """Empty the caches of a module's functions, as in a process that begins with its own tests."""
    name = ".".join(module.with_suffix("").parts)
    for each in [*vars(sys.modules.get(name, ast)).values()]:
        if getattr(each, "__module__", "") == name and hasattr(each, "cache_clear"):
            each.cache_clear()


def floors_of(text: str) -> dict[str, float]:
    """Return the floors that an option names, in percent, by path; `FLOORS` if it says "stated".

    >>> floors_of("eventlog=80,journal/live=75.5")
    {'eventlog': 80.0, 'journal/live': 75.5}

    Raises:
        ValueError: if it is of another form.
    """
    if text == STATED:
        return FLOORS
    pairs = (each.partition("=") for each in text.split(","))
    return {path: float(percent) for path, _, percent in pairs}


def inside_functions(source: str) -> set[int]:
    """Return the lines of a module's text that functions run, their `def` lines left out.

    >>> sorted(inside_functions("a = 1\\ndef f():\\n    b = 1\\nclass C:\\n    d = 1"))
    [3]
    """
    return {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for each in (node.body if isinstance(node.body, list) else [])
        for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    }


def reached_of(module: Path, ran: set[int]) -> Reached:
    """Return how many of a module's statements are among the lines that ran."""
    whole = Coverage(data_file=None, config_file=False)
    _, statements, _, _, _ = whole.analysis2(str(ROOT / module))
    inner = inside_functions((ROOT / module).read_text(encoding="utf-8")).intersection(statements)
    missing = sorted(inner - ran)
    return Reached(module.as_posix(), len(inner), len(inner) - len(missing), tuple(missing))


@dataclass
class Twins:
    """The plugin: traces in the process that runs tests, adds up and judges in the first one."""

    floors: dict[str, float]
    """As `FLOORS`; a module that lies below none of these paths is not traced."""

    traced: dict[str, Coverage] = field(default_factory=dict)
    ran: dict[str, set[int]] = field(default_factory=dict)

    def floor_of(self, module: Path) -> float | None:
        """Return the floor of a module in percent; None if it is not to be traced."""
        found = [path for path in self.floors if module.is_relative_to(path)]
        return self.floors[max(found, key=len)] if found else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Trace a module while its own test runs, with what is set up and torn down for it."""
        module = module_of(item.path)
        if module is None or self.floor_of(module) is None:
            return (yield)
        tracing = self.traced.get(module.as_posix())
        if tracing is None:
            tracing = self.traced[module.as_posix()] = Coverage(
                data_file=None, config_file=False, include=[str(ROOT / module)]
            )
            # One that has no function to run is no mistake.
            tracing.set_option("run:disable_warnings", ["no-data-collected"])
            forget(module)
        tracing.start()
        try:
            return (yield)
        finally:
            tracing.stop()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Collect the lines that ran, and hand them to the process that spreads the tests."""
        for module, tracing in self.traced.items():
            lines = tracing.get_data().lines(str(ROOT / module)) or []
            self.ran.setdefault(module, set()).update(lines)
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = {module: sorted(lines) for module, lines in self.ran.items()}
        elif self.below():
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Add what a worker process saw."""
        for module, lines in getattr(node, "workeroutput", {}).get(_OUTPUT, {}).items():
            self.ran.setdefault(module, set()).update(lines)

    def table(self) -> list[Reached]:
        """Return what each module's own tests reached, of the modules whose tests ran."""
        return [reached_of(Path(module), lines) for module, lines in sorted(self.ran.items())]

    def below(self) -> list[Reached]:
        """Return those of the table that are below their floor."""
        return [
            each for each in self.table() if each.percent < (self.floor_of(Path(each.module)) or 0)
        ]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print a line a module; of one below its floor also where the missing statements are."""
        terminalreporter.section("statements in functions that a module's own tests reach")
        table, below = self.table(), self.below()
        for each in table:
            missing = f"  not line {', '.join(map(str, each.missing))}" if each in below else ""
            terminalreporter.write_line(
                f"{each.percent:5.1f} %  {each.statements:4}  {each.module}{missing}"
            )
        terminalreporter.write_line(f"{len(table)} modules, {len(below)} below their floor")
