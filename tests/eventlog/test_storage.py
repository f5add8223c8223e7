"""The real filesystem behind `Storage`, and how files are published on it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventlog.storage import (
    DISK,
    IDENTITY_BYTES,
    make_directory,
    publish,
    put_in_place,
    read_all,
    write_temporary,
)
from tests.support.simfs import SimFS


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Writes go where they are told, leave zeros before them, are read back in part or whole."""
    file = DISK.create(tmp_path / "a")
    file.pwrite(b"behind", 10)
    file.pwrite(b"front", 0)
    file.fdatasync()
    file.close()

    assert read_all(DISK, tmp_path / "a") == b"front\0\0\0\0\0behind"
    assert DISK.read(tmp_path / "a", 10, 100) == b"behind"
    assert DISK.size(tmp_path / "a") == 16
    DISK.forget(tmp_path / "a")
    assert DISK.read(tmp_path / "a", 0, 5) == b"front"


def test_a_write_into_a_synced_file_waits_for_the_disk(tmp_path: Path) -> None:
    """The descriptor says so; what the disk then holds, `crash/test_power_switch.py` looks at."""
    (tmp_path / "a").write_bytes(b"abc")
    files = DISK.open_synced(tmp_path / "a"), DISK.open(tmp_path / "a")
    files[0].pwrite(b"X", 1)

    flags = [fcntl.fcntl(file._descriptor, fcntl.F_GETFL) for file in files]  # type: ignore[attr-defined]
    assert [bool(flag & os.O_DSYNC) for flag in flags] == [True, False]
    assert read_all(DISK, tmp_path / "a") == b"aXc"
    for file in files:
        file.close()


def test_an_existing_file_is_opened_as_it_is(tmp_path: Path) -> None:
    """`open` keeps the content and `create` does not; a file that is not there is an error."""
    (tmp_path / "a").write_bytes(b"abc")
    file = DISK.open(tmp_path / "a")
    file.pwrite(b"X", 1)
    file.fsync()
    file.close()
    assert (tmp_path / "a").read_bytes() == b"aXc"

    DISK.create(tmp_path / "a").close()

    assert (tmp_path / "a").read_bytes() == b""
    with pytest.raises(FileNotFoundError):
        DISK.open(tmp_path / "b")


def test_a_short_write_is_continued(tmp_path: Path) -> None:
    """A write that the kernel takes in parts is written to its end, or raises."""
    code = f"""
import resource, signal
from pathlib import Path
from eventlog.storage import DISK
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
file = DISK.create(Path({str(tmp_path / "a")!r}))
try:
    file.pwrite(bytes(10000), 0)
except OSError as error:
    print(error.errno, DISK.size(Path({str(tmp_path / "a")!r})))
"""
    limited = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    # 8192 bytes fit; the loop asked for the rest and was refused with EFBIG.
    assert limited.stdout.split() == ["27", "8192"]


def test_the_standard_descriptors_are_never_used(tmp_path: Path) -> None:
    """With stdin, stdout and stderr closed, a file does not get a number that others print to."""
    code = f"""
import os
from pathlib import Path
from eventlog.storage import DISK
os.closerange(0, 3)
file = DISK.create(Path({str(tmp_path / "a")!r}))
for number in (0, 1, 2):
    try:
        os.fstat(number)
    except OSError:
        file.pwrite(b"closed ", 7 * number)
"""
    subprocess.run([sys.executable, "-c", code], check=True)

    assert (tmp_path / "a").read_text() == "closed " * 3


def test_there_is_one_lock(tmp_path: Path) -> None:
    """A second lock is refused, also in the same process, until the first is released."""
    path = tmp_path / "LOCK"
    assert not DISK.locked(path)
    first = DISK.lock(path)
    assert first is not None

    assert DISK.locked(path)
    assert DISK.lock(path) is None

    first.release()
    assert not DISK.locked(path)
    second = DISK.lock(path)
    assert second is not None
    second.release()


def test_names_are_listed_in_order_and_removed(tmp_path: Path) -> None:
    """A directory is listed sorted by name; unlink takes a name away."""
    for name in ("b", "a", "c"):
        DISK.create(tmp_path / name).close()
    DISK.unlink(tmp_path / "b")

    assert DISK.listdir(tmp_path) == ["a", "c"]
    assert DISK.exists(tmp_path / "a")
    assert not DISK.exists(tmp_path / "b")


def test_an_identity_is_drawn_and_space_is_counted(tmp_path: Path) -> None:
    """Two identities differ; a filesystem has room."""
    assert len(DISK.random_identity()) == IDENTITY_BYTES
    assert DISK.random_identity() != DISK.random_identity()
    assert DISK.free_bytes(tmp_path) > 0


def test_a_directory_is_made_with_those_above_it(tmp_path: Path) -> None:
    """Every level is made and synced into the one above; made ones are left alone."""
    make_directory(DISK, tmp_path / "a" / "b" / "c")
    (tmp_path / "a" / "b" / "c" / "file").write_bytes(b"kept")

    make_directory(DISK, tmp_path / "a" / "b" / "c")

    assert (tmp_path / "a" / "b" / "c" / "file").read_bytes() == b"kept"
    fs = SimFS()
    make_directory(fs, Path("/a/b"))
    assert Path("/a/b") in fs.after_power_cut(lambda pending: []).names


def test_publishing_is_durable_and_whole(tmp_path: Path) -> None:
    """After `publish` the file survives a power cut whole; before, the old one does."""
    fs = SimFS()
    publish(fs, Path("/file"), [b"old"])
    temporary = write_temporary(fs, Path("/file"), [b"new", b"er"])
    assert fs.read(Path("/file"), 0, 9) == b"old"
    assert fs.after_power_cut(lambda pending: []).read(Path("/file"), 0, 9) == b"old"

    put_in_place(fs, temporary, Path("/file"))

    assert fs.after_power_cut(lambda pending: []).read(Path("/file"), 0, 9) == b"newer"
    publish(DISK, tmp_path / "file", [b"on", b" disk"])
    assert (tmp_path / "file").read_bytes() == b"on disk"
    assert DISK.listdir(tmp_path) == ["file"]
