"""Faults of the operating system under a whole process, C++ and all: limits, a full disk, libfiu.

What has to hold is what holds of a refused call: the error ends the writer, nothing is acknowledged
after it, and everything that was acknowledged before is there.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.errors import NoLog
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from tests.support.faults import DETECTED, LOST, Tally
from tests.support.workloads import numbers

ROOT = Path(__file__).parents[2]
LIBFIU = tuple(Path("/usr/lib/fiu", f"fiu_{name}_preload.so") for name in ("run", "posix"))
PATIENCE_S = 300.0
APPENDING = """
import os, sys
from pathlib import Path
from eventlog.errors import WriteFailed
from eventlog.log import Log
from tests.support.strategies import quote

try:
    with Log.open(Path(sys.argv[1]), segment_bytes=1 << 14) as log:
        while log.end < 3000:
            log.append([quote(log.end)])
            os.write(1, b"%d\\n" % log.end)
            if log.end % 100 == 0:
                log.seal()
except WriteFailed as error:
    print(error, file=sys.stderr)
    sys.exit(21)
"""


def appended(
    log: Path, *, faults: dict[str, str] | None = None, file_bytes: int | None = None
) -> tuple[int, int, str]:
    """Let a process append to a log; return its exit code, how many it was promised, its words."""

    def limited() -> None:
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    done = subprocess.run(
        [sys.executable, "-c", APPENDING, str(log)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(faults or {})},
        timeout=PATIENCE_S,
        preexec_fn=limited,
    )
    said = done.stdout.split()
    return done.returncode, int(said[-1]) if said else 0, done.stderr


def judge(log: Path, promised: int, fault: str, tally: Tally) -> None:
    """Open the log on a sound system: everything promised is there, and it goes on."""
    try:
        assert all(finding.repairable for finding in check(log))
    except NoLog:
        assert promised == 0
    with Log.open(log) as writer:
        tally[fault, DETECTED] += 1
        tally[fault, LOST] += max(promised - writer.end, 0)
        assert writer.end >= promised
        assert numbers(writer) == list(range(writer.end))
    assert numbers(Reader.open(log)) == list(range(writer.end))
    assert check(log) == []


def test_a_file_that_may_not_grow_ends_the_writer(
    tmp_path: Path, effort: int, seed: int, tally: Tally
) -> None:
    """RLIMIT_FSIZE: writes come short, then are refused with EFBIG."""
    draws = random.Random(f"{seed} limit")
    fault = "file size limit (short writes, EFBIG)"
    for number in range(2 * effort):
        log = tmp_path / str(number)
        # Room for no segment at all, or for the open ones and not for what is sealed of them.
        code, promised, words = appended(log, file_bytes=draws.choice([300, 9_000, 18_500]))
        assert (code, "the device refused" in words) == (21, True), words
        judge(log, promised, fault, tally)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A filesystem in memory with little room."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here: it needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_ends_the_writer(
    small: Path, tmp_path: Path, effort: int, seed: int, tally: Tally
) -> None:
    """ENOSPC, wherever it comes: at the segment, the Parquet file, the manifest, the watermark."""
    draws = random.Random(f"{seed} full")
    for number in range(2 * effort):
        for path in small.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (small / "ballast").write_bytes(bytes(draws.randrange(110_000)))
        code, promised, words = appended(small / "log")
        assert (code, "No space left" in words) == (21, True), words
        (small / "ballast").unlink()
        moved = tmp_path / f"log-{number}"
        shutil.copytree(small / "log", moved)
        judge(moved, promised, "full disk (tmpfs)", tally)


@pytest.mark.parametrize("point", ["posix/io/sync/*", "posix/io/rw/pwrite", "posix/io/dir/rename"])
def test_system_calls_that_fail_end_the_writer(
    point: str, tmp_path: Path, effort: int, seed: int, tally: Tally
) -> None:
    """libfiu makes one call in thirty fail under everything that the process does."""
    if effort < 2:
        pytest.skip("part of the long campaign: --effort 2 or more")
    if not all(library.exists() for library in LIBFIU):
        pytest.skip("libfiu is not installed (Debian: fiu-utils)")
    # Not by fiu-run: that also opens a pipe for commands, in a thread on which an exit may wait.
    # And without Arrow's allocator thread: libfiu's lock and the loader's can wait for each other.
    faults = {
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "FIU_ENABLE": f"enable_random name={point},probability=0.03",
        "LD_PRELOAD": " ".join(map(str, LIBFIU)),
    }
    for number in range(effort):
        log = tmp_path / str(number)
        code, promised, words = appended(log, faults=faults)
        assert code == 21, words
        judge(log, promised, "failing system calls (libfiu)", tally)
