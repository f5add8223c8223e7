"""How a session ends: by a signal cleanly, and without losing what had arrived."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from cli import journal
from eventlog.reader import Reader
from eventlog.records import SessionEnded
from fixtures.record import JOURNAL, SMALL, TRADES, exchange, trader
from tests.commands import trader as run
from tests.crash.test_kill import wait_for


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_session_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Drained, recorded, checkpointed, exit 0; the record says which signal it was."""
    with exchange("--seed", "7", "--speed", "20") as url:
        command = trader(
            *("live", "--url", url, "--home", str(tmp_path), "--json"), *SMALL, *TRADES
        )
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as child:
            wait_for(tmp_path, 300, child)
            child.send_signal(number)
            out, err = child.communicate(timeout=60)

    assert child.returncode == 0, err
    summary = json.loads(out.splitlines()[-1])
    log = Reader.open(tmp_path / JOURNAL / "log")
    *_, (offset, last) = journal.records(log, 0, log.end)
    assert isinstance(last, SessionEnded)
    assert last.why == number.name == summary["stopped_by"]
    assert summary["checkpoint_offset"] == offset == log.end - 1


def test_a_disk_that_fills_halts_the_session_cleanly(tmp_path: Path) -> None:
    """Below the floor it ends with 21, its end recorded and its state kept: nothing is lost."""
    with exchange("--seed", "8", "--speed", "20") as url:
        answer = run(
            *("live", "--url", url, "--home", str(tmp_path), *SMALL, *TRADES),
            *("--set", f"log.min_free_mib={1 << 30}"),
        )

    assert answer.code == 21
    assert "nothing was lost" in answer.err
    log = Reader.open(tmp_path / JOURNAL / "log")
    *_, (_, last) = journal.records(log, 0, log.end)
    assert isinstance(last, SessionEnded)
    assert last.why == "disk"
    assert run("verify", "--home", str(tmp_path), "--deep").code == 0
