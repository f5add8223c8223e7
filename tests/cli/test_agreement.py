"""Every place that shows a figure shows the same one: after a kill, and for whatever was recorded.

Live view, summary, status, report, its JSON and its page, against what follows from the records
themselves, computed here in the plainest way.
"""

import io
import json
import math
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.render.live_view import block
from engine.parameters import Parameters
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import (
    BookUpdate,
    Decision,
    Fill,
    Level,
    Milestone,
    Quote,
    Record,
    SessionStarted,
    Side,
    Tick,
    Trade,
)
from fixtures.record import JOURNAL, SMALL, TRADES, durable, exchange
from fixtures.record import trader as command
from journal.header import JournalHeader, session_detail
from journal.layout import JournalPath
from journal.live.counters import Board
from journal.reading.scan import records
from tests.support.commands import Answer, documented, trader

PATIENCE_S = 300


def told(home: Path, name: str = JOURNAL) -> list[Record]:
    """Return all records of a journal."""
    log = Reader.open(JournalPath(home, name).log)
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
        "hold_gain": (decisions[-1].buy_hold_equity_e8 or 0) / 1e12 - 1,
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
    from journal.reading import prices
    from journal.reading.totals import since_beginning

    home, live = killed
    place = JournalPath(home, JOURNAL)
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


KINDS = {
    "quotes": ("quote",),
    "books": ("book",),
    "trades": ("trade",),
    "quotes and trades": ("quote", "trade"),
    "mixed": ("quote", "book", "trade"),
    "a book that turns one-sided": ("book",),
}
TICKS = 1_500


def market(name: str, seed: int) -> Iterator[Tick]:
    """Yield a market that sways, so that it can be traded on; of some kinds of records."""
    draw = random.Random(seed)
    phase = draw.random()
    for number in range(TICKS):
        at_ns = 1_700_000_000 * 10**9 + number * 250 * 10**6
        middle = 100_00000000 + round(40 * math.sin(phase + number / 9)) * 10**6
        bid, ask = middle - 10**5, middle + 10**5
        times: dict[str, Any] = {"exchange_ns": at_ns, "received_ns": at_ns}
        kind = draw.choice(KINDS[name])
        if kind == "quote":
            decimals = {"bid_decimals": 3, "ask_decimals": 3, "last_decimals": 2}
            prices = {"bid_e8": bid, "ask_e8": ask, "last_e8": middle}
            yield Quote(**times, **prices, **decimals, snapshot_id=None)
        elif kind == "trade":
            facts: dict[str, Any] = {"price_decimals": 2, "volume_decimals": 0, "trade_id": number}
            yield Trade(**times, price_e8=middle, volume_e8=10**9, side=None, **facts)
        else:
            lost = "one-sided" in name and number >= TICKS - 40
            bids, asks = (
                (Level(price, 50 * 10**8, 3, 0, 1),) if price else ()
                for price in (bid, None if lost else ask)
            )
            yield BookUpdate(
                **times, bids=bids, asks=asks, snapshot=True, checksum=None, snapshot_id=None
            )


def plain(told: list[Record]) -> dict[str, float]:
    """Return price, account and fills from the records alone, the plainest way."""
    bid = ask = last = 0
    prices: list[float] = []
    for record in told:
        if isinstance(record, Quote):
            bid, ask, last = record.bid_e8, record.ask_e8, record.last_e8
        elif isinstance(record, Trade):
            last = record.price_e8
        elif isinstance(record, BookUpdate):
            bid, ask = (side[0].price_e8 if side else 0 for side in (record.bids, record.asks))
        else:
            continue
        if 0 < bid < ask:
            prices.append((bid + ask) / 2e8)
        elif not bid and not ask and last:
            prices.append(last / 1e8)
    fills = [each for each in told if isinstance(each, Fill)]
    signs = [1 if each.side is Side.BUY else -1 for each in fills]
    cash = 10**12 - sum(
        sign * (each.value_e8 or 0) + each.fee_e8 for sign, each in zip(signs, fills, strict=True)
    )
    position = sum(sign * each.volume_e8 for sign, each in zip(signs, fills, strict=True))
    worth = (bid + ask) // 2 if 0 < bid < ask else last
    equity = cash + position * worth // 10**8
    return {
        "equity": equity / 1e8,
        "position": position / 1e8,
        "fills": len(fills),
        "fees": sum(each.fee_e8 for each in fills) / 1e8,
        "price_first": prices[0],
        "price": prices[-1],
        "market_gain": prices[-1] / prices[0] - 1,
    }


def decide(home: Path, name: str, seed: int) -> tuple[Path, Answer]:
    """Decide on a market; return the home of the journal, and what was said."""
    header = JournalHeader(parameters=Parameters(memory_rows=512), initial_state="0" * 32)
    detail = session_detail(
        header, arithmetic="0" * 32, url="", resumed_from=None, predecessor=None
    )
    with Log.open(home / JOURNAL / "log") as log:
        log.append([SessionStarted(received_ns=1, session=1, detail=detail)])
        log.append([*market(name, seed)])
    words = ("--home", str(home), "--out", str(home / "out"), "--json")
    answer = trader("replay", *words, *TRADES)
    assert answer.code == 0, answer.err
    return home / "out", answer


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], tuple[Path, Answer]]:
    """Return markets of every kind, decided on: by name and seed the home, and what was said."""
    return {
        (name, seed): decide(tmp_path_factory.mktemp("market"), name, seed)
        for name in KINDS
        for seed in (1, 2)
    }


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_input_is_told_alike(
    decided: dict[tuple[str, int], tuple[Path, Answer]], name: str, seed: int, tmp_path: Path
) -> None:
    """Equity, fills, fees, price and the market's move are what the records come to, everywhere."""
    home, answer = decided[name, seed]
    wanted = plain(told(home))
    forked: Any = answer.summary["forked"]
    html = tmp_path / "report.html"
    report = summary("report", home)
    text = " ".join(trader("report", "--home", str(home)).out.split())
    words = ("--html", str(html), "--no-influences")
    assert trader("report", "--home", str(home), *words).code == 0
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', html.read_text())
    assert found is not None
    drawn = json.loads(found[1])["series"]
    status = summary("status", home)
    money = {**report["money"], "price": report["money"]["price_last"]}

    assert bool(wanted["fills"]) == (name != "trades")
    names = ("equity", "fills", "fees", "price_first", "price", "market_gain")
    agree(money, wanted, {*names})
    numbers = {key: float(status[key]) for key in ("equity", "position", "fills", "price")}
    agree({**numbers, "market_gain": status["market_gain"]}, wanted, {*numbers, "market_gain"})
    assert float(forked["equity"]) == pytest.approx(wanted["equity"])
    assert forked["fills"] == wanted["fills"]
    assert f"equity {wanted['equity']:,.2f}," in text
    assert f"{wanted['fills']:,} fill" in text
    assert f"{wanted['equity']:,.2f}" in html.read_text()
    assert sum(each["count"] for each in drawn["fills"]) == wanted["fills"]
    assert drawn["columns"]["equity"][-1] == pytest.approx(wanted["equity"], rel=1e-6)
    known = [price for price in drawn["columns"]["price"] if price is not None]
    assert (known[-1], report["periods"][-1]["price"]) == (
        pytest.approx(wanted["price"], rel=1e-6),
        pytest.approx(wanted["price"]),
    )
    assert report["calibration"]["labels"] == report["learning"]["labels"]


def scored_plainly(told: list[Record], horizon_ns: int) -> dict[str, float]:
    """Return every score of a market of quotes alone, from the records, one label at a time."""
    ticks = [each for each in told if isinstance(each, Quote)]
    decisions = [each for each in told if isinstance(each, Decision)]
    assert len(ticks) == len(decisions)
    middles = [each.bid_e8 + each.ask_e8 for each in ticks]
    pairs: list[tuple[float, bool]] = []
    for number, tick in enumerate(ticks):
        due_ns = tick.received_ns + horizon_ns
        after = next((n for n, each in enumerate(ticks) if each.received_ns > due_ns), None)
        if after is not None and middles[after - 1] != middles[number]:
            pairs.append((decisions[number].p_up, middles[after - 1] > middles[number]))
    losses = [-math.log(min(max(p if rose else 1 - p, 1e-4), 1 - 1e-4)) for p, rose in pairs]
    bins: dict[int, list[tuple[float, bool]]] = {}
    for p, rose in pairs:
        bins.setdefault(min(int(p * 20), 19), []).append((p, rose))
    gaps = [abs(sum(p for p, _ in part) - sum(rose for _, rose in part)) for part in bins.values()]
    count = len(pairs)
    log_loss = sum(losses) / count
    baseline = sum(each.scored_baseline_loss for each in decisions) / count
    return {
        "labels": count,
        "log_loss": log_loss,
        "baseline_log_loss": baseline,
        "skill": 1 - log_loss / baseline,
        "accuracy": sum((p >= 0.5) == rose for p, rose in pairs) / count,
        "brier": sum((p - rose) ** 2 for p, rose in pairs) / count,
        "calibration_error": sum(gaps) / count,
        "gain": decisions[-1].equity_e8 / 1e12 - 1,
        "hold_gain": (decisions[-1].buy_hold_equity_e8 or 0) / 1e12 - 1,
        "market_gain": middles[-1] / middles[0] - 1,
    }


def test_every_score_has_one_definition(tmp_path: Path) -> None:
    """Status, report and evaluate say of one journal what its records come to, one by one."""
    home, answer = decide(tmp_path, "quotes", 1)
    documented("replay", answer.summary)
    wanted = scored_plainly(told(home), Parameters().horizon_ms * 10**6)
    status, report = summary("status", home), summary("report", home)
    answer = trader("evaluate", "--home", str(home), "--baselines", "none", "--no-frozen", "--json")
    assert answer.code == 0, answer.err
    evaluated: Any = answer.summary
    (ours,) = (each for each in evaluated["forecasters"] if each["name"] == "ours")
    calibration, learning = report["calibration"], report["learning"]
    learned = {"labels", "log_loss", "baseline_log_loss", "accuracy"}
    moves = {"gain", "hold_gain", "market_gain"}
    (account,) = (each for each in evaluated["accounts"] if each["name"] == "ours")
    (holder,) = (each for each in evaluated["accounts"] if each["name"].startswith("holding"))

    agree(status, wanted, learned | moves)
    agree(of_report(report), wanted, learned | moves)
    agree(learning, wanted, learned | {"skill"})
    said = {"brier": calibration["brier"], "calibration_error": calibration["error"]}
    agree({**said, "labels": calibration["labels"]}, wanted, {*said, "labels"})
    same = {name: ours[name] for name in ("labels", "log_loss", "accuracy", "brier")}
    agree({**same, "calibration_error": ours["ece"]}, wanted, {*same, "calibration_error"})
    net = {"gain": account["net_gain"] / 1e4, "hold_gain": holder["net_gain"] / 1e4}
    agree({**net, "market_gain": evaluated["market_gain"]}, wanted, moves)
