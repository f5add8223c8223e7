"""What the service manager is told."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from journal.live.systemd import Notifier


def test_what_is_said(tmp_path: Path) -> None:
    """Datagrams as the manual has them, each status on one line."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        notifier = Notifier(address, watchdog_us="30000000")
        notifier.ready("running")
        notifier.alive("all\nis well")
        notifier.status("no data")
        notifier.stopping()
        said = [manager.recv(4096).decode() for _ in range(4)]

    assert said == [
        "READY=1\nSTATUS=running",
        "WATCHDOG=1\nSTATUS=all is well",
        "STATUS=no data",
        "STOPPING=1",
    ]
    assert notifier.alive_every_s == 15.0


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all", "@nobody"])
def test_a_manager_that_is_not_there(address: str | None) -> None:
    """Nothing is said, and nothing fails."""
    notifier = Notifier(address)
    notifier.ready("running")
    notifier.stopping()


@pytest.mark.parametrize("text", [None, "", "soon", "-5", "0", "9" * 5_000, "²"])
def test_no_watchdog(text: str | None) -> None:
    """What is no number of microseconds is none."""
    assert Notifier(None, watchdog_us=text).alive_every_s is None


def test_a_manager_that_is_too_busy_holds_nobody_up(tmp_path: Path) -> None:
    """Its queue is full: what is said is lost, but that the start is over is said in the end."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        notifier = Notifier(address)
        for _ in range(10_000):
            notifier.status("x" * 200)
        notifier.ready("running")
        manager.setblocking(False)
        said = []
        with suppress(BlockingIOError):
            while True:
                said.append(manager.recv(4096).decode())
        notifier.alive("all is well")
        newest = manager.recv(4096).decode()
        notifier.stopping()

    assert not any("READY" in each for each in said)
    assert newest == "READY=1\nWATCHDOG=1\nSTATUS=all is well"
