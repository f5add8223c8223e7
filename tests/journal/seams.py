"""The campaign of seams: seeded pasts, backfills that are killed, and the sessions behind them.

    uv run --group test python -m tests.journal.seams --seeds 0:300

For every seed a stand-in exchange runs in this process, with a past of some depth, with holes and
with faults of REST drawn from the seed. `trader backfill` is ended in the middle some times and run
again until it is done; two sessions of `trader live` follow; then the journal's gaps are filled.
Afterwards

* no candle is there twice, and each is the sum of the exchange's own trades;
* between the first candle and the last one of history, each minute with a trade has its candle,
  lies in a recorded gap, or was a row that could not be read and is recorded as one;
* from the end of history to the first tick of life there is a gap without a break;
* no trade is there twice, and none is missing that does not lie in a gap (with ``--trades``);
* every byte of the log verifies, and nothing was decided before life.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventlog.integrity import check
from eventlog.log import Commit, Log
from eventlog.reader import Reader
from eventlog.records import Candle, Decision, Gap, Record, Trade
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.clock import monotonic_s, now_ns
from feeds.simulator.draws import Draws
from feeds.simulator.faults import Fault
from feeds.simulator.past import MINUTE_NS, PastTrade
from feeds.simulator.server import Exchange
from fixtures.record import SMALL
from journal.reading import scan
from tests.support.commands import trader
from tests.support.loopback import serving
from tests.support.pasts import HASTE, MARKET, by_kind, cells, market, sums

FAULTS = (
    *("repeat-page", "shuffle-page", "odd-candle"),
    *("rest-429", "rest-403", "rest-500", "rest-cut", "odd-row"),
)
KILLS_MAX = 4
_UNREACHABLE = 20


class Killed(BaseException):
    """The process is gone: nobody catches it."""


@contextmanager
def killed_after(appends: int) -> Iterator[None]:
    """End whatever appends so many times to a log, in the middle of it."""
    append, left = Log.append, appends

    def append_or_die(self: Log, records: Sequence[Record]) -> Commit:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        return append(self, records)

    Log.append = append_or_die  # type: ignore[method-assign]
    try:
        yield
    except Killed:
        pass
    finally:
        Log.append = append  # type: ignore[method-assign]


class Seam:
    """One seed: what is asked for, and what is true."""

    def __init__(self, seed: int, home: Path) -> None:
        draw = iter(Draws(seed=seed, stream="seams", width=32).row(0))
        self._home = home
        self.minutes = [0, 3, 90, 700, 2_500][int(next(draw) * 5)]
        self.with_trades = next(draw) < 0.6
        self.kills = [int(next(draw) ** 2 * 12) for _ in range(int(next(draw) * (KILLS_MAX + 1)))]
        hole_every = 3 if next(draw) < 0.4 else 0
        faults = [Fault(name, 3 + int(next(draw) * 8)) for name in FAULTS if next(draw) < 0.5]
        start_ns = now_ns()
        source = market(seed=seed, start_ns=start_ns)
        pasts = source.pasts(
            seed=seed, minutes=self.minutes, start_ns=start_ns, hole_every=hole_every
        )
        self.past = pasts[MARKET]
        self.exchange = Exchange(
            source, speed=None if seed % 2 else 20.0, faults=faults, seed=seed, pasts=pasts
        )

    def run(self) -> None:
        """Make the journal and hold it to what is true."""
        with serving(self.exchange) as url:
            words = ["backfill", "--rest-url", rest_url(url), "--since", "30h", *SMALL]
            words += ["--home", str(self._home), *(["--trades"] if self.with_trades else [])]
            for appends in self.kills:
                with killed_after(appends):
                    trader(*words)
            self._done(words)
            before = Reader.open(self._home / MARKET / "log").end
            for _ in range(2):
                live = trader("live", "--url", url, "--home", str(self._home), "--max-ticks", "150")
                assert live.code == 0, live.err
            self._done([word for word in words if word != "--trades"])
        self._hold(before)

    def _done(self, words: list[str]) -> None:
        for _ in range(20):
            answer = trader(*words)
            if answer.code != _UNREACHABLE:
                break
        assert answer.code == 0, answer.err

    def _hold(self, before: int) -> None:
        path = self._home / MARKET / "log"
        log = Reader.open(path)
        found: list[Record] = [record for _, record in scan.records(log, 0, log.end)]
        assert check(path) == []
        assert not any(isinstance(each, Decision) for each in found[:before])
        candles, trades, gaps, odd = by_kind(found)
        printed = list(self.exchange._desk._printed[MARKET])
        true = [*self.past.during(0, 2**62), *printed]
        self._hold_candles(candles, gaps, len(odd), true)
        self._hold_seam(found, before, gaps)
        if self.with_trades:
            self._hold_trades(trades, gaps, len(odd), true)
        else:
            assert len(trades) == len({each.trade_id for each in trades})

    def _hold_candles(
        self, candles: list[Candle], gaps: list[Gap], odd: int, true: list[PastTrade]
    ) -> None:
        starts = [each.exchange_ns for each in candles]
        history = [each.exchange_ns for each in candles if not each.backfilled]
        wanted = sums(true)
        assert len(starts) == len({*starts}), "a candle twice"
        assert history == sorted(history)
        assert all(wanted[each.exchange_ns] == cells(each) for each in candles)
        if history:
            between = [each for each in wanted if history[0] <= each <= history[-1]]
            missing = [each for each in between if each not in {*starts}]
            unsaid = [each for each in missing if not _lies_in(each, each + MINUTE_NS, gaps)]
            assert len(unsaid) <= odd, f"{len(unsaid)} minutes missing, {odd} odd rows"

    def _hold_seam(self, found: list[Record], before: int, gaps: list[Gap]) -> None:
        ends = [each.end_ns for each in found[:before] if isinstance(each, Candle)]
        first = next(each for each in found[before:] if getattr(each, "taken_ns", None))
        if ends:
            # From the end of the minutes that were asked for, which may have had no trade.
            asked = [gap.from_ns for gap in found[:before] if isinstance(gap, Gap)]
            until_ns = max(each for each in asked if each >= ends[-1])
            assert _lies_in(until_ns, first.received_ns, gaps), "history and life, and a hole"

    def _hold_trades(
        self, trades: list[Trade], gaps: list[Gap], odd: int, true: list[PastTrade]
    ) -> None:
        ids = [each.trade_id for each in trades]
        assert len(ids) == len({*ids}), "a trade twice"
        if not ids:
            return
        missing = [
            each
            for each in true
            if min(ids) <= each.trade_id <= max(ids) and each.trade_id not in {*ids}
        ]
        unsaid = [each for each in missing if not _lies_in(each.at_ns, each.at_ns, gaps)]
        assert len(unsaid) <= odd, f"{len(unsaid)} trades missing, {odd} odd rows"


def _lies_in(from_ns: int, to_ns: int, gaps: list[Gap]) -> bool:
    """Say whether gaps cover a time without a break."""
    at_ns = from_ns
    for gap in sorted(gaps, key=lambda each: each.from_ns):
        if gap.from_ns <= at_ns < gap.to_ns:
            at_ns = gap.to_ns
    return at_ns >= to_ns and any(gap.from_ns <= from_ns <= gap.to_ns for gap in gaps)


@contextmanager
def hurrying() -> Iterator[None]:
    """Have clients of REST wait a moment only between attempts."""
    defaults = Rest.__init__.__kwdefaults__
    assert defaults is not None
    kept = dict(defaults)
    defaults |= HASTE
    try:
        yield
    finally:
        defaults |= kept


def campaign(seeds: range) -> list[str]:
    """Run seeds; return what was wrong, a line each."""
    wrong = []
    with hurrying():
        for seed in seeds:
            with tempfile.TemporaryDirectory() as home:
                began_s = monotonic_s()
                seam = Seam(seed, Path(home))
                try:
                    seam.run()
                    said = "ok"
                except AssertionError as error:
                    said = f"WRONG: {error}"
                    wrong.append(f"seed {seed}: {error}")
                took_s = monotonic_s() - began_s
                print(
                    f"seed {seed}: {seam.minutes} minutes, trades {seam.with_trades},"
                    f" killed {len(seam.kills)} times, {took_s:.1f} s: {said}",
                    flush=True,
                )
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:20", metavar="A:B")
    first, _, last = parser.parse_args().seeds.partition(":")
    seeds = range(int(first), int(last))
    wrong = campaign(seeds)
    print(f"{len(seeds)} seeds, {len(wrong)} wrong", *wrong, sep="\n")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
