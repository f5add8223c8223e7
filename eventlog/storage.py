"""All calls to the filesystem by which the log and the checkpoints become durable.

They form one small protocol, so that tests can use a simulated filesystem that loses, tears,
reorders or refuses any of them. Assumptions about the real filesystem:

* ``fdatasync``, ``fsync``, and a write into a file that was opened with ``O_DSYNC``, return only
  when the bytes are on stable storage;
* a write damages no byte outside of itself, and leaves each 512-byte sector either old or new;
* there is no order between writes that were not synced, and a rename or a new directory entry is
  durable only after the directory was synced.

A failed call raises `OSError`; nothing here retries it. (An interrupted system call is repeated
by Python itself, PEP 475.)
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from eventlog import lock as locks

TEMPORARY = ".tmp"
"""Suffix of a file that is not published yet. Such files may be deleted at any time."""

IDENTITY_BYTES = 16


class File(Protocol):
    """A file that is being written. Keep it open until synced: the kernel reports errors to it."""

    def pwrite(self, data: bytes, position: int) -> None:
        """Write all of ``data`` at a byte position."""

    def fdatasync(self) -> None:
        """Return when the file's bytes, and the size needed to read them, are durable."""

    def fsync(self) -> None:
        """Return when the file's bytes and all its metadata are durable."""

    def is_named(self, path: Path) -> bool:
        """Return whether a path still names this file, and not another or none."""

    def close(self) -> None:
        """Close the file."""


class Lock(Protocol):
    """An exclusive lock on a path until `release` or the end of the process."""

    @property
    def settled(self) -> bool:
        """Whether no earlier holder can still be writing.

        True if earlier holders released the lock, or if the system that keeps it knows that they
        have ended. On another file or another system they may still be alive; then nothing may be
        written to a file that they may have open.
        """

    def is_named(self, path: Path) -> bool:
        """Return whether the path still names the locked file."""

    def release(self) -> None:
        """Release the lock."""


class Storage(Protocol):
    """A filesystem. Paths may be absolute or relative."""

    def create(self, path: Path) -> File:
        """Return a new empty file, which replaces an existing one."""

    def open(self, path: Path) -> File:
        """Return an existing file for writing."""

    def open_synced(self, path: Path) -> File:
        """Return an existing file for writing, where each write returns only when durable."""

    def read(self, path: Path, position: int, size: int) -> bytes:
        """Return up to ``size`` bytes; fewer only where the file ends."""

    def exists(self, path: Path) -> bool:
        """Return whether a file or directory of this name exists."""

    def size(self, path: Path) -> int:
        """Return the size of a file in bytes."""

    def forget(self, path: Path) -> None:
        """Drop a file from the page cache, so that the next read comes from the device."""

    def rename(self, source: Path, target: Path) -> None:
        """Rename a file within its directory, replacing a file of the new name."""

    def unlink(self, path: Path) -> None:
        """Remove a file."""

    def listdir(self, path: Path) -> list[str]:
        """Return the sorted names in a directory."""

    def mkdir(self, path: Path) -> None:
        """Create one directory; it may exist already."""

    def fsync_dir(self, path: Path) -> None:
        """Return when the names in a directory are durable."""

    def lock(self, path: Path) -> Lock | None:
        """Return an exclusive lock, or ``None`` if another holder has it."""

    def locked(self, path: Path) -> bool:
        """Return whether a process holds the lock; changes nothing."""

    def free_bytes(self, path: Path) -> int:
        """Return the free bytes of the filesystem of a path."""

    def random_identity(self) -> bytes:
        """Return `IDENTITY_BYTES` random bytes."""


class _DiskFile:
    def __init__(self, path: Path, flags: int) -> None:
        self._descriptor = locks.opened(path, flags)
        self._identity = locks.identity_of(os.fstat(self._descriptor))

    def pwrite(self, data: bytes, position: int) -> None:
        written = os.pwrite(self._descriptor, data, position)
        while written < len(data):
            written += os.pwrite(self._descriptor, memoryview(data)[written:], position + written)

    def fdatasync(self) -> None:
        os.fdatasync(self._descriptor)

    def fsync(self) -> None:
        os.fsync(self._descriptor)

    def is_named(self, path: Path) -> bool:
        return locks.names(path, self._identity)

    def close(self) -> None:
        os.close(self._descriptor)


class Disk:
    """The real filesystem, through the system calls of the same names."""

    def create(self, path: Path) -> File:
        """Open with ``O_CREAT | O_TRUNC``."""
        return _DiskFile(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def open(self, path: Path) -> File:
        """Open for reading and writing."""
        return _DiskFile(path, os.O_RDWR)

    def open_synced(self, path: Path) -> File:
        """Open with ``O_DSYNC``: one call where a write and a ``fdatasync`` would be two."""
        return _DiskFile(path, os.O_RDWR | os.O_DSYNC)

    def read(self, path: Path, position: int, size: int) -> bytes:
        """Open, ``pread`` until there is enough or the file ends, close."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(descriptor, size, position)
            # One call returns at most 2 GiB less a page, and may always return less.
            while len(data) < size:
                more = os.pread(descriptor, size - len(data), position + len(data))
                if not more:
                    break
                data += more
            return data
        finally:
            os.close(descriptor)

    def exists(self, path: Path) -> bool:
        """``stat``."""
        return path.exists()

    def size(self, path: Path) -> int:
        """``stat``."""
        return path.stat().st_size

    def forget(self, path: Path) -> None:
        """``posix_fadvise(POSIX_FADV_DONTNEED)``, where there is such a call."""
        if hasattr(os, "posix_fadvise"):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """``rename``."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """``unlink``."""
        path.unlink()

    def listdir(self, path: Path) -> list[str]:
        """``readdir``, sorted: a directory has no order of its own."""
        return sorted(os.listdir(path))  # noqa: PTH208 - names are wanted, not paths

    def mkdir(self, path: Path) -> None:
        """``mkdir``."""
        path.mkdir(exist_ok=True)

    def fsync_dir(self, path: Path) -> None:
        """``fsync`` of the directory itself."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> Lock | None:
        """``flock(LOCK_EX | LOCK_NB)`` on the file, created if missing; see `eventlog.lock`."""
        return locks.acquire(path)

    def locked(self, path: Path) -> bool:
        """Try ``flock(LOCK_SH | LOCK_NB)`` and release it at once."""
        return locks.is_held(path)

    def free_bytes(self, path: Path) -> int:
        """``statvfs``: the bytes available to users other than root."""
        filesystem = os.statvfs(path)
        return filesystem.f_bavail * filesystem.f_frsize

    def random_identity(self) -> bytes:
        """``getrandom``, through `os.urandom`."""
        return os.urandom(IDENTITY_BYTES)


DISK = Disk()


def read_all(storage: Storage, path: Path) -> bytes:
    """Return a whole file."""
    return storage.read(path, 0, storage.size(path))


def make_directory(storage: Storage, path: Path) -> None:
    """Create a directory and its parents, so that each name is durable.

    A directory that exists is synced into its parent too, because an earlier attempt may have been
    interrupted between creating it and syncing it.
    """
    if not storage.exists(path.parent):
        make_directory(storage, path.parent)
    storage.mkdir(path)
    storage.fsync_dir(path.parent)


def write_temporary(storage: Storage, path: Path, parts: Iterable[bytes]) -> Path:
    """Write the parts in order to a durable file of a temporary name, and return its path.

    The name is unique, so that no other writer writes to the same file.
    """
    temporary = path.with_name(f"{storage.random_identity().hex()}.{path.name}{TEMPORARY}")
    file = storage.create(temporary)
    try:
        position = 0
        for part in parts:
            file.pwrite(part, position)
            position += len(part)
        file.fsync()
    finally:
        file.close()
    return temporary


def put_in_place(storage: Storage, temporary: Path, path: Path) -> None:
    """Rename a temporary file atomically to its name; return when the name is durable."""
    storage.rename(temporary, path)
    storage.fsync_dir(path.parent)


def publish(
    storage: Storage,
    path: Path,
    parts: Iterable[bytes],
    *,
    check: Callable[[], object] = lambda: None,
) -> None:
    """Write a file atomically: temporary, fsync, rename, fsync of the directory.

    After a crash at any point ``path`` is either unchanged or the whole new file. ``check`` is
    called just before the rename and may raise; then nothing has changed.
    """
    temporary = write_temporary(storage, path, parts)
    check()
    put_in_place(storage, temporary, path)
