"""The lock of a log's one writer, on a real filesystem: who holds it, and who held it before.

``flock`` arbitrates between the processes of one machine that lock the *same file*. It says nothing
of a file that was deleted and made again, of a copy, of another machine, or of a filesystem that
takes locks and does not keep them. So the file says who wrote into it last: which file it was, in
which boot of which machine, and whether that writer has let go in good order. From that follows
whether an earlier holder can still be writing, which is what `Claim.settled` says.

A line: a JSON object, a blank, the CRC-32C of the object in hexadecimal. An empty file, as earlier
versions left it, says nothing.
"""

import errno
import fcntl
import json
import os
from itertools import count
from pathlib import Path

from crc32c import crc32c

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ATTEMPTS = 8
_CLAIMS = count()
_BYTES_MAX = 4096
WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
"""How a filesystem says that it has no locks."""


class Claim:
    """A lock that is held. Ends with `release`, or with the process."""

    def __init__(self, descriptor: int) -> None:
        """Write into a file, which is locked, who holds it."""
        self._descriptor = descriptor
        self._identity = identity_of(os.fstat(descriptor))
        boot = _boot()
        before = _said(os.pread(descriptor, _BYTES_MAX, 0))
        self.settled = (
            before is not None
            and before.get("file") == list(self._identity)
            and (before.get("held") is False or (boot != "" and before.get("boot") == boot))
        )
        self._fields: dict[str, object] = {
            "held": True,
            "process": os.getpid(),
            "boot": boot,
            "file": list(self._identity),
            "claim": next(_CLAIMS),
        }
        self._write()

    def is_named(self, path: Path) -> bool:
        """Say whether the path is still that of the file that is locked."""
        return names(path, self._identity)

    def release(self) -> None:
        """Give the lock back, and say in the file that it was."""
        try:
            # Unless somebody else has written into it, where locks are not kept.
            said = _said(os.pread(self._descriptor, _BYTES_MAX, 0))
            if said == self._fields:
                self._fields["held"] = False
                self._write()
        except OSError:
            pass  # the next one then takes it for one that was killed
        finally:
            os.close(self._descriptor)

    def _write(self) -> None:
        text = json.dumps(self._fields).encode()
        line = text + b" %08x\n" % crc32c(text)
        os.pwrite(self._descriptor, line, 0)
        os.ftruncate(self._descriptor, len(line))
        os.fsync(self._descriptor)


def acquire(path: Path) -> Claim | None:
    """Return the lock of a file, which is made if there is none; ``None`` if another holds it.

    Raises:
        OSError: ``ENOLCK`` if the filesystem takes locks and does not keep them; what else the
            system refuses.
    """
    for _ in range(_ATTEMPTS):
        descriptor = opened(path, os.O_RDWR | os.O_CREAT)
        try:
            # flock and not fcntl: POSIX record locks vanish when any descriptor is closed.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if names(path, identity_of(os.fstat(descriptor))):
                _check_kept(path)
                return Claim(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        # Deleted between opening and locking it: that lock keeps nobody out.
        os.close(descriptor)
    return None


def _check_kept(path: Path) -> None:
    """Raise ``ENOLCK`` if a lock that was just taken keeps nobody out."""
    if not is_held(path):
        raise OSError(errno.ENOLCK, "the filesystem does not keep locks", str(path))


def is_held(path: Path) -> bool:
    """Say whether somebody holds the lock of a file: try to share it, and let go at once."""
    try:
        descriptor = opened(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def opened(path: Path, flags: int) -> int:
    """Return a descriptor of a file, made for everybody to read, that is none of 0, 1 and 2."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    if descriptor <= 2:
        # Whoever prints to a closed stdout would print into the log: the numbers 0 to 2 have
        # destroyed databases (sqlite.org/howtocorrupt.html, section 2.1).
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(descriptor)
        descriptor = moved
    return descriptor


def identity_of(status: os.stat_result) -> tuple[int, int]:
    """Return the device and the inode: the file itself, whatever names it."""
    return status.st_dev, status.st_ino


def names(path: Path, identity: tuple[int, int]) -> bool:
    """Say whether a path names that very file. It costs a microsecond: every append asks."""
    try:
        status = os.stat(path)  # noqa: PTH116 - half of the cost of Path.stat
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == identity


def problem(data: bytes) -> str:
    """Return what is wrong with the bytes of a lock file that nobody holds, or nothing."""
    known = not data or _said(data) is not None
    return "" if known else "what it says of its holder does not check"


def _said(data: bytes) -> dict[str, object] | None:
    text, _, check = data.rpartition(b" ")
    if check != b"%08x\n" % crc32c(text):
        return None
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _boot() -> str:
    """Return what no other boot of no other machine has, or nothing where that is not told."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
