"""Sessions whose terminal, scraper and helpers fail them: they record, end in time, and say it."""

import json
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from eventlog.reader import Reader
from fixtures.record import JOURNAL, SMALL, durable, exchange, trader
from tests.support.pipes import full_pipe

TIMEOUT_S = 300


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run a calm market for this module."""
    with exchange("--seed", "5", "--speed", "20") as address:
        yield address


def words(home: Path, url: str, *more: str) -> list[str]:
    return trader("live", "--url", url, "--home", str(home), *SMALL, *more)


def kinds(home: Path) -> list[str]:
    """Return the kinds of all records of a journal."""
    log = Reader.open(home / JOURNAL / "log")
    return [kind for batch in log.read(columns=("kind",)) for kind in batch[0].to_pylist()]


@pytest.mark.parametrize("what", ["full pipe", "no reader", "full disk", "closed"])
def test_whatever_becomes_of_its_streams(tmp_path: Path, url: str, what: str) -> None:
    """It records what it was asked for and ends with its own code."""
    streams: dict[str, Any] = {}
    if what == "closed":
        streams["preexec_fn"] = lambda: os.closerange(0, 3)
    else:
        reading, writing = full_pipe() if what == "full pipe" else os.pipe()
        if what == "no reader":
            os.close(reading)
        if what == "full disk":
            writing = os.open("/dev/full", os.O_WRONLY)
        streams |= {"stdout": writing, "stderr": writing}

    command = words(tmp_path, url, "--json", "--max-ticks", "30")
    done = subprocess.run(command, check=False, timeout=TIMEOUT_S, **streams)

    assert done.returncode == 0
    assert kinds(tmp_path).count("decision") == 30
    assert kinds(tmp_path)[-1] == "session_ended"


def test_a_signal_while_nobody_reads(tmp_path: Path, url: str) -> None:
    """Ctrl-S on a terminal, a session far away that hangs: SIGTERM ends it all the same."""
    _, writing = full_pipe()
    with subprocess.Popen(words(tmp_path, url), stdout=writing, stderr=writing) as child:
        try:
            while durable(tmp_path) < 100:
                assert child.poll() is None
            child.send_signal(signal.SIGTERM)
            code = child.wait(TIMEOUT_S)
        finally:
            child.kill()

    assert code == 0
    assert kinds(tmp_path)[-1] == "session_ended"


def test_connections_that_only_wait(tmp_path: Path, url: str) -> None:
    """With few descriptors, hundreds of them: it goes on, and answers when they have gone."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words(tmp_path, url, "--json", "--metrics-port", "0"),
        stdout=pipe,
        stderr=pipe,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
    ) as child:
        try:
            assert child.stderr is not None
            metrics = child.stderr.readline().split()[-1]
            health = metrics.replace("metrics", "healthz")
            address = metrics.split("/")[2].split(":")
            assert httpx2.get(health, trust_env=False).text == "starting\n"
            while durable(tmp_path) < 100:
                assert child.poll() is None
            with ExitStack() as stack:
                for _ in range(300):
                    idle = stack.enter_context(socket.socket())
                    idle.setblocking(False)
                    idle.connect_ex((address[0], int(address[1])))
                before = durable(tmp_path)
                while durable(tmp_path) < before + 500:
                    assert child.poll() is None
            answer = httpx2.get(health, trust_env=False, timeout=TIMEOUT_S)
            child.send_signal(signal.SIGTERM)
            out, err = child.communicate(timeout=TIMEOUT_S)
        finally:
            child.kill()

    assert child.returncode == 0, err
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert json.loads(out.splitlines()[-1])["stopped_by"] == "SIGTERM"


def test_a_port_that_is_taken_is_found_out_first(tmp_path: Path) -> None:
    """Named, as a matter of configuration; nothing was loaded, connected or begun."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = words(tmp_path / "home", "ws://127.0.0.1:9", "--metrics-port", str(port))
        done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 3
    assert done.stderr == f"trader: 127.0.0.1:{port}: Address already in use\n"
    assert not (tmp_path / "home").exists()


def test_a_heartbeat_that_could_never_be_called(tmp_path: Path) -> None:
    """A matter of usage, found out as early."""
    command = words(tmp_path / "home", "ws://127.0.0.1:9", "--heartbeat-url", "file:///etc/passwd")
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--heartbeat-url" in done.stderr
    assert not (tmp_path / "home").exists()
