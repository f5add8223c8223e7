"""The measure of what a module's own tests reach."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import twins
from tests.support.twins import ROOT, Reached


def measured(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run some tests in a process of their own."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={name: text for name, text in os.environ.items() if "PYTEST" not in name},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_module_below_the_floor_fails_the_run() -> None:
    """Its tests pass; what they leave out is named by line."""
    test = "tests/eventlog/test_gaps.py"

    whole = measured(test, f"{twins.FLOOR}=eventlog=100")
    part = measured(test, "-k", "negative_length", f"{twins.FLOOR}=eventlog=100")

    assert whole.returncode == 0, whole.stdout
    assert "100.0 %     6  eventlog/gaps.py\n1 modules, 0 below" in whole.stdout
    assert part.returncode == 1
    assert " 16.7 %     6  eventlog/gaps.py  not line 19, 20, " in part.stdout
    assert "1 passed, 2 deselected" in part.stdout


def test_workers_are_added_up() -> None:
    """What each process reached counts, and the floor holds for the sum."""
    tests = ("tests/eventlog/test_gaps.py", "tests/eventlog/test_sizes.py")

    spread = measured("-n", "2", *tests, f"{twins.FLOOR}=eventlog=100,eventlog/sizes.py=90")

    assert spread.returncode == 1
    assert "100.0 %     6  eventlog/gaps.py" in spread.stdout
    assert "2 modules, 1 below" in spread.stdout


def test_other_tests_are_not_measured() -> None:
    """Where no floor is named for a path, its modules are not traced."""
    assert (
        "0 modules, 0 below"
        in measured("tests/eventlog/test_gaps.py", f"{twins.FLOOR}=engine=80").stdout
    )


def test_a_module_without_functions_is_reached_whole() -> None:
    """Nothing of it can be left out."""
    assert Reached("a.py", 0, 0, ()).percent == 100.0
    assert Reached("a.py", 4, 3, (7,)).percent == 75.0


def test_the_longest_path_counts() -> None:
    """A module's own floor before its room's; every path that has one is there."""
    plugin = twins.Twins({"engine": 80.0, "engine/step.py": 0.0})

    assert plugin.floor_of(Path("engine/step.py")) == 0.0
    assert plugin.floor_of(Path("engine/state.py")) == 80.0
    assert plugin.floor_of(Path("engineering.py")) is None
    assert all((ROOT / path).exists() for path in twins.floors_of(twins.STATED))
