"""Every place that shows a figure shows the same one: after a kill, and for whatever was recorded.

Live view, summary, status, report, its JSON and its page, against what follows from the records
themselves, computed here in the plainest way.
"""

import io
import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.board import Board
from cli.journal import Place, records
from cli.view import block
from eventlog.reader import Reader
from eventlog.records import Decision, Fill, Milestone, Quote, Record
from fixtures.record import JOURNAL, SMALL, TRADES, durable, exchange
from fixtures.record import trader as command
from tests.commands import documented, trader

PATIENCE_S = 300


def told(home: Path, name: str = JOURNAL) -> list[Record]:
    """Return all records of a journal."""
    log = Reader.open(Place(home, name).log)
    return [record for _, record in records(log, 0, log.end)]


def summed(told: list[Record]) -> dict[str, float]:
    """Return what decisions and fills come to, one by one."""
    decisions = [each for each in told if isinstance(each, Decision)]
    labels = sum(each.scored for each in decisions)
    return {
        "ticks": len(decisions),
        "fills": sum(isinstance(each, Fill) for each in told),
        "labels": labels,
        "log_loss": sum(each.scored_loss for each in decisions) / labels,
        "baseline_log_loss": sum(each.scored_baseline_loss for each in decisions) / labels,
        "accuracy": sum(each.scored_hits for each in decisions) / labels,
        "gain": decisions[-1].equity_e8 / 1e12 - 1,
        "hold_gain": (decisions[-1].holder_equity_e8 or 0) / 1e12 - 1,
        "drifts": sum(isinstance(each, Milestone) and each.why == "drift" for each in told),
    }


def summary(command: str, home: Path) -> dict[str, Any]:
    """Return what a command says of a home."""
    answer = trader(command, "--home", str(home), "--json")
    documented(command, answer.summary)
    return answer.summary


def of_report(said: dict[str, Any]) -> dict[str, Any]:
    """Return a report's figures under the same names."""
    learning, money = said["learning"], said["money"]
    names = ("labels", "log_loss", "baseline_log_loss", "accuracy")
    return {
        "ticks": said["ticks"],
        **{name: learning[name] for name in names},
        **{name: money[name] for name in ("fills", "gain", "hold_gain", "market_gain")},
    }


def agree(said: dict[str, Any], wanted: dict[str, float], names: set[str]) -> None:
    """Hold some figures to what they should be."""
    for name in names:
        assert said[name] == pytest.approx(wanted[name], rel=1e-6, abs=1e-9), name


SHARED = {"ticks", "fills", "labels", "log_loss", "baseline_log_loss", "accuracy", "gain"}
SHARED |= {"hold_gain", "market_gain"}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A session that was killed, and one that went on; return the home and the second's summary."""
    home = tmp_path_factory.mktemp("home")
    with exchange("--seed", "7", "--speed", "20") as url:
        words = ("live", "--url", url, "--home", str(home), *SMALL, *TRADES)
        with subprocess.Popen(command(*words), stderr=subprocess.DEVNULL) as child:
            while durable(home) < 4_000:
                assert child.poll() is None, "the session ended by itself"
            child.send_signal(signal.SIGKILL)
        status = summary("status", home)
        assert status["state"] == "killed"
        agree(status, summed(told(home)), SHARED - {"market_gain"})
        done = subprocess.run(
            command(*words, "--max-ticks", "900", "--json"),
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
    line = json.loads(done.stdout.splitlines()[-1])
    documented("live", line)
    return home, line


def test_after_a_kill_and_a_restart_all_agree(killed: tuple[Path, dict[str, Any]]) -> None:
    """The session's summary, status and report count from the journal's beginning, alike."""
    home, live = killed
    everything = told(home)
    quotes = [each for each in everything if isinstance(each, Quote)]
    status = summary("status", home)
    report = summary("report", home)
    wanted = summed(everything)
    wanted["market_gain"] = float(str(report["money"]["market_gain"]))

    assert quotes, "the stand-in sends quotes"
    move = (quotes[-1].bid_e8 + quotes[-1].ask_e8) / (quotes[0].bid_e8 + quotes[0].ask_e8) - 1
    assert wanted["market_gain"] == pytest.approx(move, abs=1e-4)
    for said in (live, status, of_report(report)):
        agree(said, wanted, SHARED)
    mine, whole = live["this_session"], live["ticks"]
    assert mine["ticks"] == 900 < whole
    assert mine["labels"] < live["labels"]
    counts = {"drift": wanted["drifts"]} if wanted["drifts"] else {}
    assert {why: n for why, n in status["milestones"].items() if why == "drift"} == counts


def test_a_session_that_another_followed_was_killed(killed: tuple[Path, dict[str, Any]]) -> None:
    """It does not run still, whatever it did not say at its end."""
    home, _ = killed
    sessions = summary("report", home)["sessions"]

    assert [each["ended"] for each in sessions] == ["killed", "--max-ticks"]
    assert "2 sessions" in trader("report", "--home", str(home)).out


def test_the_view_goes_on_where_the_journal_was(killed: tuple[Path, dict[str, Any]]) -> None:
    """A board that begins as a third session would, says what status says."""
    from cli import prices
    from cli.totals import since_beginning

    home, live = killed
    place = Place(home, JOURNAL)
    log = Reader.open(place.log)
    board, total = Board(JOURNAL, io.StringIO()), since_beginning(log)
    assert total is not None
    board.begin(total, cash_e8=10**12, first_price=prices.first(log))
    board.price(prices.newest(place, log))
    stream = io.StringIO()
    panel = board.panel(1.0, durable=log.end, checkpoint=log.end - 1, feed="ok")
    Console(file=stream, width=100, color_system=None).print(block(panel, 100))
    status = trader("status", "--home", str(home)).out

    assert f"{live['ticks']:,} at" in stream.getvalue()
    market = re.search(r"market +(\S+) \((\S+ %)\)", status)
    assert market is not None
    assert f"{market[2]}; the same stake held" in stream.getvalue()
    assert market[1] in stream.getvalue().splitlines()[0]
    account = re.search(r"equity (\S+) \((\S+ %)\)", status)
    assert account is not None
    assert f"{account[1]} net {account[2]}" in stream.getvalue()
    assert f"{live['fills']:,} fill" in stream.getvalue()
