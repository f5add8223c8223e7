"""Real power cuts: a real filesystem is shut down under a writing process, and mounted again.

The ext4 shutdown ioctl drops everything that was not made durable, as a power cut does, and refuses
every call from then on. It needs root, a loop device and ``mkfs.ext4``; elsewhere, and without
``--effort 2``, it is skipped.
"""

import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.errors import NoLog
from eventlog.integrity import Finding, check
from eventlog.log import Log
from eventlog.reader import Reader
from tests.support.faults import HARMLESS, LOST, Tally
from tests.support.workloads import numbers

EXT4_IOC_SHUTDOWN = 0x8004587D
WITHOUT_FLUSHING_THE_JOURNAL = struct.pack("I", 2)
IMAGE_BYTES = 64 << 20
APPENDER = Path(__file__).with_name("appender.py")
EFFORT = 2


class Device:
    """A file with a filesystem in it, and where that is mounted."""

    def __init__(self, parent: Path) -> None:
        self.image, self.root = parent / "image", parent / "mounted"
        self.root.mkdir()
        with self.image.open("wb") as image:
            image.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount()

    def mount(self) -> None:
        """Mount the filesystem; it replays its journal."""
        run("mount", "-o", "loop", str(self.image), str(self.root))

    def unmount(self) -> None:
        """Unmount it."""
        run("umount", str(self.root))

    def cut(self) -> None:
        """Switch it off: nothing that is not durable survives."""
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, WITHOUT_FLUSHING_THE_JOURNAL)
        finally:
            os.close(descriptor)


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def device(tmp_path: Path, effort: int) -> Iterator[Device]:
    """A mounted filesystem that can be switched off."""
    if effort < EFFORT:
        pytest.skip(f"real power cuts are made under --effort {EFFORT}")
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("real power cuts need root and mkfs.ext4")
    try:
        device = Device(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no filesystem can be mounted here: {error.stderr.decode().strip()}")
    yield device
    device.unmount()


def test_nothing_acknowledged_is_lost_when_the_power_is_switched_off(
    device: Device, effort: int, seed: int, tally: Tally
) -> None:
    """Whatever was acknowledged before the switch is there after it, in order, once."""
    rng = random.Random(f"{seed} power")
    log = device.root / "log"
    promised = 0
    for _ in range(10 * effort):
        promised = max(promised, appended_until_cut(device, log, rng.randint(1, 150)))
        device.unmount()
        device.mount()
        assert all(finding.repairable for finding in findings(log))
        with Log.open(log) as writer:
            tally["power switched off under ext4", LOST] += max(promised - writer.end, 0)
            assert promised <= writer.end
            assert numbers(writer) == list(range(writer.end))
            assert numbers(Reader.open(log)) == list(range(writer.end))
            tally["power switched off under ext4", HARMLESS] += 1
            promised = writer.end
        assert findings(log) == []
        if promised > 600:
            shutil.rmtree(log)
            promised = 0


def findings(log: Path) -> list[Finding]:
    """Return what a check finds; nothing if the log was never finished being made."""
    try:
        return check(log)
    except NoLog:
        return []


def appended_until_cut(device: Device, log: Path, commits: int) -> int:
    """Let a process append, switch the power off; return how many records it was promised."""
    command = [sys.executable, str(APPENDER)]
    environment = {**os.environ, "PYTHONPATH": str(APPENDER.parents[2])}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as lives:
        assert lives.stdin is not None
        assert lives.stdout is not None
        lives.stdin.write(f"{log} log any any 0\n")
        lives.stdin.close()
        child, said = int(lives.stdout.readline()), 0
        for line in lives.stdout:
            if line in ("dead\n", "ended\n"):
                break
            said = int(line)
            commits -= 1
            if commits == 0:
                device.cut()
                os.kill(child, signal.SIGKILL)
    return said
