"""SIGKILL of a real `trader live` at random moments; then it goes on as if nothing had happened.

A longer campaign: TRADER_TEST_KILLS=10 pytest tests/crash/test_kill.py
"""

import json
import os
import random
import signal
import subprocess
import time
from hashlib import blake2b
from pathlib import Path

import pytest

from eventlog.reader import Reader
from eventlog.records import SessionStarted
from fixtures.record import JOURNAL, SMALL, TRADES, exchange, trader
from journal.reading import scan
from tests.support.sessions import wait_for

KILLS = int(os.environ.get("TRADER_TEST_KILLS", "2"))


def acknowledged(home: Path) -> tuple[int, str]:
    """Return how many records a home's journal holds, and the digest of all of them."""
    log = Reader.open(home / JOURNAL / "log")
    return log.end, digest(log, log.end)


def digest(log: Reader, end: int) -> str:
    """Return the digest of the records before an offset, however they were batched."""
    hasher = blake2b()
    for offset, record in scan.records(log, 0, end):
        hasher.update(f"{offset} {record!r}\n".encode())
    return hasher.hexdigest()


def asked(*words: str) -> dict[str, object]:
    """Return the summary of a command that must succeed."""
    done = subprocess.run(trader(*words, "--json"), capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    summary: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return summary


@pytest.mark.parametrize("seed", [20261122])
def test_a_killed_session_goes_on_where_it_was(tmp_path: Path, seed: int) -> None:
    """No acknowledged record is lost, and every decision equals that of an uninterrupted replay."""
    draw = random.Random(seed)
    held: list[tuple[int, str]] = []
    with exchange("--seed", str(seed), "--speed", "20") as url:
        words = ("live", "--url", url, "--home", str(tmp_path), *SMALL, *TRADES)
        for _ in range(KILLS):
            child = subprocess.Popen(
                trader(*words), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            with child:
                before = held[-1][0] if held else 0
                wait_for(tmp_path, before + draw.randrange(10, 2_000), child)
                time.sleep(draw.random() * 0.2)
                child.send_signal(signal.SIGKILL)
            held.append(acknowledged(tmp_path))
        last = asked(*words, "--max-ticks", "200")

    log = Reader.open(tmp_path / JOURNAL / "log")
    # One that is killed while it still derives what the one before it owed has not begun.
    begun = sum(isinstance(each, SessionStarted) for _, each in scan.records(log, 0, log.end))
    assert last["session"] == begun
    assert 1 < begun <= KILLS + 1
    for end, recorded in held:
        assert digest(log, end) == recorded, f"seed {seed}: changed before offset {end}"
    assert asked("verify", "--home", str(tmp_path), "--deep")["verdict"] == "clean"
    replayed = asked("replay", "--home", str(tmp_path), "--from", "beginning")
    assert replayed["diverged_at"] is None
    assert replayed["fingerprint"] == last["fingerprint"]
