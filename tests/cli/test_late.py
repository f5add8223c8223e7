"""A session that is stopped for a while: what came in meanwhile is learned from, not traded on."""

import json
import signal
import subprocess
import time
from pathlib import Path

from engine.account.reasons import LATE
from engine.parameters import Parameters
from eventlog.reader import Reader
from eventlog.records import Decision, Fill, Tick
from fixtures.record import JOURNAL, SMALL, TRADES, durable, exchange
from fixtures.record import trader as command
from journal.reading.scan import records
from tests.support.commands import trader

BOUND_NS = Parameters().late_ms * 10**6


def test_a_session_that_stood_still_holds_on_what_came_in_meanwhile(tmp_path: Path) -> None:
    """It is recorded as received since then, counted wherever the account is told, fills nothing,
    and leads to the same decisions in a replay.
    """
    with exchange("--seed", "5", "--speed", "10") as url:
        words = ("live", "--url", url, "--home", str(tmp_path), *SMALL, *TRADES, "--json")
        with subprocess.Popen(command(*words), stdout=subprocess.PIPE, text=True) as child:
            while durable(tmp_path) < 1_000:
                assert child.poll() is None
            child.send_signal(signal.SIGSTOP)
            time.sleep(3.0)
            child.send_signal(signal.SIGCONT)
            before = durable(tmp_path)
            while durable(tmp_path) < before + 2_000:
                assert child.poll() is None
            child.send_signal(signal.SIGTERM)
            out, _ = child.communicate()
    assert child.returncode == 0
    summary = json.loads(out.splitlines()[-1])
    log = Reader.open(tmp_path / JOURNAL / "log")
    told = dict(records(log, 0, log.end))
    late = {
        offset
        for offset, each in told.items()
        if isinstance(each, Tick)
        and each.taken_ns is not None
        and each.taken_ns - each.received_ns > BOUND_NS
    }
    decisions = {each.cause: each for each in told.values() if isinstance(each, Decision)}
    fills = [each for each in told.values() if isinstance(each, Fill)]

    assert late
    assert {cause for cause, each in decisions.items() if each.reason == LATE} == late
    assert all(decisions[cause].action == "hold" for cause in late)
    assert not any(fill.cause in late for fill in fills)
    for fill in fills:
        ordered, tick = told[fill.ordered_at], told[fill.cause]
        assert isinstance(ordered, Tick)
        assert isinstance(tick, Tick)
        assert ordered.taken_ns is not None
        assert tick.received_ns >= ordered.taken_ns
    assert summary["late"] == len(late)
    for name in ("status", "report"):
        said = trader(name, "--home", str(tmp_path), "--json")
        assert said.summary["late"] == len(late)
        words_said = " ".join(trader(name, "--home", str(tmp_path)).out.split())
        assert "late, not traded on" in words_said
    why = trader("why", str(min(late)), "--home", str(tmp_path))
    assert LATE in why.out
    assert "traded on up to 1,000 ms" in " ".join(why.out.split())
    assert trader("verify", "--home", str(tmp_path), "--deep").code == 0
