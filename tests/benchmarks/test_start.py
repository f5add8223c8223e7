"""How long a start takes: of a command that only looks, and of each thing that is opened for it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from feeds import clock
from tests.benchmarks.journals import NAME, invent

RECORDS = [int(each) for each in os.environ.get("TRADER_BENCH_RECORDS", "100000").split()]
ROUNDS = int(os.environ.get("TRADER_BENCH_ROUNDS", "11"))
BARE = (sys.executable, "-c", "import pyarrow, numpy, typer")
COMMANDS = (["--help"], ["status"], ["why"], ["log", "-o", "-5"], ["checkpoints"])

OPENING = """
import json, sys
import pyarrow.parquet  # which the log imports when it first reads a sealed segment
from pathlib import Path
from analysis.status import look
from engine.checkpoint import Checkpoints
from engine.identity import step_identity
from eventlog.log import Log
from eventlog.reader import Reader
from feeds.clock import monotonic_s
from journal.header import header_of
from journal.layout import JournalPath
from journal.reading import prices, scan, sessions, totals

place, seconds = JournalPath(Path(sys.argv[1]), sys.argv[2]), {}

def timed(name, action):
    began_s = monotonic_s()
    found = action()
    seconds[name] = monotonic_s() - began_s
    return found

if sys.argv[3] == "status":
    reader = timed("open for reading", lambda: Reader.open(place.log))
    timed("status", lambda: look(place, reader))
else:
    with timed("open for writing", lambda: Log.open(place.log)) as log:
        timed("identity of step", step_identity)
        timed("header", lambda: header_of(log, place))
        timed("newest session", lambda: sessions.check_newest(log, place))
        timed("newest state", lambda: Checkpoints(place.checkpoints).restore(log))
        timed("totals", lambda: totals.since_beginning(log))
        timed("first price", lambda: prices.first(log))
        timed("newest price", lambda: prices.newest(place, log))
        timed("session before", lambda: scan.predecessor_of(log))
        timed("trades known", lambda: scan.deduplicator_of(log))
print(json.dumps(seconds))
"""
"""What `trader status` and the start of `trader live` ask of a journal, once all is imported."""


@pytest.fixture(scope="module", params=RECORDS, ids="{:,} records".format)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of so many records; TRADER_BENCH_HOME for one that is there."""
    if there := os.environ.get("TRADER_BENCH_HOME"):
        return Path(there)
    made = tmp_path_factory.mktemp("start")
    invent(made, request.param // 2)
    return made


def test_a_command_that_only_looks(home: Path) -> None:
    """Prints seconds of wall time, in turns."""
    trader = str(Path(sys.executable).with_name("trader"))
    lines = [list(BARE)]
    lines += [
        [trader, *words, *(() if words == ["--help"] else ("--home", str(home)))]
        for words in COMMANDS
    ]
    taken: list[list[float]] = [[] for _ in lines]
    for _ in range(ROUNDS):
        for line, seconds in zip(lines, taken, strict=True):
            started_s = clock.monotonic_s()
            subprocess.run(line, stdout=subprocess.DEVNULL, check=True)
            seconds.append(clock.monotonic_s() - started_s)
    print()
    for line, seconds in zip(lines, taken, strict=True):
        words = "bare imports" if line == list(BARE) else "trader " + " ".join(line[1:2])
        ratio = median(mine / bare for mine, bare in zip(seconds, taken[0], strict=True))
        print(
            f"{words:18} least {min(seconds):.2f} s, p50 {median(seconds):.2f} s, ratio {ratio:.2f}"
        )


@pytest.mark.parametrize("start", ["status", "live"])
def test_opening_beyond_imports(home: Path, start: str) -> None:
    """Prints seconds of each thing that a start asks of a journal, each time in a new process."""
    taken: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        line = [sys.executable, "-c", OPENING, str(home), NAME, start]
        asked = subprocess.run(line, stdout=subprocess.PIPE, check=True)
        said = json.loads(asked.stdout)
        for what, seconds in {**said, f"{start}, in all": sum(said.values())}.items():
            taken.setdefault(what, []).append(seconds)
    print()
    for what, times in taken.items():
        print(f"{what:18} least {min(times):.3f} s, p50 {median(times):.3f} s")
