"""The lock: one holder, and what its file says of those before."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from crc32c import crc32c

from eventlog import integrity, lock
from eventlog.errors import Unwritable
from eventlog.lock import Claim
from eventlog.log import Log
from tests.support.strategies import quote

ROOT = Path(__file__).parents[2]


def held(path: Path) -> Claim:
    """Return the lock of a file, which nobody has."""
    claim = lock.acquire(path)
    assert claim is not None
    return claim


def test_it_is_settled_after_one_that_let_go_or_was_killed(tmp_path: Path) -> None:
    """The system that keeps the lock knows that they are gone."""
    path = tmp_path / "LOCK"
    first = held(path)
    assert not first.settled  # nobody knows who had a file of this name before
    first.release()
    assert not lock.problem(path.read_bytes())

    code = (
        "import os, sys; from pathlib import Path; from eventlog import lock\n"
        "assert lock.acquire(Path(sys.argv[1])).settled; os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)

    killed = held(path)
    assert killed.settled
    killed.release()


@pytest.mark.parametrize("how", ["deleted", "emptied", "replaced", "damaged", "another boot"])
def test_it_is_not_settled_after_a_file_that_says_nothing(tmp_path: Path, how: str) -> None:
    """Deleted, of an earlier version, put there from a copy, changed, or held in another boot."""
    path = tmp_path / "LOCK"
    held(path).release()
    said = path.read_bytes()
    if how == "deleted":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "replaced":
        path.with_name("copy").write_bytes(said)
        path.with_name("copy").replace(path)
    elif how == "damaged":
        path.write_bytes(said.replace(b"false", b"truex"))
        assert lock.problem(path.read_bytes())
    else:
        claim = held(path)
        claim._fields["boot"] = "another"
        claim._write()
        os.close(claim._descriptor)

    claim = held(path)

    assert not claim.settled
    claim.release()


def test_a_file_that_was_deleted_is_no_lock(tmp_path: Path) -> None:
    """Its holder sees that it is not the one that others lock."""
    path = tmp_path / "LOCK"
    first = held(path)
    assert first.is_named(path)
    path.unlink()
    assert not first.is_named(path)
    second = held(path)
    assert second.is_named(path)
    assert not first.is_named(path)
    first.release()
    assert lock.is_held(path)
    second.release()


def test_a_lock_that_is_held_is_not_given_again(tmp_path: Path) -> None:
    """Not within a process either; who asks whether it is held changes nothing."""
    path = tmp_path / "LOCK"
    assert not lock.is_held(path)
    assert not path.exists()
    first = held(path)

    assert lock.acquire(path) is None
    assert lock.is_held(path)
    first.release()
    assert not lock.is_held(path)
    held(path).release()


def test_a_file_that_keeps_being_deleted_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a file without a name excludes nobody; after some attempts there is none."""
    path, taken = tmp_path / "LOCK", []
    honest = fcntl.flock

    def deleted(descriptor: int, operation: int) -> None:
        honest(descriptor, operation)
        path.unlink()
        taken.append(descriptor)

    monkeypatch.setattr(fcntl, "flock", deleted)

    assert lock.acquire(path) is None
    assert len(taken) > 1
    for descriptor in taken:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_a_lock_is_no_standard_stream(tmp_path: Path) -> None:
    """A process whose standard streams are closed does not print into the log."""
    code = (
        "import os, sys; from pathlib import Path; from eventlog import lock\n"
        "os.close(0); os.close(1); claim = lock.acquire(Path(sys.argv[1]))\n"
        "os._exit(claim._descriptor)\n"
    )
    path = tmp_path / "LOCK"

    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdin=subprocess.DEVNULL, check=False
    )

    assert done.returncode > 2
    assert not lock.problem(path.read_bytes())


@pytest.mark.parametrize("content", [b"[1]", b"{", b"no text"])
def test_content_that_is_no_object_says_nothing(content: bytes) -> None:
    """Even with a checksum that is right."""
    line = content + b" %08x\n" % crc32c(content)

    assert lock.problem(line) == "the checksum of its content is wrong"
    assert not lock.problem(b"")


@pytest.mark.parametrize("refusal", [errno.ENOLCK, errno.EOPNOTSUPP, None])
def test_a_filesystem_without_locks_holds_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int | None
) -> None:
    """Whether it says so, or grants every lock and keeps none."""

    def flock(descriptor: int, operation: int) -> None:
        if refusal is not None:
            raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "flock", flock)

    with pytest.raises(Unwritable, match="cannot be written to"):
        Log.open(tmp_path / "log", segment_bytes=1 << 14)


AS_NOBODY = """
import os, sys
from pathlib import Path
from eventlog.errors import Unwritable
from eventlog.log import Log
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    Log.open(Path(sys.argv[1]))
except Unwritable as error:
    print(error)
"""


@pytest.mark.parametrize("where", ["LOCK", ""])
def test_a_log_of_somebody_else_is_not_written_to(tmp_path: Path, where: str) -> None:
    """Its lock, or its directory, may not be written to: that is told, and nothing changed."""
    for above in (tmp_path, *tmp_path.parents):
        if not above.stat().st_mode & 0o001 and os.getuid() == 0:
            above.chmod(above.stat().st_mode | 0o055)
    directory = tmp_path / "log"
    with Log.open(directory, segment_bytes=1 << 14) as log:
        log.append([quote(0)])
    (directory / where).chmod(0o444 if where else 0o555)
    before = sorted(path.name for path in directory.iterdir())

    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "cannot be written to: Permission denied" in done.stdout
    assert sorted(path.name for path in directory.iterdir()) == before
    directory.chmod(0o755)


def test_a_damaged_lock_is_found_and_opening_repairs_it(tmp_path: Path) -> None:
    """It costs nothing but a copy of the open segment."""
    directory = tmp_path / "log"
    with Log.open(directory, segment_bytes=1 << 14) as log:
        log.append([quote(0)])
    data = bytearray((directory / "LOCK").read_bytes())
    data[10] ^= 1
    (directory / "LOCK").write_bytes(data)

    (finding,) = integrity.check(directory)

    assert (finding.check, finding.repairable) == ("lock", True)
    with Log.open(directory) as log:
        assert integrity.check(directory) == []
        log.append([quote(1)])
        assert log.end == 2
