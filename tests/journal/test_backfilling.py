"""History before life: durable page by page, never decided on, and gone on with after a kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from engine.chunks import chunks
from engine.engine import Engine
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Candle, Gap, Record, SessionEnded, SessionStarted, Trade
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.clock import now_ns
from feeds.simulator.past import MINUTE_NS, Past
from feeds.simulator.server import Exchange
from fixtures.record import SMALL
from journal.backfilling import SETTLED_NS
from journal.header import header_of
from journal.layout import JournalPath
from journal.reading.prices import first
from journal.reading.scan import records
from tests.journal.seams import killed_after
from tests.support.commands import documented, trader
from tests.support.loopback import serving
from tests.support.pasts import MARKET, by_kind, cells, hurry, market, sums

ROOT = Path(__file__).parents[2]
SINCE = ("--since", "6h")


@dataclass(frozen=True, slots=True)
class Place:
    """A stand-in that is served, and what was before its market."""

    url: str
    past: Past
    start_ns: int

    @property
    def rest(self) -> tuple[str, str]:
        return ("--rest-url", rest_url(self.url))


@contextmanager
def exchange(minutes: int = 300) -> Iterator[Place]:
    # Not where a tenth of a second decides on a minute.
    start_ns = now_ns() // MINUTE_NS * MINUTE_NS - 25 * 10**9
    source = market(seed=3, start_ns=start_ns)
    pasts = source.pasts(seed=3, minutes=minutes, start_ns=start_ns)
    with serving(Exchange(source, speed=None, pasts=pasts)) as url:
        yield Place(url, pasts[MARKET], start_ns)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with exchange() as made:
        yield made


def records_of(home: Path) -> list[Record]:
    log = Reader.open(home / MARKET / "log")
    assert check(home / MARKET / "log") == []
    return [record for _, record in records(log, 0, log.end)]


def history_of(home: Path) -> list[Candle | Trade]:
    """Return what was fetched, without when."""
    found = (each for each in records_of(home) if isinstance(each, Candle | Trade))
    return [type(each)(**{**vars_of(each), "received_ns": 0}) for each in found]


def vars_of(record: Candle | Trade) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def backfill(home: Path, place: Place, *words: str) -> dict[str, Any]:
    answer = trader("backfill", *place.rest, "--home", str(home), *SMALL, "--json", *words)
    assert answer.code == 0, answer.err
    documented("backfill", answer.summary)
    return answer.summary


@pytest.fixture(scope="module")
def lived(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a history, on which a session followed."""
    home = tmp_path_factory.mktemp("lived")
    said = backfill(home, place, *SINCE, "--trades")
    candles, trades, gaps, odd = by_kind(records_of(home))
    wanted = list(place.past.during(0, place.start_ns))
    # Market time stands still until somebody listens.
    until_ns = (place.start_ns - SETTLED_NS) // MINUTE_NS * MINUTE_NS
    true = sums([each for each in wanted if each.at_ns < until_ns])

    assert {each.exchange_ns: cells(each) for each in candles} == true
    assert [each.trade_id for each in trades] == [each.trade_id for each in wanted]
    assert (said["candles"], said["trades"]) == (len(candles), len(trades))
    assert (said["gaps"], said["undecodable"], odd) == (0, 0, [])
    assert said["stopped_because"] == "the newest page brought nothing new"
    # What is between the last candle and a session is said.
    assert [gap.from_ns for gap in gaps] == [until_ns]
    live = ("live", "--url", place.url, "--home", str(home), "--max-ticks", "120", "--json")
    answer = trader(*live)
    assert answer.code == 0, answer.err
    return home


def test_nothing_is_decided_on_history(lived: Path) -> None:
    """With or without it, the same state, effects and bytes: it is as if it were not there."""
    place = JournalPath(lived, MARKET)
    log = Reader.open(place.log)
    header = header_of(log, place)
    with_it, without = (Engine.initial(header.parameters, header.rules) for _ in range(2))
    assert with_it.digest == header.initial_state
    decided = 0
    for chunk in chunks(log.read(), 1_000):
        is_past = pc.or_(
            pc.equal(chunk.column("kind"), "candle"), pc.is_valid(chunk.column("source"))
        )
        effects = with_it.advance(chunk)
        assert effects.equals(without.advance(chunk.filter(pc.invert(is_past))))
        decided += effects.num_rows
    first_ended = next(
        offset for offset, each in records(log, 0, log.end) if isinstance(each, SessionEnded)
    )

    assert decided >= 120
    assert with_it.digest == without.digest
    before = Engine.initial(header.parameters, header.rules)
    for chunk in chunks(log.read(0, first_ended), 100):
        assert before.advance(chunk).num_rows == 0
    state, initial = before.state(), Engine.initial(header.parameters, header.rules).state()
    assert all((state[name] == initial[name]).all() for name in initial)


def test_every_command_reads_it(lived: Path) -> None:
    home = ("--home", str(lived))
    replayed = trader("replay", *home, "--from", "beginning", "--json")

    assert replayed.code == 0
    assert replayed.summary["diverged_at"] is None
    assert replayed.summary["ticks"] == 120
    assert trader("verify", *home, "--deep").code == 0
    status = trader("status", *home, "--json").summary
    assert (status["ticks"], status["session"], status["state"]) == (120, 2, "stopped")
    for command in ("why", "report", "log", "checkpoints"):
        assert trader(command, *home, "--json").code == 0
    shown = trader("log", *home, "--kind", "candle", "-o", "beginning")
    assert "open" in shown.out


def test_a_price_is_of_life(lived: Path) -> None:
    """The first one is not that of the past."""
    log = Reader.open(lived / MARKET / "log")
    ticks = [each for _, each in records(log, 0, log.end) if getattr(each, "taken_ns", None)]

    assert first(log) is not None
    assert ticks


def test_a_year_of_history_hides_no_first_price(tmp_path: Path) -> None:
    from journal.reading import prices
    from tests.support.strategies import quote

    candle = Candle(
        exchange_ns=0, received_ns=0, length_ns=1, open_e8=1, high_e8=1, low_e8=1, close_e8=1,
        volume_e8=1,
    )  # fmt: skip
    with Log.open(tmp_path) as log:
        for _ in range(prices.FIRST_RECORDS // 4_096 + 1):
            log.append([candle] * 4_096)
        log.append([quote(1)])

    assert first(Reader.open(tmp_path)) == 60_005.00000001


def test_what_has_lived_keeps_its_life(lived: Path, place: Place) -> None:
    """Only a gap is filled, by candles that are marked; the second time there is nothing to do."""
    with Log.open(lived / MARKET / "log") as log:
        until_ns = place.start_ns // MINUTE_NS * MINUTE_NS
        spans = [(until_ns - minutes * MINUTE_NS) for minutes in (420, 340)]
        log.append([Gap(received_ns=now_ns(), from_ns=spans[0], to_ns=spans[1], why="away")])
        before = log.end
    # What it covers of history is there already; of what was before, the exchange has nothing.
    with exchange(600) as deeper:
        refused = trader("backfill", *deeper.rest, "--home", str(lived), "--trades")
        assert (refused.code, "has lived" in refused.err) == (2, True)
        said = backfill(lived, deeper, "--since", "9h")
        again = backfill(lived, deeper, "--since", "9h")
    filled = [each for each in records_of(lived)[before:] if isinstance(each, Candle)]

    inside = [each for each in filled if spans[0] <= each.exchange_ns < spans[1]]
    starts = [each.exchange_ns for each in records_of(lived) if isinstance(each, Candle)]
    assert said["candles"] == len(filled) >= len(inside) > 20
    assert all(each.backfilled for each in filled)
    assert len(starts) == len({*starts})
    assert again["candles"] == 0
    assert trader("verify", "--home", str(lived), "--deep").code == 0
    assert trader("replay", "--home", str(lived), "--from", "beginning").code == 0


def test_it_goes_on_where_it_ended(place: Place, tmp_path: Path) -> None:
    """A later run brings what is new, and nothing can be put before the beginning."""
    first_run = backfill(tmp_path, place, "--since", "2h")
    again = trader("backfill", *place.rest, "--home", str(tmp_path), *SINCE, "--json")
    other = trader("backfill", *place.rest, "--home", str(tmp_path), "--candles", "5m")
    starts = [each.exchange_ns for each in records_of(tmp_path) if isinstance(each, Candle)]

    assert first_run["candles"] == len(starts) == len({*starts})
    assert again.summary["candles"] == 0
    assert "nothing can be put before that" in again.err
    assert (other.code, "candles of 60 s" in other.err) == (2, True)


KILLED = """
import os, signal, sys
from eventlog.log import Log
from cli.main import main
most, after = int(sys.argv.pop(1)), sys.argv.pop(1) == "after"
append = Log.append
def append_or_die(log, records):
    if not after and log.end >= most:
        os.kill(os.getpid(), signal.SIGKILL)
    said = append(log, records)
    if after and log.end >= most:
        os.kill(os.getpid(), signal.SIGKILL)
    return said
Log.append = append_or_die
main()
"""


def test_killed_at_any_moment_it_becomes_what_it_would_have_been(
    place: Place, tmp_path: Path
) -> None:
    """At its first record, in the middle, and again and again after that."""
    whole, home = tmp_path / "whole", tmp_path / "killed"
    words = ("--since", "9h", "--trades")
    backfill(whole, place, *words)
    total = len(records_of(whole))
    for most, when in ((1, "after"), (total // 2, "before")):
        command = [
            *(sys.executable, "-c", KILLED, str(most), when, "backfill", *place.rest),
            *("--home", str(home), *SMALL, *words),
        ]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as child:
            assert child.wait() == -signal.SIGKILL
    for appends in (0, 1, 2):
        with killed_after(appends):
            trader("backfill", *place.rest, "--home", str(home), *words)
    backfill(home, place, *words)

    # Candles came to the present of each run; what both cover is the same.
    kept, wanted = history_of(home), history_of(whole)
    assert [each for each in kept if isinstance(each, Trade)] == [
        each for each in wanted if isinstance(each, Trade)
    ]
    assert [each for each in kept if isinstance(each, Candle)] == [
        each for each in wanted if isinstance(each, Candle)
    ]
    assert trader("live", "--url", place.url, "--home", str(home), "--max-ticks", "20").code == 0
    assert trader("verify", "--home", str(home), "--deep").code == 0


def test_an_outage_keeps_what_came_before_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange is gone after the candles: 20, and the next run goes on with the trades."""
    hurry(monkeypatch)
    pages, limit = 0, 2
    asked = Rest.trades

    async def failing(self: Rest, *words: Any, **cursor: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages > limit:
            return await self._ask("/nowhere", {}, lambda body: body)
        return await asked(self, *words, **cursor)

    with monkeypatch.context() as patched:
        patched.setattr(Rest, "trades", failing)
        words = ("--home", str(tmp_path), *SMALL, *SINCE, "--trades")
        answer = trader("backfill", *place.rest, *words)
    assert answer.code == 20
    assert "refused" in answer.err
    ended = [each for each in records_of(tmp_path) if isinstance(each, SessionEnded)]
    assert "RestRefused" in ended[-1].why
    said = backfill(tmp_path, place, *SINCE, "--trades")
    assert said["candles"] == 0
    assert said["trades"]


def test_its_session_says_what_it_was_for(lived: Path) -> None:
    started = next(each for each in records_of(lived) if isinstance(each, SessionStarted))
    source = json.loads(started.detail)["source"]["history"]

    assert (source["candles"], source["trades"]) == ("1m", True)
    assert os.environ.get("TRADER_HOME") is None
