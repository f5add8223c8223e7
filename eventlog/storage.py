"""The calls to the filesystem that everything durable here makes, and no others.

They are behind one small protocol so that a simulated filesystem can stand in for the real one and
lose, tear, reorder or refuse any of them. What is assumed of the real one is stated here:

* ``fdatasync``, ``fsync``, and a write into a file that was opened with ``O_DSYNC``, return only
  when the bytes are on stable storage;
* a write damages no byte outside of itself, and leaves each 512-byte sector either old or new;
* there is no order between writes that were not synced, and a rename or a new directory entry is
  durable only after the directory was synced.

A failed call raises `OSError` and nothing here retries one. (An interrupted system call is repeated
by Python itself, PEP 475.)
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from eventlog import lock as locks

TEMPORARY = ".tmp"
"""What the name of a file ends in until it is published. Such files may be deleted at any time."""

IDENTITY_BYTES = 16


class File(Protocol):
    """A file that is being written. Keep it open until it is synced: errors belong to it."""

    def pwrite(self, data: bytes, position: int) -> None:
        """Write all of ``data`` at a byte position."""

    def fdatasync(self) -> None:
        """Return when the file's bytes, and the size that reaching them needs, are durable."""

    def fsync(self) -> None:
        """Return when the file's bytes and all that the filesystem knows of it are durable."""

    def is_named(self, path: Path) -> bool:
        """Say whether a path still names this very file, and not another or none."""

    def close(self) -> None:
        """Let go of the file."""


class Lock(Protocol):
    """An exclusive claim on a path, given back by `release` or by the end of the process."""

    @property
    def settled(self) -> bool:
        """Whether nobody who held it before can still be writing.

        They let go, or the system that keeps the lock knows that they are gone. Where the file is
        another one than theirs, or the system is, they may be alive, and nothing may be written to
        a file that they may have open.
        """

    def is_named(self, path: Path) -> bool:
        """Say whether the path still names what is locked."""

    def release(self) -> None:
        """Give it back."""


class Storage(Protocol):
    """A filesystem. Paths are absolute or relative as the caller likes."""

    def create(self, path: Path) -> File:
        """Return a new empty file, in place of one that may be there."""

    def open(self, path: Path) -> File:
        """Return an existing file, to write into."""

    def open_synced(self, path: Path) -> File:
        """Return an existing file, each write into which returns only when it is durable."""

    def read(self, path: Path, position: int, size: int) -> bytes:
        """Return up to ``size`` bytes; fewer only where the file ends."""

    def exists(self, path: Path) -> bool:
        """Say whether there is a file or directory of this name."""

    def size(self, path: Path) -> int:
        """Return how many bytes a file has."""

    def forget(self, path: Path) -> None:
        """Ask that the next read comes from the device and not from the page cache."""

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name in the same directory, replacing what has that name."""

    def unlink(self, path: Path) -> None:
        """Remove a file."""

    def listdir(self, path: Path) -> list[str]:
        """Return the sorted names in a directory."""

    def mkdir(self, path: Path) -> None:
        """Make one directory; it may exist already."""

    def fsync_dir(self, path: Path) -> None:
        """Return when the names in a directory are durable."""

    def lock(self, path: Path) -> Lock | None:
        """Return an exclusive lock, or ``None`` if another holder has it."""

    def locked(self, path: Path) -> bool:
        """Say whether somebody holds the lock, changing nothing."""

    def free_bytes(self, path: Path) -> int:
        """Return how many bytes can still be written to the filesystem of a path."""

    def random_identity(self) -> bytes:
        """Return `IDENTITY_BYTES` bytes that no other log has."""


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
        """``flock(LOCK_EX | LOCK_NB)`` on the file, made if there is none; see `eventlog.lock`."""
        return locks.acquire(path)

    def locked(self, path: Path) -> bool:
        """Try ``flock(LOCK_SH | LOCK_NB)`` and let go at once."""
        return locks.is_held(path)

    def free_bytes(self, path: Path) -> int:
        """``statvfs``: what is left for those who are not root."""
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
    """Make a directory and those above it, so that each name is durable.

    A directory that exists is synced into its parent all the same: an earlier attempt may have been
    interrupted between making it and syncing it.
    """
    if not storage.exists(path.parent):
        make_directory(storage, path.parent)
    storage.mkdir(path)
    storage.fsync_dir(path.parent)


def write_temporary(storage: Storage, path: Path, parts: Iterable[bytes]) -> Path:
    """Write the parts, one after the other, to a durable file that is not ``path`` yet.

    Its name is nobody else's: what one writer publishes is not written to by another.
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
    """Give a temporary file its name. It is there, whole, or not there; then it is durable."""
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

    After a crash at any point ``path`` is what it was before or all of the new file. ``check`` is
    called just before it is given its name, and may raise: then nothing has changed.
    """
    temporary = write_temporary(storage, path, parts)
    check()
    put_in_place(storage, temporary, path)
