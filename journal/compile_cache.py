"""A cache of what XLA compiled, from one process to the next: compiling takes most of a start.

It holds two kinds of files. An *artefact* (`engine.executor.artefact`) is the step's machine code
with all that is needed to run it without TensorFlow. The other kind is TensorFlow's own persistent
cache of compilations: it serves where TensorFlow has to run the step, and artefacts are made of it.

TensorFlow trusts the files in its cache directory, and a damaged one ends the process. So each
process gives it a directory of its own (`reuse`): files that are put there were checked against the
digest in their names, and new ones are published under theirs (`publish`). A child process has
another directory, since two processes would take each other's files for their own.

A digest detects damage, not forgery: whoever writes a file can name it. The files are machine code
that runs here, so they come from a directory that only this user can write to: every directory on
the way to it belongs to this user or to root and is not writable by others, and the directory and
its files are this user's alone. Otherwise nothing is cached, and a line says why. The other source
is the installed package itself (`SHIPPED`), which is as trustworthy as this module. Nothing is ever
taken from a journal.

Code for another processor, by another TensorFlow, or of another recipe (`engine/arithmetic.py`)
lies in another directory and is never read. Tests check that cached code gives the same bits as
newly compiled code, and every artefact has to prove it before it is used
(`engine.executor.selection`).
"""

import atexit
import fcntl
import os
import platform
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from blake3 import blake3
from platformdirs import user_cache_path

from engine.arithmetic import ENVIRONMENT
from engine.executor.choice import Choice
from engine.executor.recipe import build
from engine.executor.selection import executor_of, select
from engine.parameters import Parameters
from engine.venue_rules import VenueRules
from eventlog.printable import printable
from journal import console

KEPT_MAX = 16
"""How many compilations are kept, some MB each; the oldest are removed first (I10)."""

CODE_BYTES_MAX = 1 << 28
"""A larger file is not read: no compilation is so large."""

ROOM_BYTES = 1 << 28
"""With less free disk space nothing is cached: TensorFlow takes a full disk for its own error."""

_FLAG = "--tf_xla_persistent_cache_directory="
_ENDING = ".pb"
_OWN = "run-"
_ARTEFACT = ".artefact"
_ANY = "any"
"""In the place of a key, for everything that is compiled besides the step."""

SHIPPED = Path(__file__).parents[1] / "engine" / "executor" / "shipped"
"""Artefacts of the installed package, for every processor of a class."""

SHIPPED_CLASS = "x86-64-v3"
_CLASS_FLAGS = frozenset(
    ("abm", "avx", "avx2", "bmi1", "bmi2", "cx16", "f16c", "fma", "lahf_lm", "movbe", "popcnt",
     "sse4_1", "sse4_2", "ssse3", "xsave")
)  # fmt: skip
"""What a processor of that class has, in the words of ``/proc/cpuinfo``."""

_TELLABLE = re.compile(r"[^\s\"'\\,]+")
"""A path that is one word of TensorFlow's flags."""


_given: dict[int, Path] = {}
"""This process's number → the directory that it gave to TensorFlow; a fork has another number."""


class _Untrusted(Exception):
    """A directory or a file in which another user could have left machine code."""


def reuse(executor: Choice = Choice.AUTO) -> None:
    """Let the step's executor use the cache and add to it. Call it before TensorFlow is loaded.

    Where nothing can be cached, everything is compiled anew.
    """
    select(executor, SHELF)
    if _own() is not None:
        return
    others = [flag for flag in _flags() if not flag.startswith(_FLAG)]
    try:
        own = _made(_store())
    except (OSError, _Untrusted) as error:
        console.echo(f"what is compiled is not kept: {printable(str(error))}", err=True)
        own = None
    os.environ["TF_XLA_FLAGS"] = " ".join([*others, *([] if own is None else [f"{_FLAG}{own}"])])
    if own is not None:
        _given[os.getpid()] = own
        atexit.register(_end, own, os.getpid())
        with suppress(OSError):
            _fill(own, _ANY)


class _Shelf:
    """Where `engine.executor.selection` finds code and keeps it."""

    def __init__(self) -> None:
        self.turn = threading.Lock()

    @property
    def processor(self) -> str:
        return _processor()

    def found(self, key: str) -> Iterator[tuple[str, bytes]]:
        """Yield (processor, artefact) of a key: cached ones, then that of the package."""
        with suppress(OSError, _Untrusted):
            for kept in reversed(_newest_last(_store(), f"{key}{_ARTEFACT}.*")):
                code = _code(kept)
                if code is not None and digest(code) == kept.name.rpartition(".")[2]:
                    yield self.processor, code
                else:
                    kept.unlink(missing_ok=True)
        if _flags_of_processor() >= _CLASS_FLAGS:
            with suppress(OSError):
                yield SHIPPED_CLASS, (SHIPPED / f"{key}{_ARTEFACT}").read_bytes()

    def keep(self, key: str, file: bytes) -> None:
        """Keep an artefact; nothing happens where nothing can be kept."""
        own = _own()
        with suppress(OSError, _Untrusted):
            if own is not None:
                _publish(own, f"{key}{_ARTEFACT}", file)
                _bound(own.parent, f"*{_ARTEFACT}.*")

    @contextmanager
    def compiling(self, key: str) -> Iterator[Callable[[], list[bytes]]]:
        """Have this process's directory hold the files of a key, and no others, in the context."""
        own = _own()
        if own is None:
            yield list
            return
        publish()
        with suppress(OSError):
            _fill(own, key)
        before = {path.name for path in own.glob(f"*{_ENDING}")}

        def written() -> list[bytes]:
            paths = own.glob(f"*{_ENDING}")
            return [
                path.read_bytes() for path in sorted(paths, key=lambda path: path.name in before)
            ]

        yield written
        publish(key)
        with suppress(OSError):
            _fill(own, _ANY)

    def say(self, sentence: str) -> None:
        console.echo(printable(sentence), err=True)


def _store() -> Path:
    """Return the cache directory; create it, for this user alone, if it is missing.

    Raises:
        OSError: if it cannot be made.
        _Untrusted: if another user could write to it, or TensorFlow's flags cannot name it.
    """
    cache = user_cache_path("trader")
    if not cache.is_absolute():
        raise _Untrusted(f"{cache} is not an absolute path")
    store = Path(os.path.realpath(cache)) / "compiled" / _recipe()
    if not _TELLABLE.fullmatch(str(store)):
        # The flags are words: with a blank in it, another directory would be written to.
        raise _Untrusted(f"{store} has a blank or another sign that TensorFlow cannot be told")
    ours = (store.parents[1], store.parent, store)
    store.parents[2].mkdir(parents=True, exist_ok=True)
    for directory in reversed(ours[0].parents):
        _check(directory, is_ours=False)
    for directory in ours:
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        _check(directory, is_ours=True)
    return store


def _check(directory: Path, *, is_ours: bool) -> None:
    """Refuse a directory in which another user can create or rename something.

    In one with the sticky bit, such as ``/tmp``, nobody can rename what belongs to another user;
    the directories in it are checked in their turn.
    """
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise _Untrusted(f"{directory} is not a directory")
    if status.st_uid not in ((os.geteuid(),) if is_ours else (os.geteuid(), 0)):
        raise _Untrusted(f"{directory} belongs to another user")
    is_open = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if is_open and (is_ours or not status.st_mode & stat.S_ISVTX):
        raise _Untrusted(f"other users can write to {directory}")
    if is_ours and stat.S_IMODE(status.st_mode) != 0o700:
        directory.chmod(0o700)  # others could only read it


def _fill(own: Path, key: str) -> None:
    """Have this process's own directory hold the cached files of a key, and no others."""
    for path in own.glob(f"*{_ENDING}"):
        path.unlink()
    for kept in _newest_last(own.parent, f"*{_ENDING}.{key}.*"):
        name, named = kept.name.split(f".{key}.")
        code = _code(kept)
        if code is not None and digest(code) == named:
            (own / name).unlink(missing_ok=True)
            (own / name).hardlink_to(kept)
        else:
            kept.unlink(missing_ok=True)


def _code(kept: Path) -> bytes | None:
    """Return a file's bytes; ``None`` if it is too large, no file, or another user can write it."""
    try:
        descriptor = os.open(kept, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        status = os.fstat(descriptor)
        is_ours = status.st_uid == os.geteuid() and not status.st_mode & 0o022
        if not (stat.S_ISREG(status.st_mode) and is_ours and status.st_size <= CODE_BYTES_MAX):
            return None
        return file.read(CODE_BYTES_MAX)


def publish(key: str = _ANY) -> None:
    """Put what this process has compiled so far into the cache, for other processes."""
    own = _own()
    if own is None:
        return
    with suppress(OSError, _Untrusted):
        _check(own.parent, is_ours=True)
        known = {kept.name.rpartition(".")[0] for kept in _newest_last(own.parent, f"*{_ENDING}.*")}
        for made in own.glob(f"*{_ENDING}"):
            if f"{made.name}.{key}" not in known:  # else it came from there
                _publish(own, f"{made.name}.{key}", made.read_bytes())
        _bound(own.parent, f"*{_ENDING}.*")


def _publish(own: Path, name: str, code: bytes) -> None:
    kept = f"{name}.{digest(code)}"
    temporary = own / f"{kept}.tmp"
    temporary.write_bytes(code)
    temporary.chmod(0o600)
    temporary.replace(own.parent / kept)


def _bound(store: Path, pattern: str) -> None:
    for old in _newest_last(store, pattern)[:-KEPT_MAX]:
        old.unlink(missing_ok=True)


def compiled(parameters: Parameters, rules: VenueRules) -> str:
    """Compile the step, or take it from the cache; return the digest of its arithmetic here.

    It shows this as the stage "compile" of a command.
    """
    # Not loaded by commands that compile nothing.
    from engine.engine import arithmetic_digest
    from journal.progress import stage

    with stage("compile") as compiling:
        arithmetic = arithmetic_digest(parameters, rules)
        compiling.note = origin(parameters)
    return arithmetic


def origin(parameters: Parameters) -> str:
    """Return, in words, who runs the step of these parameters, and where its code is from."""
    executor = executor_of(parameters.shape)
    return f"{executor.name}, {executor.origin}"


def digest(code: bytes) -> str:
    """Return the digest that is part of a cached file's name."""
    return blake3(code).hexdigest(length=16)


def discard() -> None:
    """Remove this process's own directory; for a process that ends before it has compiled."""
    own = _own()
    if own is not None:
        shutil.rmtree(own, ignore_errors=True)


def _end(own: Path, pid: int) -> None:
    if pid == os.getpid():  # and not in a fork of this process
        publish()
        shutil.rmtree(own, ignore_errors=True)


def _own() -> Path | None:
    """Return the directory that this process gave to TensorFlow, if it did, and if it exists.

    A directory in a flag that a parent or somebody else set is not ours: nothing is read from it,
    published from it or removed with it.
    """
    own = _given.get(os.getpid())
    if own is not None and f"{_FLAG}{own}" in _flags():
        with suppress(OSError, _Untrusted):
            if own.parent == _store():
                _check(own, is_ours=True)
                return own
    return None


def _flags() -> list[str]:
    return os.environ.get("TF_XLA_FLAGS", "").split()


def _recipe() -> str:
    """Return a digest of all that machine code depends on besides the computation."""
    parts = [str(ENVIRONMENT), _processor(), build()]
    return blake3("\n".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    lines = [line for line in _cpuinfo() if line.startswith(("model name", "flags"))]
    return "\n".join([platform.machine(), *lines])


def _flags_of_processor() -> set[str]:
    flags = (line.partition(":")[2] for line in _cpuinfo() if line.startswith("flags"))
    return set(next(flags, "").split())


@cache
def _cpuinfo() -> tuple[str, ...]:
    with suppress(OSError):
        first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
        return tuple(first.splitlines())
    return ()


def _newest_last(store: Path, pattern: str) -> list[Path]:
    """Return the cached files, oldest first: if an older one is damaged, a newer replaces it."""
    kept = []
    for path in store.glob(pattern):
        with suppress(FileNotFoundError):  # another process has removed it meanwhile
            kept.append((path.lstat().st_mtime_ns, path))
    return [path for _, path in sorted(kept)]


def _made(store: Path) -> Path:
    """Return a new directory, locked for as long as this process lives.

    Raises:
        OSError: if it cannot be made.
        _Untrusted: if there is too little free disk space.
    """
    _sweep(store)
    if shutil.disk_usage(store).free < ROOM_BYTES:
        raise _Untrusted(f"less than {ROOM_BYTES >> 20} MiB are free in {store}")
    coming = Path(tempfile.mkdtemp(prefix="new-", dir=store))
    _lock(coming)
    own = store / coming.name.replace("new-", _OWN)
    coming.rename(own)
    return own


def _lock(directory: Path) -> int | None:
    """Return the descriptor that holds a directory's lock, or ``None`` if another process does.

    A lock, not a process's number: containers that share the directory number processes anew.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(store: Path) -> None:
    """Remove the directories of processes that were killed."""
    for own in store.glob(f"{_OWN}*"):
        with suppress(FileNotFoundError):  # its process has ended, and removed it, meanwhile
            lock = _lock(own)
            if lock is not None:
                shutil.rmtree(own, ignore_errors=True)
                os.close(lock)


SHELF = _Shelf()
"""The cached and the shipped artefacts, for `engine.executor.selection`."""
