"""How a session ends: by a signal cleanly, and without losing what had arrived."""

import itertools
import json
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoint import Checkpoints
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Gap, Input, SessionEnded, Undecodable
from eventlog.storage import Disk, File
from fixtures.record import JOURNAL, SMALL, TRADES, exchange, trader
from journal.asked import preflight
from journal.asked.settings import settings
from journal.layout import JournalPath
from journal.live import session as sessions
from journal.live.session import QUIET_MS, TAKE_S, Session
from journal.reading import scan
from tests.support.commands import trader as run
from tests.support.hostile import Peer, hostile
from tests.support.sessions import PATIENCE_S, wait_for
from tests.support.strategies import quote


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


class Scripted:
    """A feed that brings what is written down, and then ends; it waits for nothing."""

    def __init__(self, arrivals: list[list[Input]]) -> None:
        self._arrivals = arrivals
        self.waited_s: list[float] = []

    def take(self, timeout_s: float, market: str | None = None) -> list[Input]:
        """Return the next batch, an empty one if nothing arrived in that time."""
        self.waited_s.append(timeout_s)
        return self._arrivals.pop(0)

    def finished(self, market: str | None = None) -> bool:
        """Say whether everything was taken."""
        return not self._arrivals


class Synced:
    """A file each write of which is durable when it returns; the writes are noted."""

    def __init__(self, file: File, note: Callable[[], None]) -> None:
        self._file, self._note = file, note

    def pwrite(self, data: bytes, position: int) -> None:
        """Write, and note it."""
        self._note()
        self._file.pwrite(data, position)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def lived(
    home: Path, arrivals: list[list[Input]], patch: pytest.MonkeyPatch, *, kept_s: float
) -> tuple[str, list[float]]:
    """Return the synchronous writes of a session, L of the log and S of the state, and its waits.

    Its first is the start's, its last three are of what waits, of the end, and nothing else.
    """
    written: list[str] = []
    original = Disk.open_synced

    def open_synced(disk: Disk, path: Path) -> Synced:
        letter = {".open": "L", ".deltas": "S"}[path.suffix]
        return Synced(original(disk, path), lambda: written.append(letter))

    feed: Any = Scripted(arrivals)
    place = JournalPath(home, JOURNAL)
    chosen = settings(home, [word for word in SMALL if word != "--set"])
    with patch.context() as patched:
        patched.setattr(Disk, "open_synced", open_synced)
        patched.setattr(sessions, "STATE_KEPT_S", kept_s)
        session = Session(
            place, None, feed, market=JOURNAL, url="-", settings=chosen, turn=nullcontext()
        )
        session.resume()
        with Log.open(place.log) as log:
            session.found(log)
            session.run(max_ticks=None)
    return "".join(written), feed.waited_s


def test_what_follows_from_a_tick_takes_one_synchronous_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next tick's, or one of its own after a moment of quiet; the state has no part in it."""
    arrivals: list[list[Input]] = [
        [quote(1)], [quote(2)], [], [quote(3)], [], [], [quote(4)],
    ]  # fmt: skip

    written, waited_s = lived(tmp_path, arrivals, monkeypatch, kept_s=math.inf)

    start, end = "L", "LL"  # the end: what waits, and then the record of it
    assert written == start + "L" + "L" + "L" + "L" + "L" + "S" + "L" + end
    quiet_s = QUIET_MS / 1e3
    assert waited_s == [TAKE_S, quiet_s, quiet_s, TAKE_S, quiet_s, TAKE_S, TAKE_S]


def test_the_state_is_kept_while_ticks_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time that it is due, after the decisions up to it: a start has little to derive."""
    arrivals: list[list[Input]] = [[quote(number)] for number in range(1, 4)]

    written, _ = lived(tmp_path, arrivals, monkeypatch, kept_s=0.0)

    assert written == "L" + 3 * "LLS" + "L"
    log = Reader.open(tmp_path / JOURNAL / "log")
    restored = Checkpoints(tmp_path / JOURNAL / "checkpoints").restore(log)
    assert restored is not None
    assert restored.offset == log.end - 1


def test_a_row_of_rest_does_not_end_the_gap_to_the_session_before() -> None:
    """What cannot be read may come before the stream does: recording goes on with a tick."""
    session = Session.__new__(Session)
    session._not_recorded_since_ns = 5
    odd = Undecodable(received_ns=quote(1).received_ns - 1, raw=b"", why="a row of REST")

    (first, gap, tick, last) = session._taken_up([odd, quote(1), quote(2)])

    assert first == odd
    assert isinstance(gap, Gap)
    assert (gap.from_ns, gap.to_ns) == (5, quote(1).received_ns)
    assert [each.received_ns for each in (tick, last)] == [quote(n).received_ns for n in (1, 2)]
