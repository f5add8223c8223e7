"""SIGKILL of a real process on a real filesystem, again and again on the same log."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from tests.workloads import numbers

APPENDER = Path(__file__).with_name("appender.py")
ROOT = APPENDER.parents[2]
Lives = subprocess.Popen[str]


@pytest.fixture
def lives() -> Iterator[Lives]:
    """A process that forks one appending life after the other."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(APPENDER)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(
    tmp_path: Path, lives: Lives, effort: int, tally: Counter[str]
) -> None:
    """Killed at a chosen call of recovery, appending, rolling or sealing, then started again."""
    rng = random.Random(11)
    promised = 0
    for _ in range(30 * effort):
        said = life(lives, tmp_path / "log", calls=rng.randint(1, 120))
        promised = after_kill(tmp_path / "log", promised, said, tally)
        if promised > 600:
            promised = fresh(tmp_path)


def test_nothing_acknowledged_is_lost_when_it_is_killed_from_outside(
    tmp_path: Path, lives: Lives, effort: int, tally: Counter[str]
) -> None:
    """Killed by another process in the middle of whatever it does."""
    rng = random.Random(12)
    promised = 0
    for _ in range(30 * effort):
        said = life(lives, tmp_path / "log", lines=rng.randint(1, 100))
        promised = after_kill(tmp_path / "log", promised, said, tally)
        if promised > 600:
            promised = fresh(tmp_path)


def fresh(parent: Path) -> int:
    """Put the log aside; the next life begins a new one."""
    (parent / "log").rename(parent / f"log-{len(list(parent.iterdir()))}")
    return 0


def life(lives: Lives, log: Path, *, calls: int = 0, lines: int = 0) -> int:
    """Let a life append until it is killed; return how many it said were acknowledged."""
    assert lives.stdin is not None
    assert lives.stdout is not None
    lives.stdin.write(f"{log} {calls}\n")
    lives.stdin.flush()
    child, said = int(lives.stdout.readline()), 0
    while (line := lives.stdout.readline()) != "dead\n":
        said = int(line)
        lines -= 1
        if lines == 0:
            os.kill(child, signal.SIGKILL)
    return said


def after_kill(log: Path, promised: int, said: int, tally: Counter[str]) -> int:
    """Look at the log as a check, a reader and a writer; return how many are promised now."""
    promised = max(promised, said)
    if not (log / "MANIFEST").exists():
        assert promised == 0
        return 0
    assert all(finding.repairable for finding in check(log))
    reader = Reader.open(log)
    # A life that died between the sync and the mark leaves its last commit unproven.
    assert promised - 3 <= reader.end
    assert numbers(reader) == list(range(reader.end))
    with Log.open(log) as writer:
        assert promised <= writer.end
        assert numbers(writer) == list(range(writer.end))
        tally[f"kills, recovered by case {writer.recovery.case}, nothing acknowledged lost"] += 1
        promised = writer.end
    assert check(log) == []
    return promised
