"""How much of each module its own tests reach: those of `tests/R/test_M.py`, and no others.

    uv run --group test python -m tests.twin_coverage --floor 60                     # all rooms
    uv run --group test python -m tests.twin_coverage --rooms eventlog --floor 70    # two minutes
    uv run --group test python -m tests.twin_coverage --part 3/8    # every eighth, from the third

A line that only another module's tests reach is tested by accident: it goes when that other module
changes. Every twin runs in a process of its own, so that what one imports helps no other. Lines
that run in a child process, or that TensorFlow rewrites before it runs them, are not seen.
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import coverage

ROOT = Path(__file__).parent.parent
ROOMS = ("eventlog", "engine", "journal")
TWIN_S = 1_800.0
"""So long one twin may run; a longer one hangs."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A module, its statements, and how many of them its twin runs."""

    module: Path
    statements: int
    reached: int
    passed: bool

    @property
    def percent(self) -> float:
        """Return the share that is reached; a module without a statement is reached whole."""
        return 100.0 * self.reached / self.statements if self.statements else 100.0


def modules(rooms: list[str]) -> list[Path]:
    """Return the modules of rooms that have a twin, by path from the root."""
    found = (path.relative_to(ROOT) for room in rooms for path in (ROOT / room).rglob("*.py"))
    return sorted(path for path in found if path.stem != "__init__")


def twin_of(module: Path) -> Path:
    """Return where the tests of a module are.

    >>> twin_of(Path("engine/account/fees.py")).as_posix()
    'tests/engine/account/test_fees.py'
    """
    return Path("tests") / module.parent / f"test_{module.stem}.py"


def part_of(found: list[Path], part: str) -> list[Path]:
    """Return every n-th module for a part "k/n", beginning with the k-th; k wraps around.

    >>> [path.stem for path in part_of([Path("a"), Path("b"), Path("c")], "5/2")]
    ['a', 'c']
    """
    number, _, count = part.partition("/")
    return found[(int(number) - 1) % int(count) :: int(count)]


def measure(module: Path) -> Reached:
    """Run a module's twin alone, and count the module's statements that ran."""
    with TemporaryDirectory() as scratch:
        data = Path(scratch) / "coverage"
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "coverage", "run", f"--data-file={data}"),
                *(f"--include={ROOT / module}", "--rcfile=/dev/null"),
                *("-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"),
                str(twin_of(module)),
            ],
            cwd=ROOT,
            capture_output=True,
            timeout=TWIN_S,
            check=False,
        )
        seen = coverage.Coverage(data_file=data, config_file=False)
        if data.exists():
            seen.load()
        _, statements, _, missing, _ = seen.analysis2(str(ROOT / module))
    count = len(statements)
    return Reached(module, count, count - len(missing), passed=ran.returncode in (0, 5))


def row(reached: Reached) -> str:
    """Return a line of the table."""
    said = "" if reached.passed else "  the twin failed"
    return f"{reached.percent:5.1f} %  {reached.statements:4}  {reached.module.as_posix()}{said}"


def main() -> int:
    """Print a row a module as it comes; return 1 if one is below the floor or a twin failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--floor", type=float, default=0.0, help="percent that each has to reach")
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), help="packages to measure")
    parser.add_argument("--jobs", type=int, default=1, help="twins that run at a time")
    parser.add_argument("--part", default="1/1", help="k/n: every n-th module from the k-th on")
    asked = parser.parse_args()
    print("reached   statements, module")
    table = []
    with ThreadPoolExecutor(asked.jobs) as pool:
        for each in pool.map(measure, part_of(modules(asked.rooms), asked.part)):
            table.append(each)
            print(row(each), flush=True)
    below = [each for each in table if each.percent < asked.floor or not each.passed]
    print(f"{len(table)} modules, {len(below)} below {asked.floor:g} % or with a failing twin")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
