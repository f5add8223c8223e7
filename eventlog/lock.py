"""The lock of a log's single writer on a real filesystem: its present and its last holder.

``flock`` arbitrates between processes of one machine that lock the *same file*. It does not help
with a file that was deleted and created again, a copy, another machine, or a filesystem that
accepts locks and does not keep them. So the file records its last holder: which file it locked, in
which boot of which machine, and whether it released the lock. This decides whether an earlier
holder may still be writing (`Claim.settled`).

The file is one line: a JSON object, a blank, the CRC-32C of the object in hexadecimal. Earlier
versions left it empty, which gives no information.
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
"""The errors by which a filesystem reports that it has no locks."""


class Claim:
    """A lock that is held until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        """Record the holder in a file that is locked."""
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
        """Return whether the path still names the locked file."""
        return names(path, self._identity)

    def release(self) -> None:
        """Release the lock, and record that in the file."""
        try:
            # Not if another holder has written into it, on a filesystem that keeps no locks.
            said = _said(os.pread(self._descriptor, _BYTES_MAX, 0))
            if said == self._fields:
                self._fields["held"] = False
                self._write()
        except OSError:
            pass  # the next holder then assumes that this one was killed
        finally:
            os.close(self._descriptor)

    def _write(self) -> None:
        text = json.dumps(self._fields).encode()
        line = text + b" %08x\n" % crc32c(text)
        os.pwrite(self._descriptor, line, 0)
        os.ftruncate(self._descriptor, len(line))
        os.fsync(self._descriptor)


def acquire(path: Path) -> Claim | None:
    """Return the lock of a file, which is created if missing; ``None`` if another holds it.

    Raises:
        OSError: ``ENOLCK`` if the filesystem accepts locks and does not keep them; or another error
            of the system.
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
        # Deleted between opening and locking it: that lock excludes no other process.
        os.close(descriptor)
    return None


def _check_kept(path: Path) -> None:
    """Raise ``ENOLCK`` if a lock that was just taken does not exclude a second one."""
    if not is_held(path):
        raise OSError(errno.ENOLCK, "the filesystem does not keep locks", str(path))


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock of a file: try to share it, and release at once."""
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
    """Return a descriptor above 2 of a file, which is created readable for everyone."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    if descriptor <= 2:
        # With descriptor 0, 1 or 2, output to a closed stdout or stderr would go into the log. This
        # has destroyed databases (sqlite.org/howtocorrupt.html, section 2.1).
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(descriptor)
        descriptor = moved
    return descriptor


def identity_of(status: os.stat_result) -> tuple[int, int]:
    """Return device and inode, which identify a file whatever its name."""
    return status.st_dev, status.st_ino


def names(path: Path, identity: tuple[int, int]) -> bool:
    """Return whether a path names that file; a microsecond, since every append calls it."""
    try:
        status = os.stat(path)  # noqa: PTH116 - half of the cost of Path.stat
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == identity


def problem(data: bytes) -> str:
    """Return the problem of the bytes of a lock file that is not held, or an empty string."""
    known = not data or _said(data) is not None
    return "" if known else "the checksum of its content is wrong"


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
    """Return the identity of this boot of this machine, or an empty string if unknown."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
