"""How a session ends: by a signal cleanly, and without losing what had arrived."""

import itertools
import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eventlog.reader import Reader
from eventlog.records import SessionEnded
from fixtures.record import JOURNAL, SMALL, TRADES, exchange, trader
from journal.asked import preflight
from journal.reading import scan
from tests.support.commands import trader as run
from tests.support.hostile import Peer, hostile
from tests.support.sessions import PATIENCE_S, wait_for


def ended_by(home: Path, number: signal.Signals, summary: dict[str, object]) -> None:
    """Drained, recorded, checkpointed; the record says which signal it was."""
    log = Reader.open(home / JOURNAL / "log")
    *_, (offset, last) = scan.records(log, 0, log.end)
    assert isinstance(last, SessionEnded)
    assert last.why == number.name == summary["stopped_by"]
    assert summary["checkpoint_offset"] == offset == log.end - 1


def test_sigterm_ends_a_process_cleanly(tmp_path: Path) -> None:
    """With exit 0, as a service manager sees it."""
    with exchange("--seed", "7", "--speed", "20") as url:
        command = trader(
            *("live", "--url", url, "--home", str(tmp_path), "--json"), *SMALL, *TRADES
        )
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as child:
            wait_for(tmp_path, 300, child)
            child.send_signal(signal.SIGTERM)
            out, err = child.communicate(timeout=60)

    assert child.returncode == 0, err
    ended_by(tmp_path, signal.SIGTERM, json.loads(out.splitlines()[-1]))


def test_sigint_ends_a_session_cleanly(tmp_path: Path) -> None:
    """Likewise, in this process, as Ctrl-C does."""

    def interrupt() -> None:
        log = tmp_path / JOURNAL / "log"
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            time.sleep(0.05)
            if (log / "MANIFEST").exists() and Reader.open(log).end >= 300:
                break
        os.kill(os.getpid(), signal.SIGINT)

    with exchange("--seed", "7", "--speed", "20") as url, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(interrupt)
        words = ("live", "--url", url, "--home", str(tmp_path), "--json", *SMALL, *TRADES)
        answer = run(*words)
        asked.result()

    assert answer.code == 0, answer.err
    ended_by(tmp_path, signal.SIGINT, answer.summary)


def test_a_disk_that_fills_halts_the_session_cleanly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the floor it ends with 21, its end recorded and its state kept: nothing is lost."""
    monkeypatch.setattr(preflight, "check_home", lambda *_, **__: None)  # it was not full then
    with exchange("--seed", "8", "--speed", "20") as url:
        answer = run(
            *("live", "--url", url, "--home", str(tmp_path), *SMALL, *TRADES),
            *("--set", f"log.min_free_mib={1 << 30}"),
        )

    assert answer.code == 21
    assert "nothing was lost" in answer.err
    log = Reader.open(tmp_path / JOURNAL / "log")
    *_, (_, last) = scan.records(log, 0, log.end)
    assert isinstance(last, SessionEnded)
    assert last.why == "disk"
    assert run("verify", "--home", str(tmp_path), "--deep").code == 0


def test_a_book_that_is_one_sided_is_not_asked_for_again(tmp_path: Path) -> None:
    """It is no valid market, and still what the exchange says: another would say the same."""
    asked: list[bool] = []

    def talk(peer: Peer) -> None:
        if not peer.is_websocket:
            peer.reply(b"[]")
            return
        peer.accept()
        assert peer.asked(b"subscribe", within_s=PATIENCE_S)
        book = {
            "messageType": "orderbookUpdate", "marketId": JOURNAL, "bids": [],
            "asks": [["100", "1", 1]], "timestamp": "2026-09-23T04:31:09.259Z",
        }  # fmt: skip
        peer.say({**book, "snapshot": True, "snapshotId": 1})
        for number in itertools.count(2):
            asked.append(peer.asked(b"addSubscription", within_s=0.05))
            peer.say({**book, "snapshotId": number})

    with hostile(talk) as url:
        answer = run(
            "live", "--url", url, "--home", str(tmp_path), "--json", "--max-ticks", "60", *SMALL
        )

    assert answer.code == 0, answer.err
    assert len(asked) >= 50
    assert not any(asked)
