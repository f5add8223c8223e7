"""How hard the tests of faults try, and the table of what they did."""

from collections import Counter
from collections.abc import Iterator

import pytest

EFFORT = "--effort"
_TALLY = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that turns the tests of faults into a long campaign."""
    parser.addoption(
        EFFORT, type=int, default=1, help="how many times the usual number of faults to inject"
    )


@pytest.fixture
def effort(request: pytest.FixtureRequest) -> int:
    """Return how many times the usual number of faults to inject."""
    times: int = request.config.getoption(EFFORT)
    return times


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Return a count of faults by what became of them; it is printed at the end."""
    counted: Counter[str] = Counter()
    yield counted
    total = request.config.stash.setdefault(_TALLY, Counter())
    total.update(counted)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table of injected faults."""
    total = config.stash.get(_TALLY, Counter[str]())
    if total:
        terminalreporter.section("injected faults")
        for what, count in sorted(total.items()):
            terminalreporter.write_line(f"{count:>9}  {what}")
