"""The fault campaign: seeded sessions over an exchange that fails at random, and what must hold.

    uv run --group test python -m tests.feeds.campaign --seeds 0:300
    uv run --group test python -m tests.feeds.campaign --seeds 0:3 --live

For every seed a stand-in exchange runs in this process with faults drawn from the seed, and some
sessions follow each other over one journal: feed, log and the engine's reading of the market, the
very modules of ``trader live``, without TensorFlow. All but the last are killed: they end in the
middle, with what had arrived but was not durable lost. Afterwards

* every trade that the exchange published since the first session began stands in the log exactly
  once, streamed or backfilled, or lies in a recorded `Gap`;
* at every update with a checksum at which the engine holds its book to be valid, and at every
  snapshot, that book is the exchange's;
* every byte of the log verifies.

With ``--live`` the sessions are processes of ``trader live``, the killed ones by SIGKILL, against
an exchange that fails as often as a very bad day's; afterwards ``trader verify --deep`` runs every
decision again.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.exit_codes import Exit
from cli.main import app
from engine.market import Column, Market
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import BookUpdate, Gap, Health, Input, SessionEnded, SessionStarted, Trade
from feeds.btcmarkets.backoff import Budget
from feeds.btcmarkets.connection import Feed
from feeds.btcmarkets.protocol import decode
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.clock import monotonic_s, now_ns, sleep_s
from feeds.deduplicator import COMPARED
from feeds.errors import FeedError
from feeds.options import FeedOptions
from feeds.simulator.draws import Draws
from feeds.simulator.faults import Fault, random_faults
from feeds.simulator.market import SyntheticExchange, SyntheticMarket
from feeds.simulator.scenario import SCENARIOS
from feeds.simulator.server import Exchange
from feeds.simulator.source import Frame
from fixtures.record import SMALL, TRADES, trader
from journal.reading.scan import deduplicator_of, predecessor_of, records
from tests.support.loopback import serving
from tests.support.sessions import durable_records

MARKET = "BTC-AUD"
HASTE: dict[str, Any] = {
    "backoff_first_s": 0.005,
    "backoff_most_s": 0.05,
    "handshake_window_s": 0.0,
    "resync_interval_s": 0.02,
    "answer_s": 0.3,
    "stale_after_s": 0.6,
    "rotate_after_s": 2.0,
    "drain_s": 0.05,
    "settle_s": 0.05,
    "audit_s": 0.2,
    "cross_check_s": 1.0,
    "connect_timeout_s": 30.0,
}
"""A day of patience in some seconds."""

PATIENCE_S = 300.0
FILL_S = 10.0
STARTS_MAX = 30


class Witness(SyntheticExchange):
    """A market that remembers what it said: its trades, and its book's checksum by version."""

    def __init__(self, seed: int) -> None:
        market = SyntheticMarket(MARKET, SCENARIOS["calm"], seed=seed, start_ns=10**18)
        super().__init__([market])
        self.trades: list[int] = []
        self.checksums: dict[int, int] = {}

    def advance(self) -> Sequence[Frame]:
        """Go one step on, and remember it."""
        frames = super().advance()
        for frame in frames:
            event = decode(frame.text, 0)
            assert isinstance(event, tuple)
            record = event[1]
            if isinstance(record, Trade):
                self.trades.append(record.trade_id)
            elif isinstance(record, BookUpdate):
                assert record.snapshot_id is not None
                assert record.checksum is not None
                self.checksums[record.snapshot_id] = record.checksum
        return frames


@dataclass(slots=True)
class Outcome:
    """What one seed came to; ``wrong`` is empty where everything held."""

    seed: int
    faults: tuple[Fault, ...]
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def carry(
    home: Path, url: str, outcome: Outcome, witness: Witness, *, ticks: int, killed: bool
) -> None:
    """Run one session for so many records; then end it, or let it be killed."""
    budget = Budget(count=10**6, window_s=1.0)
    rest = Rest(
        rest_url(url), budget=budget, first_s=0.005, most_s=0.05, closed_s=0.02, timeout_s=0.5
    )
    with Log.open(home / "log", segment_bytes=1 << 20) as log:
        market = Market.initial()
        before = predecessor_of(log)
        number = 1 if before is None else before.session + 1
        for batch in log.read(0):
            market.fold(batch)
        began: list[Input] = [SessionStarted(received_ns=now_ns(), session=number, detail="{}")]
        if before is not None:
            since_ns, at_ns = before.last_received_ns, now_ns()
            gap = Gap(received_ns=at_ns, from_ns=since_ns, to_ns=at_ns, why="not running")
            began.append(gap)
        deduplicators = {MARKET: deduplicator_of(log)}
        market.fold(log.append(began).batch())
        seen, until_s = 0, monotonic_s() + PATIENCE_S
        with Feed(
            url, [MARKET], rest=rest, deduplicators=deduplicators, options=FeedOptions(**HASTE)
        ) as feed:
            # Before the end a hole has its time to be filled; where it was not, a gap must say so.
            filled_s: float | None = None
            while seen < ticks or (not killed and feed.state.markets[MARKET].hole):
                if seen >= ticks:
                    filled_s = filled_s or monotonic_s() + FILL_S
                    if monotonic_s() > filled_s:
                        break
                arrived = feed.take(0.05)
                if monotonic_s() > until_s:
                    outcome.wrong.append(f"session {number} stood still: {feed.state}")
                    break
                if not arrived:
                    continue
                seen += len(arrived)
                batch = log.append(arrived).batch()
                rows = market.fold(batch)
                compare(arrived, batch, rows, market, witness, outcome)
                if len(rows) and not rows[-1][Column.VALID]:
                    feed.resync()
            state = feed.state
            feed.stop()
            while not killed and not feed.finished():
                arrived = feed.take(0.05)
                if arrived:
                    market.fold(log.append(arrived).batch())
        if not killed:
            log.append([SessionEnded(received_ns=now_ns(), session=number, why="done", detail="")])
    outcome.counts["sessions"] += 1
    outcome.counts["killed"] += killed
    outcome.counts["reconnects"] += state.reconnects
    outcome.counts["rotations"] += state.rotations
    outcome.counts["cross checks"] += state.cross_checks


def compare(
    arrived: Sequence[Input],
    batch: Any,
    rows: Any,
    market: Market,
    witness: Witness,
    outcome: Outcome,
) -> None:
    """Compare the engine's book with the exchange's, where this is the moment it stands at."""
    books = [record for record in arrived if isinstance(record, BookUpdate)]
    if not books or not len(rows) or not rows[-1][Column.BOOK_VALID]:
        return
    last = books[-1].snapshot_id
    if last is None or last < market.snapshot_id:
        return  # stale: passed over
    outcome.counts["books compared"] += 1
    sides = (market.bids.best(10), market.asks.best(10))
    if last in witness.checksums and _checksum(*sides) != witness.checksums[last]:
        outcome.wrong.append(f"the book at version {last} is not the exchange's")


def _checksum(bids: Any, asks: Any) -> int:
    from engine.checksum import book_checksum

    return book_checksum(bids, asks)


def judge(home: Path, witness: Witness, outcome: Outcome) -> None:
    """Look for every trade, and at every byte."""
    for finding in check(home / "log"):
        outcome.wrong.append(f"verify: {finding}")
    log = Reader.open(home / "log")
    taken: Counter[int] = Counter()
    streamed: list[Trade] = []
    gaps: list[Gap] = []
    compared = 0
    for _, record in records(log, 0, log.end):
        if isinstance(record, Gap):
            gaps.append(record)
        elif isinstance(record, Health):
            compared = json.loads(record.detail).get(COMPARED, compared)
        elif isinstance(record, Trade):
            taken[record.trade_id] += 1
            outcome.counts["backfilled" if record.backfilled else "streamed"] += 1
            if not record.backfilled:
                streamed.append(record)
    outcome.counts["gaps"] = len(gaps)
    twice = [trade_id for trade_id, count in taken.items() if count > 1]
    if twice:
        outcome.wrong.append(f"{len(twice)} trades stand in the log more than once: {twice[:5]}")
    if taken:
        look_for(witness.trades, taken, streamed, gaps, compared, outcome)


def look_for(
    published: Sequence[int],
    taken: Counter[int],
    streamed: Sequence[Trade],
    gaps: Sequence[Gap],
    compared: int,
    outcome: Outcome,
) -> None:
    """Look for every trade that was published."""
    # What is newer than the last comparison is for the next session to find.
    for trade_id in published:
        if min(taken) < trade_id <= max(compared, _newest(streamed, gaps)):
            if trade_id in taken:
                continue
            outcome.counts["missing in a gap"] += 1
            if not _lies_in_gap(trade_id, streamed, gaps):
                outcome.wrong.append(f"trade {trade_id} is missing, and no gap says so")


def _newest(streamed: Sequence[Trade], gaps: Sequence[Gap]) -> int:
    """Return the newest trade before the end of the last gap: later ones need not be looked at."""
    until_ns = max((gap.to_ns for gap in gaps), default=0)
    return max((t.trade_id for t in streamed if t.received_ns <= until_ns), default=0)


def _lies_in_gap(trade_id: int, streamed: Sequence[Trade], gaps: Sequence[Gap]) -> bool:
    """Return whether a gap covers the time between the last older and the first newer trade."""
    after_ns = max((t.received_ns for t in streamed if t.trade_id < trade_id), default=0)
    before_ns = min((t.received_ns for t in streamed if t.trade_id > trade_id), default=2**63)
    return any(gap.from_ns <= before_ns and gap.to_ns >= min(after_ns, before_ns) for gap in gaps)


def run(seed: int, *, ticks: int = 1_500, sessions: int = 3) -> Outcome:
    """Run one seed and judge it."""
    faults = random_faults(seed)
    outcome = Outcome(seed, tuple(faults))
    witness = Witness(seed)
    exchange = Exchange(
        witness, speed=None, faults=faults, seed=seed, heartbeat_s=0.05, maintenance_s=0.1,
        slow_s=0.6,
    )  # fmt: skip
    draws = Draws(seed=seed, stream="campaign", width=1)
    with tempfile.TemporaryDirectory() as directory, serving(exchange) as url:
        home = Path(directory)
        for number in range(sessions):
            (draw,) = draws.row(number)
            count = int(ticks * (0.5 + draw))
            is_last = number == sessions - 1
            while True:
                try:
                    carry(home, url, outcome, witness, ticks=count, killed=not is_last)
                    break
                except FeedError:
                    # Said with an exit code, and started anew: by a person, or a service manager.
                    outcome.counts["starts refused"] += 1
                    assert outcome.counts["starts refused"] < STARTS_MAX, "the exchange is gone"
        outcome.counts["published"] = len(witness.trades)
        if (home / "log").exists():
            judge(home, witness, outcome)
    return outcome


LIVE_FAULTS = (
    *(Fault("close", 2_000), Fault("cut", 4_000), Fault("duplicate", 200), Fault("lose", 500)),
    *(Fault("reorder", 700), Fault("garbage", 150), Fault("bad-checksum", 900)),
    *(Fault("maintenance", 9_000), Fault("shut", 9_000), Fault("stale", 2), Fault("clock", 5_000)),
    *(Fault("refuse", 4), Fault("alert", 5), Fault("drop", 5_000), Fault("away", 50)),
    *(Fault("rest-429", 6), Fault("rest-500", 5), Fault("rest-cut", 6)),
)


def run_live(seed: int, *, kills: int = 2) -> Outcome:
    """Run one seed with processes of ``trader live``, all but the last killed, and judge it."""
    outcome, witness = Outcome(seed, LIVE_FAULTS), Witness(seed)
    exchange = Exchange(witness, speed=10.0, faults=LIVE_FAULTS, seed=seed)
    draws = Draws(seed=seed, stream="campaign", width=1)
    with tempfile.TemporaryDirectory() as directory, serving(exchange) as url:
        place = Path(directory) / MARKET
        command = trader("live", "--url", url, "--home", directory, *SMALL, *TRADES)
        for number in range(kills):
            more = 2_000 + int(6_000 * draws.row(number)[0])
            until = durable_records(place) + more
            _session(command, outcome, place, until=until)
            outcome.counts["killed"] += 1
        _session([*command, "--for", "30s"], outcome, place)
        outcome.counts["sessions"] = kills + 1
        outcome.counts["published"] = len(witness.trades)
        judge(place, witness, outcome)
        # The command itself, but in this process: the step is compiled once for all seeds.
        verified = CliRunner().invoke(app, ["verify", "--home", directory, "--deep"])
        if verified.exit_code:
            outcome.wrong.append(f"verify --deep: {verified.exit_code} {verified.output}")
        outcome.counts["verified deeply"] += not verified.exit_code
    return outcome


def _session(
    command: Sequence[str], outcome: Outcome, place: Path, *, until: int | None = None
) -> None:
    """Run a session to its end, or kill it once ``until`` records are durable.

    One that does not reach the exchange in time is started anew, as a service manager would.
    """
    while True:
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
            while child.poll() is None and (until is None or durable_records(place) < until):
                sleep_s(0.2)
            child.send_signal(signal.SIGKILL)
        if child.returncode in (Exit.OK, -signal.SIGKILL):
            return
        assert child.returncode == Exit.UNREACHABLE, f"the session ended with {child.returncode}"
        outcome.counts["starts refused"] += 1


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of a table over all seeds."""
    total = sum((outcome.counts for outcome in outcomes), Counter[str]())
    kinds = Counter(fault.name for outcome in outcomes for fault in outcome.faults)
    yield f"seeds {outcomes[0].seed} to {outcomes[-1].seed}: {len(outcomes)}"
    for name, count in total.items():
        yield f"  {name:20} {count:>12,}"
    yield "  faults in seeds      " + ", ".join(f"{n} {c}" for n, c in sorted(kinds.items()))
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    yield f"  wrong                {len(wrong):>12,}"
    for outcome in wrong:
        yield f"    seed {outcome.seed}: {outcome.wrong[0]} ({len(outcome.wrong)} in all)"


def main() -> int:
    """Run the campaign that the arguments ask for."""
    parser = argparse.ArgumentParser(description="The fault campaign.")
    parser.add_argument("--seeds", default="0:20", help="FROM:TO, TO not included")
    parser.add_argument("--ticks", type=int, default=1_500, help="records a session, about")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no seed after so long")
    parser.add_argument("--live", action="store_true", help="with processes of trader live")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition(":")
    outcomes: list[Outcome] = []
    until_s = monotonic_s() + 60.0 * arguments.minutes
    for seed in range(int(first), int(last)):
        if monotonic_s() > until_s:
            break
        live = arguments.live
        outcomes.append(run_live(seed) if live else run(seed, ticks=arguments.ticks))
        print(seed, dict(outcomes[-1].counts), *outcomes[-1].wrong[:3], file=sys.stderr, flush=True)
    print("\n".join(table(outcomes)))
    return any(outcome.wrong for outcome in outcomes)


if __name__ == "__main__":
    sys.exit(main())
