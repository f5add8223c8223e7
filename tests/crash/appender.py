"""A real process that writes until it is killed, again and again, on command.

Each line on its standard input is ``directory work call name nth``. For each it forks a life that
does the work, and prints its process number and then what was acknowledged to it, step by step:

* ``log``: append quotes that say their own offset, and print how many records are durable; seal now
  and then, at once or in two parts;
* ``checkpoints``: keep the states of a walker, and print after which offset the last one stands.

The life kills itself with SIGKILL at the ``nth``-th of those calls that change something whose
name is ``call`` and whose file's name ends in ``name`` (``any`` for whichever): so a kill is aimed
into recovery, a roll, sealing, a retention. With 0 it does not. When it was killed, ``dead`` is
printed; when it came to its end, ``ended``.
"""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from engine import checkpoint
from engine.checkpoint import Checkpoints
from engine.state import digest
from eventlog.log import Log
from eventlog.schema import encode
from eventlog.sealing import Prepared, prepare
from eventlog.storage import Disk, File
from tests.support.strategies import quote
from tests.support.walker import History, Walker

SEGMENT_BYTES = 1 << 14
COMMITS = 2_000
WALKED_TICKS = 3
"""How far the walker goes from one offset to the next."""


class Point(NamedTuple):
    """Which call is a life's last: the ``nth``-th that fits."""

    call: str
    name: str
    nth: int


class DyingDisk(Disk):
    """The real filesystem, until a call that changes it."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._left = point.nth

    def count(self, call: str, path: Path) -> None:
        """Count a call and die if it was the last."""
        if self._point.call in ("any", call) and (
            self._point.name == "any" or path.name.endswith(self._point.name)
        ):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def create(self, path: Path) -> File:
        self.count("create", path)
        return DyingFile(self, path, super().create(path))

    def open(self, path: Path) -> File:
        self.count("open", path)
        return DyingFile(self, path, super().open(path))

    def open_synced(self, path: Path) -> File:
        self.count("open", path)
        return DyingFile(self, path, super().open_synced(path))

    def rename(self, source: Path, target: Path) -> None:
        self.count("rename", target)
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self.count("unlink", path)
        super().unlink(path)

    def fsync_dir(self, path: Path) -> None:
        self.count("fsync_dir", path)
        super().fsync_dir(path)


class DyingFile:
    """A file of a `DyingDisk`; it may die in the middle of a write."""

    def __init__(self, disk: DyingDisk, path: Path, file: File) -> None:
        self._disk, self._path, self._file = disk, path, file

    def pwrite(self, data: bytes, position: int) -> None:
        half = len(data) // 2
        self._file.pwrite(data[:half], position)
        self._disk.count("pwrite", self._path)
        self._file.pwrite(data[half:], position + half)

    def fdatasync(self) -> None:
        self._disk.count("fdatasync", self._path)
        self._file.fdatasync()

    def fsync(self) -> None:
        self._disk.count("fsync", self._path)
        self._file.fsync()

    def is_named(self, path: Path) -> bool:
        return self._file.is_named(path)

    def close(self) -> None:
        self._file.close()


def append(directory: Path, disk: Disk) -> None:
    """Append, a few at once, sealing now and then."""
    prepared: list[Prepared] = []
    with Log.open(directory, storage=disk, segment_bytes=SEGMENT_BYTES) as log:
        for _ in range(COMMITS):
            count = 1 + log.end % 3
            log.append([quote(log.end + row) for row in range(count)])
            os.write(1, b"%d\n" % log.end)
            for ready in prepared:
                log.commit_seal(ready)
            prepared.clear()
            if log.end % 20 < 3:
                log.seal()
            elif log.end % 10 < 3:
                prepared += [prepare(work, storage=disk) for work in log.sealable()]


def keep(directory: Path, disk: Disk) -> None:
    """Restore and keep on, a snapshot now and then, prepared beside, deltas between."""
    log, beside = History(1 << 40), ThreadPoolExecutor(1)
    checkpoints = Checkpoints(directory, storage=disk, in_background=beside.submit)
    checkpoint.SNAPSHOT_RECORDS_MAX = 7
    found = checkpoints.restore(log)
    offset = -1 if found is None else found.offset
    walker = walked(offset)
    assert found is None or digest(found.state) == digest(walker.state())
    for _ in range(COMMITS):
        offset += 1
        walker.walk(WALKED_TICKS)
        checkpoints.keep(walker, offset=offset, chain=log.chain(offset))
        os.write(1, b"%d\n" % offset)


def walked(offset: int) -> Walker:
    """Return a walker as it is after an offset, -1 for one that has not moved."""
    return Walker().walk(WALKED_TICKS * (offset + 1))


WORKS = {"log": append, "checkpoints": keep}


def main() -> None:
    """Fork one life after the other."""
    # pyarrow loads pandas when it makes the first array of a list: once here, not in every life.
    encode([quote(0)], first_offset=0)
    for line in sys.stdin:
        directory, work, call, name, nth = line.split()
        child = os.fork()
        if child == 0:
            os.write(1, b"%d\n" % os.getpid())
            WORKS[work](Path(directory), DyingDisk(Point(call, name, int(nth))))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.write(1, b"dead\n" if os.WIFSIGNALED(status) else b"ended\n")


if __name__ == "__main__":
    main()
