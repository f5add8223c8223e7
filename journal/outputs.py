"""Files that a command writes for the user: whole or not at all, and never into a journal.

A file appears under its name once all of it is on the disk. Until then it is a temporary file in
the same directory, which is removed if anything fails. An existing file is replaced only with
``--force``. A journal is recognised by the contents of its directory, after every link and ``..``
was followed, not by its name or the spelling of the path.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from eventlog import manifest, segment, watermark
from journal.errors import ConfigurationError, OutputFailed, UsageError

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""How filesystems without hard links refuse one."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""How a disk refuses what is written to it."""


def journal_around(path: Path) -> Path | None:
    """Return the directory of the journal, or of the log, that a path lies in, if it does."""
    real = path.resolve()
    directories = (real, *real.parents)
    journals = (each for each in directories if _is_log(each / "log"))
    return next(journals, next((each for each in directories if _is_log(each)), None))


def refuse_journal(path: Path) -> None:
    """Refuse a path that lies in a journal.

    Raises:
        UsageError: if it does; ``--force`` does not change that.
    """
    try:
        around = journal_around(path)
    except (OSError, RuntimeError) as error:  # a loop of links, a directory that may not be read
        raise UsageError(f"{path}: {error}") from error
    if around is not None:
        raise UsageError(
            f"{path} lies in the journal {around}, and only recording writes there",
            hint="Name a file elsewhere.",
        )


def check(path: Path, *, force: bool) -> None:
    """Refuse what `replacing` would refuse, before any work is done. Changes nothing.

    Raises:
        CommandError: (2) if the path lies in a journal, is there and not a file, or is there
            without ``force``; (3) if its directory cannot be written to.
    """
    refuse_journal(path)
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is there and is not a file")
    if (path.exists() or path.is_symlink()) and not force:
        raise UsageError(f"{path} is there already", hint="--force replaces it.")
    check_directory(path.resolve().parent)


def check_directory(directory: Path) -> None:
    """Refuse a directory that is not there and cannot be made, or that cannot be written to.

    Raises:
        CommandError: (2) if a part of its path is a file; (3) if it may not be written to.
    """
    nearest = directory.resolve()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise UsageError(f"{nearest} is not a directory")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{nearest}: no permission to write there")


@contextmanager
def replacing(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield the path of an empty file to write; it becomes ``path`` unless something is raised.

    Its name is unused and has the same suffix. Missing directories are created.

    Raises:
        CommandError: as `check`; (22) if the disk refuses.
        OSError: if anything else fails. Either way no temporary file is left.
    """
    check(path, force=force)
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _created_beside(target)
    try:
        yield temporary
        _sync(temporary)
        _named(temporary, target, shown=path, force=force)
        _sync(target.parent)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise OutputFailed(
            f"{path}: {os.strerror(error.errno)}", hint="Nothing of it is left there."
        ) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_text(path: Path, text: str, *, force: bool) -> int:
    """Write a text; return its size in bytes. Raises as `replacing`."""
    data = text.encode()
    with replacing(path, force=force) as temporary:
        temporary.write_bytes(data)
    return len(data)


def _created_beside(target: Path) -> Path:
    """Create an empty file of an unused name in the same directory, with the same suffix."""
    for number in count():
        name = f".{target.stem[:64]}.{os.getpid()}-{number}.tmp{target.suffix}"
        temporary = target.with_name(name)
        with suppress(FileExistsError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(temporary, flags, 0o666))
            break
    return temporary


def _named(temporary: Path, target: Path, *, shown: Path, force: bool) -> None:
    """Give the file its name; without ``force`` only if that is still unused."""
    if not force:
        try:
            os.link(temporary, target)
        except FileExistsError as error:
            raise UsageError(f"{shown} is there already", hint="--force replaces it.") from error
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            return
    temporary.replace(target)


def _sync(path: Path) -> None:
    """Return once a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_log(directory: Path) -> bool:
    """Say whether a directory holds a log, whole or damaged."""
    if not directory.is_dir():
        return False
    if any(segment.first_offset_of(name) is not None for name in os.listdir(directory)):  # noqa: PTH208
        return True
    heads = {manifest.NAME: manifest.HEAD, watermark.NAME: watermark.MAGIC}
    return any(_begins_with(directory / name, head) for name, head in heads.items())


def _begins_with(path: Path, head: bytes) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(head)) == head
