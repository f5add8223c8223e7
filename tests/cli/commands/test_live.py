"""`trader live` over real sockets, in this process: recorded, learned, ended, resumed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.reader import Reader
from eventlog.records import Gap, SessionStarted, Tick, Trade
from fixtures.record import JOURNAL, SMALL, TRADES, exchange
from journal.reading.scan import records
from tests.support.commands import Answer, documented, trader

SUMMARY = {
    *("session", "ticks", "decisions", "first_offset", "last_offset", "checkpoint_offset"),
    *("log_loss", "baseline_log_loss", "accuracy", "equity", "resumed_from", "rederived"),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run a calm market for this module."""
    with exchange("--seed", "5", "--speed", "20") as address:
        yield address


def live(home: Path, url: str, *words: str) -> Answer:
    """Run a short session."""
    answer = trader("live", "--url", url, "--home", str(home), *SMALL, *TRADES, "--json", *words)
    for line in answer.out.splitlines():
        documented("live", json.loads(line))
    return answer


def kinds(home: Path, journal: str = JOURNAL) -> list[str]:
    """Return the kinds of all records of a journal."""
    log = Reader.open(home / journal / "log")
    return [kind for batch in log.read(columns=("kind",)) for kind in batch[0].to_pylist()]


def test_a_session_ends_where_it_is_told(tmp_path: Path, url: str) -> None:
    """--max-ticks is exact, each tick has its decision, and the summary has its fields."""
    answer = live(tmp_path, url, "--max-ticks", "150")
    recorded = kinds(tmp_path)

    assert answer.code == 0, answer.err
    assert set(answer.summary) >= SUMMARY
    assert answer.summary["ticks"] == answer.summary["decisions"] == 150
    assert sum(kind in ("quote", "trade", "book") for kind in recorded) == 150
    assert recorded.count("decision") == 150
    assert recorded[0] == "session_started"
    assert recorded[-1] == "session_ended"
    assert answer.summary["last_offset"] == len(recorded) - 1


def test_the_market_moves_from_its_first_tick_on(tmp_path: Path, url: str) -> None:
    """Also where the first batch is of many: a new session says what status and report say."""
    said = live(tmp_path, url, "--max-ticks", "400").summary
    status = trader("status", "--home", str(tmp_path), "--json").summary

    assert said["market_gain"] == status["market_gain"]


def test_a_second_session_continues_the_first(tmp_path: Path, url: str) -> None:
    """It names where it resumed, records the gap between them, and both verify as one."""
    first = live(tmp_path, url, "--max-ticks", "100").summary
    second = live(tmp_path, url, "--max-ticks", "100").summary
    recorded = kinds(tmp_path)

    assert (first["session"], second["session"]) == (1, 2)
    assert first["resumed_from"] is None
    assert second["resumed_from"] == first["checkpoint_offset"]
    assert second["rederived"] == 0
    assert recorded.count("gap") == 1
    log = Reader.open(tmp_path / JOURNAL / "log")
    told = [each for _, each in records(log, 0, log.end)]
    starts = [each for each in told if isinstance(each, SessionStarted)]
    assert json.loads(starts[1].detail)["rehearsed"]["identical"] is True
    assert trader("verify", "--home", str(tmp_path), "--deep").code == 0


def test_nothing_is_received_before_a_session_is_ready(tmp_path: Path, url: str) -> None:
    """It says when it was; each tick was received later, taken up later still, and the gap between
    two sessions is from the last record to the first that came in again.
    """
    for _ in range(2):
        assert live(tmp_path, url, "--max-ticks", "60").code == 0
    log = Reader.open(tmp_path / JOURNAL / "log")
    told = [each for _, each in records(log, 0, log.end)]
    second = [isinstance(each, SessionStarted) for each in told].index(True, 1)

    for first, part in ((told[0], told[1:second]), (told[second], told[second + 1 :])):
        assert isinstance(first, SessionStarted)
        detail = json.loads(first.detail)
        assert detail["loading_ns"] < detail["ready_ns"] == first.received_ns
        for tick in part:
            if isinstance(tick, Tick):
                assert tick.taken_ns is not None
                assert first.received_ns <= tick.received_ns <= tick.taken_ns
    (place,) = (place for place, each in enumerate(told) if isinstance(each, Gap))
    gap, first_new = told[place], told[place + 1]
    assert isinstance(gap, Gap)
    assert isinstance(first_new, Tick)
    assert place > second
    assert not any(isinstance(each, Tick) for each in told[second:place])
    assert (gap.from_ns, gap.to_ns) == (told[second - 1].received_ns, first_new.received_ns)
    assert (gap.why, gap.received_ns) == ("not running", first_new.received_ns)


def test_a_journal_keeps_its_parameters(tmp_path: Path, url: str) -> None:
    """Other parameters on an existing journal are refused (3), with a way out."""
    live(tmp_path, url, "--max-ticks", "20")
    before = len(kinds(tmp_path))

    answer = live(tmp_path, url, "--set", "fee_ppm=99", "--max-ticks", "20")

    assert answer.code == 3
    assert "fee_ppm" in answer.err
    assert "fork" in answer.err
    assert len(kinds(tmp_path)) == before


def test_a_market_that_the_exchange_does_not_have(tmp_path: Path, url: str) -> None:
    """An unknown market is named, and no journal is made for it."""
    answer = live(tmp_path, url, "--market", "XXX-AUD")

    assert answer.code == 3
    assert "XXX-AUD" in answer.err
    assert not (tmp_path / "XXX-AUD").exists()


def test_two_markets_in_one_process(tmp_path: Path) -> None:
    """A journal each over one socket, with health in it; one that fails leaves the other be."""
    markets = ("--market", "BTC-AUD", "--market", "ETH-AUD")
    with exchange(*markets, "--seed", "5", "--speed", "20") as url:
        both = live(tmp_path, url, *markets, "--max-ticks", "100")
        one = live(tmp_path, url, "--market", "ETH-AUD", "--max-ticks", "30")
        (tmp_path / "BTC-AUD" / "checkpoints").rename(tmp_path / "away")
        (tmp_path / "BTC-AUD" / "checkpoints").write_text("in the way")
        failed = live(tmp_path, url, *markets, "--max-ticks", "50")

    assert both.code == one.code == 0, both.err + one.err
    assert [json.loads(line)["journal"] for line in both.out.splitlines()] == ["BTC-AUD", "ETH-AUD"]
    assert failed.code != 0
    assert "event=failed level=error market=BTC-AUD" in failed.err
    assert kinds(tmp_path, "BTC-AUD").count("decision") == 100
    recorded = kinds(tmp_path, "ETH-AUD")
    assert recorded.count("decision") == 180
    assert "health" in recorded
    assert recorded[-1] == "session_ended"
    verified = trader("verify", "--home", str(tmp_path), "--journal", "ETH-AUD", "--deep")
    assert verified.code == 0


def test_what_was_traded_while_nobody_ran_is_fetched(tmp_path: Path) -> None:
    """Between two sessions trades are made: the second finds them, marked, each once."""
    with exchange("--seed", "5", "--speed", "50", "--scenario", "calm") as url:
        live(tmp_path, url, "--max-ticks", "200")
        answer = live(tmp_path, url, "--for", "8s")

    assert answer.code == 0, answer.err
    log = Reader.open(tmp_path / JOURNAL / "log")
    trades = [each for _, each in records(log, 0, log.end) if isinstance(each, Trade)]
    known = sorted(trade.trade_id for trade in trades)
    assert known == list(range(known[0], known[0] + len(known)))
    assert any(trade.backfilled for trade in trades)


def test_what_makes_no_sense_is_recorded_and_survived(tmp_path: Path) -> None:
    """Undecodable frames, wrong checksums and closed sockets become records, not ends."""
    faults = ("--fault", "garbage=20", "--fault", "bad-checksum=40", "--fault", "close=300")
    with exchange("--seed", "6", "--speed", "20", *faults) as url:
        answer = live(tmp_path, url, "--max-ticks", "700")
    recorded = kinds(tmp_path)

    assert answer.code == 0, answer.err
    assert recorded.count("undecodable") > 0
    assert recorded.count("gap") > 0
    assert (
        "market not valid"
        in trader(
            *("log", "--home", str(tmp_path), "--from", "beginning", "--kind", "decision")
        ).out
    )
    assert trader("verify", "--home", str(tmp_path), "--deep").code == 0


def test_the_simulated_market_is_a_journal_of_its_own(tmp_path: Path) -> None:
    """--simulated needs no exchange, and never mixes with a real journal."""
    answer = trader(
        *("live", "--simulated", "--home", str(tmp_path), "--max-ticks", "50", "--json"),
        *(*SMALL, *TRADES),
    )

    assert answer.code == 0, answer.err
    assert "71.0%" in answer.err
    assert kinds(tmp_path, f"{JOURNAL}.simulated").count("decision") == 50
    assert json.loads(answer.out)["message_type"] == "summary"
