"""The campaign of seams: seeded pasts, backfills that are killed, and the sessions that follow.

    uv run --group test python -m tests.journal.seams --seeds 0:300

For every seed a stand-in exchange runs in this process, with a past of some depth, with holes, with
faults of REST and with a clock apart from ours, all drawn from the seed. `trader backfill` is ended
in the middle some times and run again, mostly until it is done; sessions of `trader live` follow,
with a run that fills their gaps in between. Afterwards

* no candle and no trade is there twice, and each candle is the sum of the exchange's own trades;
* each trade that was published between the first and the last one that are there is there, or a
  gap stands where it is missing, or a record that says that its row could not be read;
* of those up to which a session compared itself with REST, none is missing but such rows;
* each minute of the past with a trade has its candle or lies in a gap;
* from the end of history to the first tick of life there is one gap without a break;
* every byte verifies, every decision is repeated, and none was made before life.

In most seeds the exchange's market runs in real time, as long as the exchange does, and every
missing trade has to be in a gap by the very moment of its publication. In the others it runs five
times as fast, or as fast as it is read, so that its clock is no clock: then a gap has to stand in
the log between what was published before the trade and after it.
"""

import argparse
import json
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from eventlog.integrity import check
from eventlog.log import Commit, Log
from eventlog.reader import Reader
from eventlog.records import (
    BookUpdate,
    Candle,
    Decision,
    Gap,
    Health,
    Record,
    Tick,
    Trade,
    Undecodable,
)
from feeds.btcmarkets.backoff import Budget
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.clock import monotonic_s, now_ns
from feeds.deduplicator import COMPARED
from feeds.options import FeedOptions
from feeds.simulator.draws import Draws
from feeds.simulator.faults import Fault
from feeds.simulator.past import MINUTE_NS, PastTrade
from feeds.simulator.server import Exchange
from feeds.simulator.source import Frame
from fixtures.record import SMALL
from journal.reading import scan
from journal.reading.details import detail_of
from journal.reading.past import Past
from tests.support.commands import trader
from tests.support.loopback import serving
from tests.support.pasts import HASTE, MARKET, by_kind, cells, market, sums

FAULTS = (
    *("repeat-page", "shuffle-page", "odd-candle"),
    *("rest-429", "rest-403", "rest-500", "rest-cut", "odd-row"),
)
KILLS_MAX = 10
SETTLE_S = 0.2
APART_S = (0, 0, 0, 20, -20, 600, -600, 3_000)
"""How far the exchange's clock may be from ours, in seconds."""

DEEP_EVERY = 20
"""In one of so many seeds, every decision is repeated from every kept state: that takes long."""

_UNREACHABLE = 20
_MOMENT_NS = 10**9
"""Between a frame's time and the moments of its publication and of its reading, on a busy machine.
The exchange's clock is further apart from ours, and a candle is not asked for within ten seconds.
"""


class Killed(BaseException):
    """The process is gone: nobody catches it."""


@contextmanager
def killed_after(appends: int, *, after: bool = False) -> Iterator[None]:
    """End whatever appends so many times to a log: before the next append, or after it."""
    append, left = Log.append, appends

    def append_or_die(self: Log, records: Sequence[Record]) -> Commit:
        nonlocal left
        if not left and not after:
            raise Killed
        said = append(self, records)
        if not left:
            raise Killed
        left -= 1
        return said

    Log.append = append_or_die  # type: ignore[method-assign]
    try:
        yield
    except Killed:
        pass
    finally:
        Log.append = append  # type: ignore[method-assign]


@contextmanager
def listened_to(url: str) -> Iterator[None]:
    """Listen to a market meanwhile, so that it goes on while nobody else does."""
    with connect(url) as socket:
        request = {"messageType": "subscribe", "marketIds": [MARKET], "channels": ["trade"]}
        socket.send(json.dumps(request))

        def listen() -> None:
            try:
                for _ in socket:
                    pass
            except ConnectionClosed:
                pass

        listening = threading.Thread(target=listen)
        listening.start()
        try:
            yield
        finally:
            socket.close()
            listening.join()


@dataclass(slots=True)
class Tally:
    """What the seeds came to."""

    seeds: int = 0
    kills: int = 0
    candles: int = 0
    published: int = 0
    recorded: int = 0
    in_gaps: int = 0
    odd: int = 0
    minutes_in_gaps: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.seeds} seeds, {self.kills} kills, {self.candles:,} candles,"
            f" {self.minutes_in_gaps:,} minutes missing and said;"
            f" {self.published:,} trades published, {self.recorded:,} recorded,"
            f" {self.in_gaps:,} in gaps, {self.odd:,} odd rows; {len(self.wrong)} wrong"
        )


class Seam:
    """One seed: what is asked for, and what is true."""

    def __init__(self, seed: int, home: Path, tally: Tally) -> None:
        draw = iter(Draws(seed=seed, stream="seams", width=64).row(0))
        self._home = home
        self._is_deep = seed % DEEP_EVERY == DEEP_EVERY - 1
        self._tally = tally
        self.minutes = [0, 3, 90, 700, 2_500][int(next(draw) * 5)]
        self.with_trades = next(draw) < 0.6
        kills = int(next(draw) * (KILLS_MAX + 1))
        self.kills = [(int(next(draw) ** 2 * 12), next(draw) < 0.5) for _ in range(kills)]
        self.is_finished = next(draw) < 0.75
        hole_every = 3 if next(draw) < 0.4 else 0
        faults = [Fault(name, 3 + int(next(draw) * 8)) for name in FAULTS if next(draw) < 0.5]
        self.apart_s = APART_S[int(next(draw) * len(APART_S))]
        self.speed = [1.0, 1.0, 1.0, 5.0, None][int(next(draw) * 5)]
        start_ns = now_ns() + self.apart_s * 10**9
        source = market(seed=seed, start_ns=start_ns)
        pasts = source.pasts(
            seed=seed, minutes=self.minutes, start_ns=start_ns, hole_every=hole_every
        )
        self.past = pasts[MARKET]
        self.exchange = Exchange(
            source, speed=self.speed, faults=faults, seed=seed, pasts=pasts, slow_s=0.1
        )
        self._apart_ns: int | None = None
        self._moments_ns: dict[int, int] = {}
        self._publish = self.exchange._desk.publish
        self.exchange._desk.publish = self._published  # type: ignore[method-assign]

    def _published(self, frame: Frame, at_ns: int) -> None:
        self._publish(frame, at_ns)
        if self._apart_ns is None:
            # A trade of the past was published when the exchange's clock, had it run, said so.
            self._apart_ns = at_ns - now_ns()
            for each in self.past.during(0, 2**62):
                self._moments_ns[each.trade_id] = each.at_ns - self._apart_ns
        if frame.channel == "trade":
            self._moments_ns[self._printed[-1].trade_id] = now_ns()

    @property
    def _printed(self) -> Sequence[PastTrade]:
        return self.exchange._desk._printed[MARKET]

    def run(self) -> None:
        """Make the journal and hold it to what is true."""
        with serving(self.exchange) as url:
            is_real = self.speed == 1.0
            with listened_to(url) if is_real else nullcontext():
                before = self._make(url, ticks="30" if is_real else "150")
        self._hold(before)

    def _make(self, url: str, *, ticks: str) -> int:
        """Fetch the past, live, fill gaps; return where life begins in the log."""
        words = ["backfill", "--rest-url", rest_url(url), "--since", "30h", *SMALL]
        words += ["--home", str(self._home)]
        of_past = [*words, *(["--trades"] if self.with_trades else [])]
        for appends, after in self.kills:
            with killed_after(appends, after=after):
                trader(*of_past)
        log = self._home / MARKET / "log"
        if self.is_finished or not log.exists() or not Reader.open(log).end:
            self._done(of_past)
        before = Reader.open(log).end
        for limit in (("--max-ticks", ticks), ("--for", "1.5s")):
            self._done(["live", "--url", url, "--home", str(self._home), *limit])
        self._done(words)
        self._done(["live", "--url", url, "--home", str(self._home), "--max-ticks", ticks])
        deep = ("verify", "--deep") if self._is_deep else ("replay", "--from", "beginning")
        repeated = trader(*deep, "--home", str(self._home))
        assert repeated.code == 0, f"{deep}: {repeated.out[-500:]} {repeated.err[-500:]}"
        return before

    def _done(self, words: list[str]) -> None:
        """Run a command, again where the exchange was not reached on a busy machine."""
        for _ in range(20):
            answer = trader(*words)
            if answer.code != _UNREACHABLE:
                break
        assert answer.code == 0, f"{words[0]}: {answer.code} {answer.err[-500:]}"

    def _hold(self, before: int) -> None:
        path = self._home / MARKET / "log"
        log = Reader.open(path)
        found: list[Record] = [record for _, record in scan.records(log, 0, log.end)]
        assert check(path) == []
        assert not any(isinstance(each, Decision) for each in found[:before])
        candles, trades, _, odd = by_kind(found)
        true = [*self.past.during(0, 2**62), *self._printed]
        self._hold_seam(found, before)
        said = Said(found, self._moments_ns)
        self._hold_trades(found, trades, true, said)
        self._hold_candles(candles, true, said, Past.of(log))
        self._tally.odd += len(odd)

    def _hold_seam(self, found: list[Record], before: int) -> None:
        """Hold that one gap reaches from history to life."""
        place = next(
            n for n, each in enumerate(found)
            if n >= before and isinstance(each, Tick) and each.taken_ns is not None
        )  # fmt: skip
        first = found[place]
        gaps = [each for each in found[before:place] if isinstance(each, Gap)]
        candles = [each for each in found[:before] if isinstance(each, Candle)]
        if candles:
            (gap,) = gaps
            assert self._apart_ns is not None
            assert gap.to_ns == first.received_ns, "the gap does not reach to the first tick"
            if self.speed == 1.0:
                late_ns = gap.from_ns - (candles[-1].end_ns - self._apart_ns)
                assert late_ns <= _MOMENT_NS, f"history and life, and a hole of {late_ns / 1e9} s"

    def _hold_trades(
        self, found: list[Record], trades: list[Trade], true: list[PastTrade], said: "Said"
    ) -> None:
        ids = [each.trade_id for each in trades]
        assert len(ids) == len({*ids}), "a trade twice"
        if not ids:
            return
        there, last_ns = {*ids}, said.last_ns
        wanted = [each for each in true if each.trade_id >= min(ids) and each.at_ns <= last_ns]
        missing = [each for each in wanted if each.trade_id not in there]
        unsaid = [each.trade_id for each in missing if not said.of(each)]
        assert not unsaid, f"{len(unsaid)} of {len(missing)} missing trades unsaid: {unsaid[:5]}"
        health = [detail_of(each.detail) for each in found if isinstance(each, Health)]
        compared = max((each.get(COMPARED, 0) for each in health), default=0)
        left = [each for each in missing if each.trade_id <= compared]
        unread = [each.trade_id for each in left if not said.unread(each)]
        assert not unread, f"{len(unread)} trades missing that were compared: {unread[:5]}"
        self._tally.published += len(wanted)
        self._tally.recorded += len(ids)
        self._tally.in_gaps += len(missing)

    def _hold_candles(
        self, candles: list[Candle], true: list[PastTrade], said: "Said", past: Past
    ) -> None:
        starts = [each.exchange_ns for each in candles]
        history = [each.exchange_ns for each in candles if not each.backfilled]
        wanted = sums(true)
        assert len(starts) == len({*starts}), "a candle twice"
        assert history == sorted(history)
        wrong = [each for each in candles if wanted[each.exchange_ns] != cells(each)]
        assert not wrong, f"{len(wrong)} candles are not the sums of their trades"
        self._tally.candles += len(candles)
        if not history:
            return
        there = {*starts}
        missing = {
            each
            for each in wanted
            if history[0] <= each < said.first_ns // MINUTE_NS * MINUTE_NS and each not in there
        }
        self._tally.minutes_in_gaps += len(missing)
        gaps = past.gaps_ns
        unsaid = [
            each
            for each in missing
            if not any(from_ns <= each and each + MINUTE_NS <= to_ns for from_ns, to_ns in gaps)
        ]
        assert not unsaid, f"{len(unsaid)} minutes are missing unsaid: {unsaid[:3]}"
        if self.speed == 1.0:
            late = [
                each.trade_id
                for each in true
                if each.at_ns // MINUTE_NS * MINUTE_NS in missing and not said.at(each)
            ]
            assert not late, f"{len(late)} trades of missing minutes are in no gap: {late[:5]}"


class Said:
    """What a log says of trades that it does not have."""

    def __init__(self, found: list[Record], moments_ns: dict[int, int]) -> None:
        self._moments_ns = moments_ns
        self._raws = b"\n".join(each.raw for each in found if isinstance(each, Undecodable))
        streamed = [
            (place, each.exchange_ns or 0)
            for place, each in enumerate(found)
            if isinstance(each, Tick) and _is_streamed(each)
        ]
        self.first_ns, self.last_ns = streamed[0][1], streamed[-1][1]
        self._gaps: list[tuple[Gap, int, int]] = []
        for place, gap in enumerate(found):
            if isinstance(gap, Gap):
                before_ns = next((at for n, at in reversed(streamed) if n < place), 2**63)
                after_ns = next((at for n, at in streamed if n > place), self.last_ns)
                self._gaps.append((gap, before_ns, after_ns))

    def of(self, trade: PastTrade) -> bool:
        """Return whether a missing trade lies in a gap, or was a row that could not be read."""
        return self.at(trade) or self._stands(trade) or self._is_odd(trade)

    def at(self, trade: PastTrade) -> bool:
        """Return whether a gap covers the moment at which a trade was published."""
        at_ns = self._moments_ns[trade.trade_id]
        return any(
            gap.from_ns - _MOMENT_NS <= at_ns <= gap.to_ns + _MOMENT_NS for gap, *_ in self._gaps
        )

    def unread(self, trade: PastTrade) -> bool:
        """Return whether it was a row that could not be read, or lies in a gap of such rows."""
        at_ns = self._moments_ns[trade.trade_id]
        of_rows = (gap for gap, *_ in self._gaps if "trades" in gap.why)
        lies = any(gap.from_ns - _MOMENT_NS <= at_ns <= gap.to_ns + _MOMENT_NS for gap in of_rows)
        return lies or self._is_odd(trade)

    def _stands(self, trade: PastTrade) -> bool:
        """Return whether a gap stands in the log between what came before a trade and after it.

        Of a session that is ended by a number of ticks, what came after the last one is not said
        to the moment.
        """
        return any(before_ns <= trade.at_ns <= after_ns for _, before_ns, after_ns in self._gaps)

    def _is_odd(self, trade: PastTrade) -> bool:
        return f'"{trade.trade_id}"'.encode() in self._raws


def _is_streamed(record: Tick) -> bool:
    """Return whether a record came as it happened, stamped with the present of the exchange."""
    if isinstance(record, Trade):
        return not record.backfilled
    return not (isinstance(record, BookUpdate) and record.snapshot)


@contextmanager
def hurrying() -> Iterator[None]:
    """Have clients of REST wait a moment only between attempts, and sessions for their stream."""
    changes = [
        (Rest.__init__, {**HASTE, "budget": Budget(count=10_000, window_s=1.0)}),
        (FeedOptions.__init__, {"settle_s": SETTLE_S}),
    ]
    kept = []
    for function, values in changes:
        defaults = function.__kwdefaults__
        assert defaults is not None
        kept.append((defaults, dict(defaults)))
        defaults |= values
    try:
        yield
    finally:
        for defaults, values in kept:
            defaults |= values


def campaign(seeds: range) -> Tally:
    """Run seeds; return what they came to."""
    tally = Tally()
    with hurrying():
        for seed in seeds:
            with tempfile.TemporaryDirectory() as home:
                began_s = monotonic_s()
                seam = Seam(seed, Path(home), tally)
                tally.seeds += 1
                tally.kills += len(seam.kills)
                try:
                    seam.run()
                    said = "ok"
                except AssertionError as error:
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    said = f"WRONG: {error or where.line} ({Path(where.filename).name})"
                    tally.wrong.append(f"seed {seed}: {said}")
                took_s = monotonic_s() - began_s
                print(
                    f"seed {seed}: {seam.minutes} minutes, trades {seam.with_trades},"
                    f" killed {len(seam.kills)} times, finished {seam.is_finished},"
                    f" clock {seam.apart_s:+} s, speed {seam.speed}, {took_s:.1f} s: {said}",
                    flush=True,
                )
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:20", metavar="A:B")
    first, _, last = parser.parse_args().seeds.partition(":")
    tally = campaign(range(int(first), int(last)))
    print(tally, *tally.wrong, sep="\n")
    raise SystemExit(bool(tally.wrong))


if __name__ == "__main__":
    main()
