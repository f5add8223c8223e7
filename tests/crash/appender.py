"""A real process that appends until it is killed, again and again, on command.

Each line on its standard input is ``directory calls``. For each it forks a life that opens the log,
prints its process number, appends quotes that say their own offset, prints after every commit how
many records were acknowledged, and seals now and then, at once or in two parts. With ``calls``
above 0 it kills itself with SIGKILL at that system call of those that change something: so a kill
is aimed at the middle of recovery, of a roll, of sealing. When the life has ended, ``dead`` is
printed.
"""

import os
import signal
import sys
from pathlib import Path

from eventlog.log import Log
from eventlog.schema import encode
from eventlog.sealing import Prepared, prepare
from eventlog.storage import Disk, File
from tests.strategies import quote

SEGMENT_BYTES = 1 << 14


class DyingDisk(Disk):
    """The real filesystem, until the n-th call that changes it."""

    def __init__(self, calls: int) -> None:
        self.calls_left = calls

    def count(self) -> None:
        """Count a call and die if it was the last."""
        self.calls_left -= 1
        if self.calls_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def create(self, path: Path) -> File:
        self.count()
        return DyingFile(self, super().create(path))

    def open(self, path: Path) -> File:
        self.count()
        return DyingFile(self, super().open(path))

    def rename(self, source: Path, target: Path) -> None:
        self.count()
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self.count()
        super().unlink(path)

    def fsync_dir(self, path: Path) -> None:
        self.count()
        super().fsync_dir(path)


class DyingFile:
    """A file of a `DyingDisk`; it may die in the middle of a write."""

    def __init__(self, disk: DyingDisk, file: File) -> None:
        self._disk, self._file = disk, file

    def pwrite(self, data: bytes, position: int) -> None:
        half = len(data) // 2
        self._file.pwrite(data[:half], position)
        self._disk.count()
        self._file.pwrite(data[half:], position + half)

    def fdatasync(self) -> None:
        self._disk.count()
        self._file.fdatasync()

    def fsync(self) -> None:
        self._disk.count()
        self._file.fsync()

    def close(self) -> None:
        self._file.close()


def live(directory: Path, calls: int) -> None:
    """Append for ever; a few at once, sealing now and then."""
    os.write(1, b"%d\n" % os.getpid())
    disk = DyingDisk(calls)
    prepared: list[Prepared] = []
    with Log.open(directory, storage=disk, segment_bytes=SEGMENT_BYTES) as log:
        while True:
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


def main() -> None:
    """Fork one life after the other."""
    # pyarrow loads pandas when it makes the first array of a list: once here, not in every life.
    encode([quote(0)], first_offset=0)
    for line in sys.stdin:
        directory, calls = line.split()
        child = os.fork()
        if child == 0:
            live(Path(directory), int(calls))
        os.waitpid(child, 0)
        os.write(1, b"dead\n")


if __name__ == "__main__":
    main()
