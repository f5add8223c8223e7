"""A session without TensorFlow, as a process that can be killed: feed, log, the book's reading.

    python -m tests.feeds.adversary.session

reads one JSON object a line on stdin, forks, and runs the session that it describes in the child;
on stdout it says, a line each, which process runs a session and how one ended. So the modules are
imported once for hundreds of sessions.

A child writes to a file of its own what was acknowledged: the offset of each append, and what was
received when, after `Log.append` has returned.
"""

import errno
import json
import os
import select
import signal
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cli.exit_codes import EXPECTED, Exit, code_of
from engine.market import Column, Market
from eventlog.log import Log
from eventlog.records import Gap, Input, SessionEnded, SessionStarted
from feeds.btcmarkets import connection
from feeds.btcmarkets.backoff import Budget
from feeds.btcmarkets.connection import Feed
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.clock import monotonic_s, now_ns
from feeds.options import FeedOptions
from journal.live import logging, outlets
from journal.reading.scan import deduplicator_of, predecessor_of
from tests.feeds.adversary.frames import MARKET
from tests.feeds.campaign import HASTE

FILL_S = 8.0
"""How long a session that ends waits for a hole to be filled."""


@dataclass(frozen=True, slots=True)
class Task:
    """One session: where, and what its stderr is."""

    home: str
    url: str
    acknowledged: str
    stderr: str


def record(task: Task) -> None:
    """Record until SIGTERM; a hole has its time to be filled before the end."""
    stopping = [False]
    signal.signal(signal.SIGTERM, lambda *_: stopping.__setitem__(0, True))
    # A handshake that hangs is given up as hastily as everything else.
    connection._OPEN_TIMEOUT_S = 0.5
    rest = Rest(
        rest_url(task.url), budget=Budget(count=10**6, window_s=1.0),
        first_s=0.005, most_s=0.05, closed_s=0.02, timeout_s=0.5,
    )  # fmt: skip
    told = os.open(task.acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    with Log.open(Path(task.home) / "log", segment_bytes=1 << 20) as log:
        market = Market.initial()
        before = predecessor_of(log)
        number = 1 if before is None else before.session + 1
        for batch in log.read(0):
            market.fold(batch)

        def keep(records: list[Input]) -> Any:
            commit = log.append(records)
            said = [commit.first, *(each.received_ns for each in records)]
            os.write(told, (json.dumps(said) + "\n").encode())
            return market.fold(commit.batch())

        began: list[Input] = [SessionStarted(received_ns=now_ns(), session=number, detail="{}")]
        if before is not None:
            since_ns, at_ns = before.last_received_ns, now_ns()
            began.append(Gap(received_ns=at_ns, from_ns=since_ns, to_ns=at_ns, why="not running"))
        deduplicators = {MARKET: deduplicator_of(log)}
        keep(began)
        ends_s = float("inf")
        with Feed(
            task.url, [MARKET], rest=rest, deduplicators=deduplicators, options=FeedOptions(**HASTE)
        ) as feed:
            while True:
                if stopping[0]:
                    ends_s = min(ends_s, monotonic_s() + FILL_S)
                    if monotonic_s() > ends_s or not feed.state.markets[MARKET].hole:
                        break
                arrived = feed.take(0.05)
                if arrived:
                    rows = keep(arrived)
                    facts = {"records": log.end, "why": feed.state.why}
                    logging.say("taken", facts)
                    if len(rows) and not rows[-1][Column.VALID]:
                        feed.resync()
            feed.stop()
            while not feed.finished():
                arrived = feed.take(0.05)
                if arrived:
                    keep(arrived)
        keep([SessionEnded(received_ns=now_ns(), session=number, why="done", detail="")])


def _point_stderr(kind: str) -> None:
    """Make stderr a file, a full disk, a pipe that nobody reads, or one that nobody holds."""
    if kind in ("stuck", "closed"):
        reading, writing = os.pipe()
        if kind == "closed":
            os.close(reading)
        os.dup2(writing, 2)
        return
    os.dup2(os.open(kind, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)


def _child(task: Task) -> int:
    _point_stderr(task.stderr)
    outlets.install()
    try:
        record(task)
        outlets.finish()
    except EXPECTED as error:
        code = code_of(error)
        if isinstance(error, OSError) and error.errno not in (errno.ENOSPC, errno.EIO):
            code = Exit.BUG
        return code if code != Exit.BUG else _crashed(task)
    except BaseException:  # noqa: BLE001 - told to whoever looks for it
        return _crashed(task)
    return Exit.OK


def _crashed(task: Task) -> int:
    Path(f"{task.acknowledged}.traceback").write_text(traceback.format_exc(), encoding="utf-8")
    return Exit.BUG


def main() -> int:
    """Fork a session for every line, and say how each ended, until stdin closes."""
    running: set[int] = set()
    waiting, is_open = b"", True
    while is_open or running:
        readable, _, _ = select.select([0] if is_open else [], [], [], 0.02)
        if readable:
            more = os.read(0, 65_536)
            is_open = bool(more)
            *lines, waiting = (waiting + more).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    os.close(0)
                    os._exit(_child(Task(**json.loads(line))))
                running.add(pid)
                print(json.dumps({"began": pid}), flush=True)
        while running:
            pid, status, used = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                break
            running.discard(pid)
            ended = {"ended": pid, "code": os.waitstatus_to_exitcode(status)}
            print(json.dumps({**ended, "peak_mib": used.ru_maxrss // 1024}), flush=True)
    return 0


def line_of(task: Task) -> str:
    """Return what describes a session to the process that forks it."""
    return json.dumps(asdict(task)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
