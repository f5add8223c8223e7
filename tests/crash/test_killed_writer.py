"""SIGKILL of a real process on a real filesystem, again and again on the same files."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.checkpoint import Checkpoints
from engine.state import digest
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from tests.crash.appender import Point, walked
from tests.support.faults import HARMLESS, LOST, Tally
from tests.support.walker import History
from tests.support.workloads import numbers

APPENDER = Path(__file__).with_name("appender.py")
ROOT = APPENDER.parents[2]

LOG_POINTS = {
    "recovery: the torn bytes are being copied": ("pwrite", ".torn.tmp"),
    "recovery: the copy is not synced": ("fsync", ".torn.tmp"),
    "recovery: the copy has no name": ("rename", ".torn"),
    "recovery: the copy's name is not durable": ("fsync_dir", "quarantine"),
    "recovery or append: half is written": ("pwrite", ".open"),
    "recovery: nothing is synced": ("fdatasync", ".open"),
    "opening: the watermark has no name": ("rename", "mark"),
    "a commit is not noted": ("pwrite", "mark"),
    "a roll: the next segment is being filled": ("pwrite", ".open.tmp"),
    "a roll: the next segment has no name": ("rename", ".open"),
    "a roll: the watermark is not synced": ("fdatasync", "mark"),
    "sealing S2: the file is being written": ("pwrite", ".tmp"),
    "sealing S2: the file is not synced": ("fsync", ".tmp"),
    "sealing S4: the file has no name": ("rename", ".parquet"),
    "sealing S4, S5, a roll: a name is not durable": ("fsync_dir", "log"),
    "sealing S5: the manifest has no name": ("rename", "MANIFEST"),
    "sealing S6: the segment is still there": ("unlink", ".open"),
}
CHECKPOINT_POINTS = {
    "snapshot: being written": ("pwrite", ".snapshot.tmp"),
    "snapshot: not synced": ("fsync", ".snapshot.tmp"),
    "snapshot: has no name": ("rename", ".snapshot"),
    "snapshot: its name is not durable": ("fsync_dir", "checkpoints"),
    "deltas: the file is new": ("create", ".deltas"),
    "deltas: half is written": ("pwrite", ".deltas"),
    "deltas: the zeros ahead are not synced": ("fsync", ".deltas"),
    "retention: a snapshot goes": ("unlink", ".snapshot"),
    "retention: older deltas go": ("unlink", ".deltas"),
}
"""What a kill interrupts: the call, and how the name of the file or directory ends."""

Lives = subprocess.Popen[str]


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    """A process that forks one life after the other."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(APPENDER)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


NEVER = Point("any", "any", 0)


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(
    tmp_path: Path, lives: Lives, effort: int, seed: int, tally: Tally
) -> None:
    """Killed at a chosen call of recovery, appending, rolling or sealing, then started again."""
    rng = random.Random(f"{seed} inside")
    cycles = (Point("any", "any", rng.randint(1, 120)) for _ in range(30 + 500 * (effort - 1)))
    promised = 0
    for point in cycles:
        said = life(lives, tmp_path / "log", "log", point)
        promised = after_kill(tmp_path / "log", promised, said, "SIGKILL at any call", tally)


def test_nothing_acknowledged_is_lost_when_it_is_killed_from_outside(
    tmp_path: Path, lives: Lives, effort: int, seed: int, tally: Tally
) -> None:
    """Killed by another process in the middle of whatever it does."""
    rng = random.Random(f"{seed} outside")
    promised = 0
    for _ in range(20 + 500 * (effort - 1)):
        said = life(lives, tmp_path / "log", "log", NEVER, lines=rng.randint(1, 30))
        promised = after_kill(tmp_path / "log", promised, said, "SIGKILL from outside", tally)


@pytest.mark.parametrize("what", LOG_POINTS)
def test_nothing_acknowledged_is_lost_when_it_is_killed_at(
    what: str, tmp_path: Path, lives: Lives, effort: int, seed: int, tally: Tally
) -> None:
    """Each life begins with what an interrupted write left, and is killed at the point named."""
    rng = random.Random(f"{seed} {what}")
    call, name = LOG_POINTS[what]
    log, promised = tmp_path / "log", 0
    for _ in range(1 + 3 * (effort - 1)):
        torn = life(lives, log, "log", Point("pwrite", ".open", rng.randint(3, 30)))
        promised = max(promised, torn)
        again = rng.randint(1, 1 if what.startswith(("recovery: ", "opening: ")) else 3)
        said = life(lives, log, "log", Point(call, name, again))
        promised = after_kill(log, promised, said, "SIGKILL at a named point", tally)


@pytest.mark.parametrize("what", CHECKPOINT_POINTS)
def test_no_kept_state_is_lost_when_it_is_killed_at(
    what: str, tmp_path: Path, lives: Lives, effort: int, seed: int, tally: Tally
) -> None:
    """What is restored is a state that was kept, and none older than the last one promised."""
    rng = random.Random(f"{seed} {what}")
    call, name = CHECKPOINT_POINTS[what]
    kept, promised = tmp_path / "checkpoints", -1
    for _ in range(1 + 3 * (effort - 1)):
        said = life(lives, kept, "checkpoints", Point(call, name, rng.randint(1, 5)))
        promised = max(promised, said)
        found = Checkpoints(kept).restore(History(1 << 40))
        offset = -1 if found is None else found.offset
        fault = "SIGKILL at a named point, checkpoints"
        tally[fault, HARMLESS] += 1
        tally[fault, LOST] += max(promised - offset, 0)
        assert promised <= offset
        if found is not None:
            assert digest(found.state) == digest(walked(offset).state())
            assert not found.damaged


def life(lives: Lives, place: Path, work: str, point: Point, *, lines: int = 0) -> int:
    """Let a life work until it is killed; return the last that it said was acknowledged."""
    assert lives.stdin is not None
    assert lives.stdout is not None
    lives.stdin.write(f"{place} {work} {point.call} {point.name} {point.nth}\n")
    lives.stdin.flush()
    child, said = int(lives.stdout.readline()), -1
    while (line := lives.stdout.readline()) not in ("dead\n", "ended\n"):
        said = int(line)
        lines -= 1
        if lines == 0:
            os.kill(child, signal.SIGKILL)
    assert line == "dead\n", f"{point} was never reached"
    return said


def after_kill(log: Path, promised: int, said: int, fault: str, tally: Tally) -> int:
    """Look at the log as a check, a reader and a writer; return how many are promised now.

    Once it is long it is put aside, and the next life begins a new one.
    """
    promised = max(promised, said, 0)
    if not (log / "MANIFEST").exists():
        assert promised == 0
        return 0
    assert all(finding.repairable for finding in check(log))
    reader = Reader.open(log)
    # A life that died between the sync and the watermark leaves its last commit unproven.
    assert promised - 3 <= reader.end
    assert numbers(reader) == list(range(reader.end))
    with Log.open(log) as writer:
        tally[fault, HARMLESS] += 1
        tally[fault, LOST] += max(promised - writer.end, 0)
        assert promised <= writer.end
        assert numbers(writer) == list(range(writer.end))
        promised = writer.end
    assert check(log) == []
    if promised > 600:
        log.rename(log.with_name(f"log-{len(list(log.parent.iterdir()))}"))
        return 0
    return promised
