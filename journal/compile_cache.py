"""What XLA compiled, kept from one process to the next: compiling is most of a start.

Two kinds of files are kept. An *artefact* (`engine.executor.artefact`) is the step's machine code
with all that is needed to run it without TensorFlow. What TensorFlow itself can put into a
directory, and takes from there when it has to compile the same computation again, serves where
TensorFlow has to run the step; and artefacts are made of it.

TensorFlow trusts what it finds, and a damaged file ends the process. So the directory that it is
given is this process's own (`reuse`): what lies there at first was checked against the digest in
its name, and what is new is published under one (`publish`). A child process has another one:
what one of two puts there or takes away while it compiles, the other would take for its own.

A digest tells of damage, not of origin: whoever writes a file can name it. What is kept is machine
code that runs here, so it comes from a directory that only this user can write to: every directory
on the way to it belongs to this user or to root and is not open to others, and it and what lies in
it are this user's alone. Where that is not so nothing is kept, and a line says why. The other place
is the installed package itself (`SHIPPED`), which is as trustworthy as this module. Nothing is ever
taken from a journal.

Code for another processor, by another TensorFlow, or of another recipe (`engine/arithmetic.py`)
lies in another directory and is never looked at. That kept code gives the bits that code gives
which has just been compiled is tested, and an artefact has to show it before it is used
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
"""So many compilations are kept, some MB each; the oldest go first (I10)."""

CODE_BYTES_MAX = 1 << 28
"""No compilation is so large."""

ROOM_BYTES = 1 << 28
"""Where less is free nothing is kept: TensorFlow takes a full disk for an error of its own."""

_FLAG = "--tf_xla_persistent_cache_directory="
_ENDING = ".pb"
_OWN = "run-"
_ARTEFACT = ".artefact"
_ANY = "any"
"""In the place of a key: what is compiled besides the step."""

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
    """Have the step's executor find what was compiled before, and keep what it compiles.

    Before TensorFlow is loaded. Where nothing can be kept, everything is compiled as if there were
    nothing.
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
        """Yield what is kept of a key, and what the package ships of it."""
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
        """Have this process's directory hold what belongs to a key, and nothing else, meanwhile."""
        own = _own()
        if own is None:
            yield list
            return
        publish()
        with suppress(OSError):
            _fill(own, key)
        before = {path.name for path in own.glob(f"*{_ENDING}")}

        def written() -> list[bytes]:
            found = own.glob(f"*{_ENDING}")
            return [
                path.read_bytes() for path in sorted(found, key=lambda path: path.name in before)
            ]

        yield written
        publish(key)
        with suppress(OSError):
            _fill(own, _ANY)

    def say(self, sentence: str) -> None:
        console.echo(printable(sentence), err=True)


def _store() -> Path:
    """Return the directory of what is kept, made and this user's alone.

    Raises:
        OSError: if it cannot be made.
        _Untrusted: if another user could write to it, or TensorFlow would take it for another.
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
    """Refuse a directory in which somebody else can put or rename something.

    In one with the sticky bit, as ``/tmp``, nobody can rename what belongs to another; what is
    found in it is checked in its turn.
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
        directory.chmod(0o700)  # others could look at it, and no more


def _fill(own: Path, key: str) -> None:
    """Have this process's own directory hold what is kept of a key, and nothing else."""
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
    """Return what a file holds if it is a file, of this user alone and of a size that is one."""
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
    """Let other processes have what was compiled in this one by now."""
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
    """Compile the step, or find it compiled; return the digest of the arithmetic that it has here.

    It is the stage "compile" of a command.
    """
    # Not loaded by commands that compile nothing.
    from engine.engine import arithmetic_digest
    from journal.progress import stage

    with stage("compile") as compiling:
        arithmetic = arithmetic_digest(parameters, rules)
        compiling.note = origin(parameters)
    return arithmetic


def origin(parameters: Parameters) -> str:
    """Return in words who runs the step of these parameters, and where its code is from."""
    executor = executor_of(parameters.shape)
    return f"{executor.name}, {executor.origin}"


def digest(code: bytes) -> str:
    """Return the digest that stands in the name of what is kept."""
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
    """Return the directory that this process gave to TensorFlow, if it did, and it is there.

    A flag that a parent or somebody else set names no directory of ours: nothing is taken from it,
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
    """Return a name for all that machine code depends on besides the computation."""
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
    """Return what is kept: of two of a name, one of which is damaged, the newer comes last."""
    kept = []
    for path in store.glob(pattern):
        with suppress(FileNotFoundError):  # another process has put it away meanwhile
            kept.append((path.lstat().st_mtime_ns, path))
    return [path for _, path in sorted(kept)]


def _made(store: Path) -> Path:
    """Return a new directory, locked for as long as this process lives.

    Raises:
        OSError: if it cannot be made.
        _Untrusted: for want of room.
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

    A lock and not a process's number: others may count processes anew, as containers do.
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
"""This user's, and the package's."""
