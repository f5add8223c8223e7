"""How hard the tests of faults try, by which seed, and the table of what they did."""

import os
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings

from journal import compile_cache
from tests.support import twins
from tests.support.faults import Tally, table

# Hundreds of processes use the same few steps: whoever compiles one does it for all that follow.
# Kept beside the tests, and not where the user's own are.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parents[1] / ".cache")
compile_cache.reuse()

# No test is about time: a machine may be slow.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

EFFORT, SEED, TABLE = "--effort", "--seed", "--table"
_TALLY = pytest.StashKey[Tally]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that make a campaign of the tests of faults."""
    group = parser.getgroup("faults")
    group.addoption(EFFORT, type=int, default=1, help="how many times the usual number of faults")
    group.addoption(SEED, type=int, default=0, help="draw other faults")
    group.addoption(TABLE, type=Path, help="write what became of the faults to this file")
    parser.getgroup("twins").addoption(
        twins.FLOOR,
        type=twins.floors_of,
        metavar="PATH=PERCENT[,…]",
        help="how much of each module its own tests have to reach",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Count what each module's own tests reach, where that is asked for."""
    floors = config.getoption(twins.FLOOR)
    if floors is not None:
        config.pluginmanager.register(twins.Twins(floors))


@pytest.fixture(scope="session")
def effort(request: pytest.FixtureRequest) -> int:
    """Return how many times the usual number of faults to inject."""
    times: int = request.config.getoption(EFFORT)
    return times


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Return which faults to draw."""
    number: int = request.config.getoption(SEED)
    return number


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Return an account of faults by what became of them; the sum is printed at the end."""
    counted = Tally()
    yield counted
    request.config.stash.setdefault(_TALLY, Tally()).update(counted)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker process counted, when the tests are spread over several."""
    told = getattr(node, "workeroutput", {}).get("faults", [])
    counted = Tally({(kind, outcome): count for kind, outcome, count in told})
    node.config.stash.setdefault(_TALLY, Tally()).update(counted)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that spreads the tests, if there is one, what was counted here."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        counted = session.config.stash.get(_TALLY, Tally())
        output["faults"] = [(*key, count) for key, count in counted.items()]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table of injected faults, and write it where that was asked for."""
    total = config.stash.get(_TALLY, Tally())
    if not total:
        return
    text = table(total, _about(config))
    terminalreporter.section("injected faults")
    terminalreporter.write_line(text)
    if path := config.getoption(TABLE):
        path.write_text(text, encoding="utf-8")


def _about(config: pytest.Config) -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(asked, capture_output=True, text=True, cwd=config.rootpath)
    made_by = f"trader {version('trader')} ({commit.stdout.strip() or 'no repository'})"
    return (
        f"{made_by}, seed {config.getoption(SEED)}, effort {config.getoption(EFFORT)};"
        f" Python {platform.python_version()}, pyarrow {pa.__version__},"
        f" Linux {platform.release().split('-')[0]}"
        if platform.system() == "Linux"
        else made_by
    )
