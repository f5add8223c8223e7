"""The suite against our own code without one of its safeguards: it has to notice each loss.

Every mutant is a copy of the packages in which one sync, one check or one step was taken out. The
tests are run against it, and one of them has to fail. This takes minutes, so it is done only under
``--effort 10`` or more.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.faults import DETECTED, SILENT, Tally

ROOT = Path(__file__).parents[2]
SUITE = (
    "tests/eventlog",
    "tests/golden/test_format.py",
    "tests/properties/test_log_machine.py",
    "tests/crash/test_refusals.py",
    "tests/crash/test_power_cut.py",
    "tests/crash/test_damage.py",
    "tests/crash/test_two_writers.py",
)
CHECKPOINTS = (
    "tests/engine/test_checkpoint.py",
    "tests/engine/test_snapshot.py",
    # The others compile the engine, and look at other things.
    *("-k", "not real_engine and not facts_say and not facts_of"),
)
EFFORT = 10


class Mutant(NamedTuple):
    """In a module, lines that stand there once, and what stands there instead."""

    name: str
    module: str
    lines: str
    instead: str


def mutants() -> list[Mutant]:
    """Return the mutants of the file beside this one."""
    found = []
    for block in Path(__file__).with_name("mutants.txt").read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if lines:
            module, name = lines[0].split(": ")
            parts = [
                "".join(line[1:] + "\n" for line in lines[1:] if line[0] == sign) for sign in "-+"
            ]
            path = module if "/" in module else f"eventlog/{module}"
            found.append(Mutant(name, path, *parts))
    return found


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_every_safeguard_is_missed_when_it_is_gone(
    mutant: Mutant, tmp_path: Path, effort: int, tally: Tally
) -> None:
    """Without this safeguard a test fails."""
    source = (ROOT / mutant.module).read_text()
    assert source.count(mutant.lines) == 1, "the mutant is of another version of the code"
    if effort < EFFORT:
        pytest.skip(f"the suite is run against mutants under --effort {EFFORT}")
    suite = judged(tmp_path, mutant.module, source.replace(mutant.lines, mutant.instead))

    tally["safeguard taken out", DETECTED if suite.returncode == 1 else SILENT] += 1
    assert suite.returncode == 1, suite.stdout[-2000:]
    assert "stopping after 1 failures" in suite.stdout


def test_the_suite_passes_where_nothing_is_gone(tmp_path: Path, effort: int) -> None:
    """Else every mutant would seem to be noticed."""
    if effort < EFFORT:
        pytest.skip(f"the suite is run against mutants under --effort {EFFORT}")

    for module in ("eventlog/log.py", "engine/checkpoint.py"):
        suite = judged(tmp_path / module, module, (ROOT / module).read_text())
        assert suite.returncode == 0, suite.stdout[-2000:]


def judged(place: Path, module: str, source: str) -> subprocess.CompletedProcess[str]:
    """Run the suite in a copy of the packages in which a module has this source."""
    for name in ("eventlog", "engine", "tests", "fixtures/format-1", "fixtures/format-2"):
        shutil.copytree(ROOT / name, place / name)
    shutil.copy(ROOT / "pyproject.toml", place)
    (place / module).write_text(source)
    suite = CHECKPOINTS if module.startswith("engine/") else SUITE
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", *suite],
        cwd=place,
        capture_output=True,
        text=True,
    )
