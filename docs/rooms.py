"""Measures the packages: modules, lines, imports between them, and their longest functions.

``uv run python docs/rooms.py [DIRECTORY]`` prints the page of a checkout, this one by default.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
ROOMS = ("eventlog", "engine", "feeds", "journal", "analysis", "cli")
LONGEST = 10


class Room(NamedTuple):
    """A package: its modules and lines, and how many modules stand in one of its folders at most.

    ``imports`` counts the modules of it that import another package, by that package's name.
    """

    name: str
    modules: int
    lines: int
    flat: int
    imports: Counter[str]


def _modules(room: Path) -> list[Path]:
    return [path for path in sorted(room.rglob("*.py")) if path.name != "__init__.py"]


def rooms(root: Path) -> Iterator[Room]:
    """Yield the packages of a checkout, the lowest first; those that it does not have are left out.

    Lines are those of the files, comments and blank ones included.
    """
    for name in ROOMS:
        if not (root / name).is_dir():
            continue
        modules, imports = _modules(root / name), Counter[str]()
        for path in modules:
            imports.update(_imported(path) - {name})
        lines = sum(len(path.read_text().splitlines()) for path in (root / name).rglob("*.py"))
        flat = max(Counter(path.parent for path in modules).values())
        yield Room(name, len(modules), lines, flat, imports)


def _imported(path: Path) -> set[str]:
    """Return the packages that a module imports, also inside its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found & set(ROOMS)


def longest(root: Path, count: int = LONGEST) -> list[tuple[int, str, str]]:
    """Return the longest functions as (lines, module, name), the longest first."""
    found = []
    for name in ROOMS:
        for path in _modules(root / name):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    found.append((lines, path.relative_to(root).as_posix(), node.name))
    return sorted(found, key=lambda each: (-each[0], each[1:]))[:count]


def page(root: Path = ROOT) -> str:
    """Return the measurements as a page."""
    measured = list(rooms(root))
    total = sum(room.lines for room in measured)
    lines = [
        "# Packages",
        "",
        "Measured when this page was built, with `docs/rooms.py`. *flat* is the largest number of",
        "modules in one folder; *imports* says how many of a package's modules import another one.",
        "",
        "| package | modules | lines | share | flat | imports |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for room in reversed(measured):
        arrows = ", ".join(f"`{name}` {number}" for name, number in sorted(room.imports.items()))
        share = f"{room.lines / total:.0%}"
        lines.append(
            f"| `{room.name}` | {room.modules} | {room.lines:,} | {share} | {room.flat}"
            f" | {arrows or 'none'} |"
        )
    lines += [f"| all | {sum(room.modules for room in measured)} | {total:,} | | | |", ""]
    lines += ["## The longest functions", "", "| lines | function | module |", "|---:|---|---|"]
    lines += [f"| {size} | `{name}` | `{path}` |" for size, path, name in longest(root)]
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str]) -> None:
    """Print the page of a checkout."""
    sys.stdout.write(page(Path(arguments[0]) if arguments else ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
