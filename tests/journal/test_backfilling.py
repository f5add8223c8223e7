"""History before life: durable page by page, never decided on, and gone on with after a kill."""

import errno
import itertools
import json
import os
import shutil
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
from eventlog.records import Candle, Gap, Quote, Record, SessionEnded, SessionStarted, Trade
from eventlog.storage import DISK
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
def exchange(minutes: int = 300, *, seed: int = 3, ahead_s: int = 0) -> Iterator[Place]:
    # Not where a tenth of a second decides on a minute.
    start_ns = (now_ns() // 10**9 + ahead_s) * 10**9 // MINUTE_NS * MINUTE_NS - 25 * 10**9
    source = market(seed=seed, start_ns=start_ns)
    pasts = source.pasts(seed=seed, minutes=minutes, start_ns=start_ns)
    with serving(Exchange(source, speed=None, pasts=pasts)) as url:
        yield Place(url, pasts[MARKET], start_ns)


@pytest.fixture
def place() -> Iterator[Place]:
    """A stand-in of a test's own: its market begins to move when a session listens to it."""
    with exchange() as made:
        yield made


@pytest.fixture(scope="module")
def lived_at() -> Iterator[Place]:
    """The stand-in that `lived` listened to."""
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
def lived(lived_at: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a history, on which a session followed."""
    home, place = tmp_path_factory.mktemp("lived"), lived_at
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
    assert gaps == []
    live = ("live", "--url", place.url, "--home", str(home), "--max-ticks", "120", "--json")
    answer = trader(*live)
    assert answer.code == 0, answer.err
    return home


def seam_of(home: Path) -> tuple[Gap, Record, SessionStarted]:
    """Return the gap before the first tick of life, that tick, and the start of the history."""
    found = records_of(home)
    place = next(n for n, each in enumerate(found) if getattr(each, "taken_ns", None))
    (gap,) = [each for each in found[:place] if isinstance(each, Gap)]
    started = next(each for each in found if isinstance(each, SessionStarted))
    return gap, found[place], started


def test_one_gap_leads_from_history_to_life(lived: Path) -> None:
    """From the end of what is whole of both, candles and trades, to the first tick."""
    gap, first_tick, started = seam_of(lived)
    candles, trades, _, _ = by_kind(records_of(lived))
    fetched = [each.exchange_ns or 0 for each in trades if each.source]
    ahead_ns = json.loads(started.detail)["source"]["history"]["ahead_ns"]

    assert gap.from_ns == min(candles[-1].end_ns, max(fetched)) - ahead_ns
    assert (gap.to_ns, gap.why) == (first_tick.received_ns, "not running")


@pytest.mark.parametrize("ahead_s", [600, -600])
def test_the_gap_is_on_our_clock_whatever_the_exchange_s_says(tmp_path: Path, ahead_s: int) -> None:
    """An exchange whose clock is minutes ahead has candles of our future, and no hole."""
    with exchange(60, ahead_s=ahead_s) as place:
        backfill(tmp_path, place, "--since", "2h")
        asked_ns = now_ns()
        live = ("live", "--url", place.url, "--home", str(tmp_path), "--max-ticks", "20")
        assert trader(*live).code == 0
    gap, _, _ = seam_of(tmp_path)
    newest = by_kind(records_of(tmp_path))[0][-1]

    assert gap.from_ns <= asked_ns < gap.to_ns
    # The stand-in's clock stood still from its beginning until it was listened to.
    assert abs(newest.end_ns - ahead_s * 10**9 - gap.from_ns) < 2 * MINUTE_NS


def test_a_session_after_a_killed_backfill_says_all_that_is_missing(
    place: Place, tmp_path: Path
) -> None:
    """Killed in the middle and not run again: the gap begins where its last page ends."""
    with short_windows(100), killed_after(3):
        trader("backfill", *place.rest, "--home", str(tmp_path), *SMALL, *SINCE)
    assert (
        trader("live", "--url", place.url, "--home", str(tmp_path), "--max-ticks", "20").code == 0
    )
    gap, first_tick, started = seam_of(tmp_path)
    candles, _, _, _ = by_kind(records_of(tmp_path))
    ahead_ns = json.loads(started.detail)["source"]["history"]["ahead_ns"]

    assert place.start_ns - candles[-1].end_ns > 60 * MINUTE_NS
    assert (gap.from_ns, gap.to_ns) == (candles[-1].end_ns - ahead_ns, first_tick.received_ns)
    # What was not fetched is a gap of a journal that has lived, and can be filled.
    assert backfill(tmp_path, place, *SINCE)["candles"] > 60


@contextmanager
def short_windows(rows: int) -> Iterator[None]:
    """Have windows of fewer candles, so that a short history has several pages."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("feeds.btcmarkets.history.WINDOW_ROWS", rows)
        yield


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


def test_what_has_lived_keeps_its_life(lived: Path, lived_at: Place, tmp_path: Path) -> None:
    """Only a gap is filled, by candles that are marked; the second time there is nothing to do."""
    home = shutil.copytree(lived, tmp_path / "home")
    with Log.open(home / MARKET / "log") as log:
        until_ns = lived_at.start_ns // MINUTE_NS * MINUTE_NS
        spans = [(until_ns - minutes * MINUTE_NS) for minutes in (420, 340)]
        ticks = [each for each in records_of(home) if isinstance(each, Quote)]
        ahead_ns = (ticks[-1].exchange_ns or 0) - ticks[-1].received_ns
        ours = [span - ahead_ns for span in spans]
        log.append([Gap(received_ns=now_ns(), from_ns=ours[0], to_ns=ours[1], why="away")])
        before = log.end
    # What it covers of history is there already; of what was before, the exchange has nothing.
    with exchange(600) as deeper:
        refused = trader("backfill", *deeper.rest, "--home", str(home), "--trades")
        assert (refused.code, "has lived" in refused.err) == (2, True)
        said = backfill(home, deeper, "--since", "9h")
        again = backfill(home, deeper, "--since", "9h")
    filled = [each for each in records_of(home)[before:] if isinstance(each, Candle)]

    inside = [each for each in filled if spans[0] <= each.exchange_ns < spans[1]]
    starts = [each.exchange_ns for each in records_of(home) if isinstance(each, Candle)]
    assert said["candles"] == len(filled) >= len(inside) > 20
    assert min(each.exchange_ns for each in filled) == inside[0].exchange_ns
    assert all(each.backfilled for each in filled)
    assert len(starts) == len({*starts})
    assert again["candles"] == 0
    assert trader("verify", "--home", str(home), "--deep").code == 0
    assert trader("replay", "--home", str(home), "--from", "beginning").code == 0


def test_it_goes_on_where_it_ended(place: Place, tmp_path: Path) -> None:
    """A later run brings what is new, and nothing can be put before the beginning."""
    first_run = backfill(tmp_path, place, "--since", "2h")
    again = trader("backfill", *place.rest, "--home", str(tmp_path), *SINCE, "--json")
    other = trader("backfill", *place.rest, "--home", str(tmp_path), "--candles", "5m")
    starts = [each.exchange_ns for each in records_of(tmp_path) if isinstance(each, Candle)]

    assert first_run["candles"] == len(starts) == len({*starts})
    # Nothing is new, or a minute that has ended since: it was asked for either way.
    assert (again.summary["candles"], again.summary["undecodable"]) == (0, 0)
    assert again.summary["stopped_because"] == "reached the present"
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
    """At its first record, in the middle, and eight times more: between a page and its record,
    and between its record and the next page."""
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
    for appends, after in itertools.product((0, 1, 2, 3), (False, True)):
        with short_windows(150), killed_after(appends, after=after):
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


def test_what_contradicts_its_own_past_is_kept_as_that(place: Place, tmp_path: Path) -> None:
    """Another history of the same times: what is recorded stays, and each candle is said."""
    backfill(tmp_path, place, "--since", "2h")
    before = by_kind(records_of(tmp_path))[0]
    with exchange(seed=4) as other:
        answer = trader("backfill", *other.rest, "--home", str(tmp_path), *SINCE, "--json")
    _, _, _, odd = by_kind(records_of(tmp_path))

    assert answer.code == 0
    assert "candles are not what the exchange said before" in answer.err
    assert answer.summary["undecodable"] == len(odd) > 10
    assert all("contradicts the one recorded" in each.why for each in odd)
    assert by_kind(records_of(tmp_path))[0][: len(before)] == before


@pytest.mark.parametrize("how", ["the floor", "the disk"])
def test_a_disk_that_fills_keeps_what_came_before_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """21, and with room again the same command goes on to the same end."""
    whole, home = tmp_path / "whole", tmp_path / "full"
    backfill(whole, place, *SINCE)
    append, free_bytes = Log.append, type(DISK).free_bytes
    appended = 0

    def counted(self: Log, found: Any) -> Any:
        nonlocal appended
        appended += 1
        if how == "the disk" and appended > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return append(self, found)

    def free(disk: Any, at: Path) -> int:
        return 0 if how == "the floor" and appended >= 2 else free_bytes(disk, at)

    with short_windows(100), monkeypatch.context() as patched:
        patched.setattr(Log, "append", counted)
        patched.setattr(type(DISK), "free_bytes", free)
        answer = trader("backfill", *place.rest, "--home", str(home), *SMALL, *SINCE)
    kept = by_kind(records_of(home))[0]
    assert answer.code == 21
    assert kept
    assert len(kept) < len(by_kind(records_of(whole))[0])
    ended = [each.why for each in records_of(home) if isinstance(each, SessionEnded)]
    assert ["LimitReached" in why for why in ended] == ([True] if how == "the floor" else [])

    backfill(home, place, *SINCE)
    assert history_of(home) == history_of(whole)
    assert trader("verify", "--home", str(home)).code == 0


def test_its_session_says_what_it_was_for(lived: Path) -> None:
    started = next(each for each in records_of(lived) if isinstance(each, SessionStarted))
    source = json.loads(started.detail)["source"]["history"]

    assert (source["candles"], source["trades"]) == ("1m", True)
    assert os.environ.get("TRADER_HOME") is None
