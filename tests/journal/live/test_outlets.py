"""What is said without waiting for whoever listens: bounded, counted, and in order."""

import errno
import os
import re
from pathlib import Path

import pytest

from journal.live import outlets
from journal.live.outlets import LIMIT_BYTES, Outlet
from tests.support.pipes import full_pipe

LONG_S = 60.0


def read_until(reading: int, end: bytes) -> bytes:
    """Return what comes out of a pipe, up to and with these bytes."""
    said = b""
    while end not in said:
        said += os.read(reading, 1 << 16)
    return said


def test_what_is_said_comes_out_in_order() -> None:
    """Whole lines at once, what is no whole line when it is flushed, foreign signs as escapes."""
    reading, writing = os.pipe()
    outlet = Outlet(writing, says_dropped=True)

    print("one", 1, file=outlet)
    outlet.write("two\nthr")
    outlet.write("ee \udcff")
    outlet.flush()

    assert outlet.finish(LONG_S) == 0
    assert os.read(reading, 100) == b"one 1\ntwo\nthree \\udcff"


def test_nobody_reads() -> None:
    """The writer goes on; the oldest is dropped, and the count is said when there is a reader."""
    reading, writing = full_pipe()
    outlet = Outlet(writing, says_dropped=True)
    line = "x" * 999

    for number in range(2 * LIMIT_BYTES // 1_000):
        print(number, line, file=outlet)

    assert outlet.finish(0.0) > 0
    assert outlet.dropped > 0
    said = read_until(reading, b"%d x" % number)
    counts = re.findall(rb"trader: (\d+) messages could not be said here\n", said)
    assert sum(map(int, counts)) == outlet.dropped


@pytest.mark.parametrize("is_gone", [True, False])
def test_an_outlet_that_fails(is_gone: bool) -> None:
    """A reader that is gone, a full disk: what is said counts as dropped, and nothing raises."""
    if is_gone:
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(writing, says_dropped=True)

    for number in range(3):
        print(number, file=outlet)

    assert outlet.finish(LONG_S) == 3


def test_a_disk_that_has_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was dropped meanwhile is said there."""
    real, refused = os.write, [True, True]

    def write(descriptor: int, data: bytes) -> int:
        if refused and descriptor == outlet._descriptor:
            refused.pop()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(outlets, "RETRY_S", 0.0)
    with (tmp_path / "err").open("w") as file:
        outlet = Outlet(file.fileno(), says_dropped=True)
        for word in ("one", "two", "three"):
            print(word, file=outlet)
        assert outlet.finish(LONG_S) == 2

    assert (tmp_path / "err").read_text() == "trader: 2 messages could not be said here\nthree\n"


def test_streams_that_are_no_descriptors_stay(capsys: pytest.CaptureFixture[str]) -> None:
    """As in a test, where nothing blocks."""
    outlets.install()
    print("said")

    assert not outlets.is_installed()
    assert outlets.dropped() == 0
    assert capsys.readouterr().out == "said\n"
