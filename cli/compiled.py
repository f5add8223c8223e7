"""What XLA compiled, kept from one process to the next: compiling is most of a start.

TensorFlow can put machine code into a directory, and takes it from there when it has to compile the
same computation again. But it trusts what it finds, and a damaged file ends the process. So the
directory that it is given is this process's own (`reuse`): what lies there at first was checked
against the digest in its name, and what is new is published under one (`publish`).

Code for another processor, by another TensorFlow, or of another recipe (`engine/arithmetic.py`)
lies in another directory and is never looked at. That kept code gives the bits that code gives
which has just been compiled is tested; and if ever it did not, the arithmetic digest of the session
(`engine.engine.arithmetic_digest`), which runs it, would be another one.
"""

import atexit
import fcntl
import os
import platform
import shutil
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from blake3 import blake3
from platformdirs import user_cache_path

KEPT_MAX = 16
"""So many compilations are kept, some MB each; the oldest go first (I10)."""

ROOM_BYTES = 1 << 28
"""Where less is free nothing is kept: TensorFlow takes a full disk for an error of its own."""

_FLAG = "--tf_xla_persistent_cache_directory="
_ENDING = ".pb"
_OWN = "run-"


def reuse() -> None:
    """Have TensorFlow, which is not loaded yet, find what was compiled before.

    Where nothing can be kept, everything is compiled as if there were nothing.
    """
    if _own() is not None:
        return  # A child of a process that did this, and shares what that has.
    store = user_cache_path("trader") / "compiled" / _recipe()
    try:
        store.mkdir(parents=True, exist_ok=True)
        _sweep(store)
        if shutil.disk_usage(store).free < ROOM_BYTES:
            return
        own = _made(store)
        for kept in _newest_last(store):
            name, _, named = kept.name.rpartition(".")
            if digest(kept.read_bytes()) == named:
                (own / name).unlink(missing_ok=True)
                (own / name).hardlink_to(kept)
            else:
                kept.unlink(missing_ok=True)
    except OSError:
        return
    others = [flag for flag in _flags() if not flag.startswith(_FLAG)]
    os.environ["TF_XLA_FLAGS"] = " ".join([*others, f"{_FLAG}{own}"])
    atexit.register(_end, own, os.getpid())


def publish() -> None:
    """Let other processes have what was compiled in this one by now."""
    own = _own()
    if own is None:
        return
    store = own.parent
    with suppress(OSError):
        known = {kept.name.rpartition(".")[0] for kept in _newest_last(store)}
        for made in own.glob(f"*{_ENDING}"):
            if made.name not in known:  # else it came from there, or another was as quick
                code = made.read_bytes()
                kept = f"{made.name}.{digest(code)}"
                temporary = own / f"{kept}.tmp"
                temporary.write_bytes(code)
                temporary.replace(store / kept)
        for old in _newest_last(store)[:-KEPT_MAX]:
            old.unlink(missing_ok=True)


def digest(code: bytes) -> str:
    """Return the digest that stands in the name of what is kept."""
    return blake3(code).hexdigest(length=16)


def _end(own: Path, pid: int) -> None:
    if pid == os.getpid():  # and not in a fork of this process
        publish()
        shutil.rmtree(own, ignore_errors=True)


def _own() -> Path | None:
    """Return the directory that TensorFlow was given, if it was, and it is there."""
    for flag in _flags():
        own = Path(flag.removeprefix(_FLAG))
        if flag.startswith(_FLAG) and own.is_dir():
            return own
    return None


def _flags() -> list[str]:
    return os.environ.get("TF_XLA_FLAGS", "").split()


def _recipe() -> str:
    """Return a name for all that machine code depends on besides the computation."""
    parts = [(Path(__file__).parents[1] / "engine" / "arithmetic.py").read_text(), _processor()]
    for package in ("tensorflow-cpu", "tensorflow", "keras"):
        with suppress(PackageNotFoundError):
            parts.append(f"{package} {version(package)}")
    return blake3("\n".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    with suppress(OSError):
        first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
        lines = [line for line in first.splitlines() if line.startswith(("model name", "flags"))]
        return "\n".join([platform.machine(), *lines])
    return f"{platform.machine()} {platform.processor()}"


def _newest_last(store: Path) -> list[Path]:
    """Return what is kept: of two of a name, one of which is damaged, the newer comes last."""
    kept = [(path.stat().st_mtime_ns, path) for path in store.glob(f"*{_ENDING}.*")]
    return [path for _, path in sorted(kept)]


def _made(store: Path) -> Path:
    """Return a new directory, locked for as long as this process lives."""
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
        lock = _lock(own)
        if lock is not None:
            shutil.rmtree(own, ignore_errors=True)
            os.close(lock)
