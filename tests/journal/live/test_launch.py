"""A live session's stages are named and in their order, and nothing is said of what failed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.parameters import Parameters
from engine.venue_rules import DEFAULT_RULES, RULES, FeeTiers
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Decision, Gap, SessionStarted
from feeds.venue import VENUES
from fixtures.record import SMALL, TRADES, exchange
from journal.asked.settings import settings
from journal.header import JournalHeader, session_detail
from journal.layout import JournalPath
from journal.live.launch import Plan
from journal.reading import scan
from tests.feeds.second_venue.exchange import serving
from tests.support.commands import trader


def test_the_stages_of_a_start_and_of_one_that_goes_on(tmp_path: Path) -> None:
    """Load, compile and connect; the second time also restore and catch up."""
    with exchange("--seed", "5", "--speed", "20") as url:
        words = ("live", "--url", url, "--home", str(tmp_path), *SMALL, *TRADES)
        first = trader(*words, "--max-ticks", "30")
        second = trader(*words, "--max-ticks", "30")

    assert stages(first.err) == ["load", "compile", "connect"]
    assert stages(second.err) == ["load", "compile", "restore", "catch up", "connect"]
    assert second.code == 0


def test_an_exchange_that_is_not_there_is_tried_last(tmp_path: Path) -> None:
    """Everything else is ready by then; no journal is made (20)."""
    words = ("live", "--url", "ws://127.0.0.1:9/", "--connect-timeout", "0.2")
    answer = trader(*words, "--home", str(tmp_path / "home"), *SMALL, *TRADES)

    assert answer.code == 20
    assert stages(answer.err) == ["load", "compile"]
    assert not (tmp_path / "home").exists()


def test_a_second_venue_is_recorded_resumed_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what docs/how-to/add-a-venue.md names, and nothing else: ticks, decisions, a gap."""
    flat = FeeTiers(tiers=(), lowest_ppm=250)
    rules = replace(DEFAULT_RULES, fees=flat, amount_decimals=4)
    monkeypatch.setitem(VENUES, "second", "tests.feeds.second_venue.venue")
    monkeypatch.setitem(RULES, "second", rules)
    home = ("--home", str(tmp_path))
    with serving(close_every=50) as url:
        words = ("live", "--venue", "second", "--market", "btc_usd", "--url", url, *home)
        first = trader(*words, *SMALL, "--max-ticks", "120", "--json")
        second = trader(*words, "--max-ticks", "30", "--json")
    elsewhere = trader("live", "--market", "btc_usd", "--venue", "btcmarkets", *home)

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert (second.summary["session"], second.summary["ticks"]) == (2, 150)
    log = Reader.open(tmp_path / "btc_usd" / "log")
    read = [record for _, record in scan.records(log, 0, log.end)]
    detail = json.loads(next(each.detail for each in read if isinstance(each, SessionStarted)))
    assert detail["venue"] == "second"
    assert detail["parameters"]["amount_decimals"] == 4
    assert any(isinstance(each, Gap) and "lost" in each.why for each in read)
    assert sum(isinstance(each, Decision) for each in read) == 150
    assert elsewhere.code == 2
    assert trader("verify", "--deep", *home).code == 0


def test_a_journal_is_not_resumed_at_another_venue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused at once, with both names (2)."""
    place = JournalPath(tmp_path, "BTC-AUD")
    header = JournalHeader(parameters=Parameters(), initial_state="", venue="second")
    detail = session_detail(header, arithmetic="", url="", resumed_from=None, predecessor=None)
    monkeypatch.setitem(RULES, "second", DEFAULT_RULES)
    with Log.open(place.log) as log:
        log.append([SessionStarted(received_ns=1, session=1, detail=detail)])

    answer = trader("live", "--home", str(tmp_path))

    assert answer.code == 2
    assert "was recorded at second, and cannot go on at btcmarkets" in answer.err


def stages(said: str) -> list[str]:
    """Return the names of the stages that were said to have ended."""
    known = ("load", "compile", "restore", "catch up", "connect")
    return [name for line in said.splitlines() for name in known if line.startswith(f"{name}  ")]


def test_a_simulated_market_has_a_journal_of_its_own(tmp_path: Path) -> None:
    plan = Plan(
        home=tmp_path,
        markets=["A-B", "C-D"],
        url="",
        rest=None,
        simulated=True,
        scenario="calm",
        for_s=None,
        max_ticks=None,
        connect_timeout_s=1.0,
        metrics_port=None,
        heartbeat_url=None,
        settings=settings(tmp_path, None),
        loading_ns=0,
    )

    assert [place.name for place in plan.places] == ["A-B.simulated", "C-D.simulated"]
