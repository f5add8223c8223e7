"""What a hostile stretch leaves in the learner: the hour after it, with the stretch and without.

    uv run --group test python -m tests.engine.adversity --seeds 0:10

Two journals of one synthetic market (`feeds.streams`, S1) are the same but for some minutes, in
which one of them holds, between the market's own ticks, what an exchange should never send: crossed
and one-sided books, prices and volumes of any size, times of any century, floods, gaps, ticks that
come late. Both are then compared on the same hour of ticks. The state must be finite, and the
log-loss of that hour no more than `WORSE_MAX` above what it is without the stretch.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.engine import Engine
from engine.parameters import Parameters
from engine.step import CHUNK_TICKS
from eventlog.records import BookUpdate, Gap, Level, Quote, Record, Trade, Undecodable
from eventlog.schema import decode, encode, renumber
from feeds.streams import HORIZON_MS, market

WARM_TICKS = 6_000
STRETCH_TICKS = 300
HOUR_TICKS = 3_600
"""Of event time: a tick a second."""

WORSE_MAX = 0.01
"""Nats that the log-loss of the hour may be above that of the journal without the stretch."""

PARAMETERS = Parameters(
    horizon_ms=HORIZON_MS, memory_rows=1_024, learning_rate=0.01, warm_up_horizons=30, fee_ppm=0
)
"""A quick engine that has learned the market by the end of the warm-up."""

MS = 10**6
HOUR_NS = 3_600 * 10**9
_MOST_E8 = 10**18 - 1
Draw = Callable[[random.Random, BookUpdate], Iterator[Record]]


def _levels(best_e8: int, step_e8: int, volume_e8: int = 10**8) -> tuple[Level, ...]:
    prices = (min(max(1, best_e8 + rank * step_e8), _MOST_E8) for rank in range(5))
    return tuple(Level(price, volume_e8, 8, 8, 1) for price in dict.fromkeys(prices))


def _at(before: BookUpdate, bid_e8: int, ask_e8: int, **changed: Any) -> BookUpdate:
    """Return a book with these best prices, a moment after an honest one."""
    bids, asks = _levels(bid_e8, -(10**6)), _levels(ask_e8, 10**6)
    return replace(before, bids=bids, asks=asks, **changed)


def _later(before: BookUpdate, ns: int) -> dict[str, Any]:
    assert before.exchange_ns is not None
    return {"exchange_ns": before.exchange_ns + ns, "received_ns": before.received_ns + 1}


def _crossed(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    middle_e8 = before.bids[0].price_e8
    yield _at(before, middle_e8 + draws.randrange(10**10), middle_e8, **_later(before, MS))


def _absurd(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    bid_e8 = draws.choice((1, 10, 10**8, 10**17, _MOST_E8 - 2))
    yield _at(before, bid_e8, bid_e8 + 1, **_later(before, MS))


def _wild(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    bid_e8 = int(before.bids[0].price_e8 * draws.uniform(0.5, 2.0))
    yield _at(before, bid_e8, bid_e8 + 10**8, **_later(before, MS))


def _volumes(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    sizes = [draws.choice((1, _MOST_E8)) for _ in range(2)]
    bids, asks = (
        tuple(replace(level, volume_e8=size) for level in side)
        for side, size in zip((before.bids, before.asks), sizes, strict=True)
    )
    yield replace(before, bids=bids, asks=asks, **_later(before, MS))


def _one_sided(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    empty: dict[str, Any] = {draws.choice(("bids", "asks")): ()}
    yield replace(before, **empty, **_later(before, MS))


def _times(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    jumps_ns = (HOUR_NS // 2, 2 * HOUR_NS, -2 * HOUR_NS, 10**17, -(10**18), 2**62 - 1 - 10**18 * 2)
    yield replace(before, **_later(before, draws.choice(jumps_ns)))


def _gaps(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    at_ns = before.received_ns
    yield Gap(received_ns=at_ns, from_ns=at_ns - draws.randrange(10**10), to_ns=at_ns, why="x")
    yield Undecodable(received_ns=at_ns, raw=draws.randbytes(50), why="not JSON")


def _flood(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    for _ in range(30):
        bid_e8 = before.bids[0].price_e8 + draws.randrange(-(10**10), 10**10)
        yield _at(before, bid_e8, bid_e8 + 10**8, **_later(before, MS))


def _late(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    assert before.exchange_ns is not None
    late_ns = draws.randrange(HOUR_NS)
    yield replace(before, exchange_ns=before.exchange_ns - late_ns)


def _trades(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    for number in range(5):
        yield Trade(
            **_later(before, MS),
            price_e8=draws.choice((1, before.bids[0].price_e8, _MOST_E8)),
            volume_e8=draws.choice((1, 10**8, _MOST_E8)),
            price_decimals=8,
            volume_decimals=8,
            side=None,
            trade_id=number,
        )


def _quotes(draws: random.Random, before: BookUpdate) -> Iterator[Record]:
    prices_e8 = [draws.choice((1, 10**13, _MOST_E8)) for _ in range(3)]
    yield Quote(
        **_later(before, MS),
        bid_e8=prices_e8[0],
        ask_e8=prices_e8[1],
        last_e8=prices_e8[2],
        bid_decimals=8,
        ask_decimals=8,
        last_decimals=8,
        snapshot_id=None,
    )


KINDS: dict[str, Draw] = {
    "crossed books": _crossed,
    "one-sided books": _one_sided,
    "absurd prices": _absurd,
    "prices halved and doubled": _wild,
    "volumes of any size": _volumes,
    "times of any century": _times,
    "late ticks": _late,
    "gaps": _gaps,
    "a flood": _flood,
    "absurd trades": _trades,
    "absurd quotes": _quotes,
}
"""What stands between the market's own ticks in a hostile stretch."""

ALL = "all of it"


def stretch(kind: str, honest: Sequence[Record], *, seed: int) -> list[Record]:
    """Return the ticks of a stretch with what is hostile after each."""
    draws = random.Random(f"{seed} {kind}")
    found: list[Record] = []
    for record in honest:
        assert isinstance(record, BookUpdate)
        found.append(record)
        name = draws.choice(sorted(KINDS)) if kind == ALL else kind
        found += KINDS[name](draws, record)
    return found


class Hour(NamedTuple):
    """How the learner did in the hour after a stretch."""

    log_loss: float
    labels: int
    is_finite: bool


def _advanced(engine: Engine, records: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Carry an engine over records, numbered after those it knows; yield its effects."""
    for start in range(0, records.num_rows, CHUNK_TICKS):
        part = records.slice(start, CHUNK_TICKS)
        yield engine.advance(renumber(part, first_offset=engine.position + 1))


@cache
def _records(seed: int) -> pa.RecordBatch:
    ticks = WARM_TICKS + STRETCH_TICKS + HOUR_TICKS
    return pa.Table.from_batches(
        market("S1", seed=seed, ticks=ticks).batches()
    ).combine_chunks().to_batches()[0]  # fmt: skip


@cache
def _warm(seed: int) -> Engine:
    """Return an engine that has learned the market; not to be advanced."""
    engine = Engine.initial(PARAMETERS)
    for _ in _advanced(engine, _records(seed).slice(0, WARM_TICKS)):
        pass
    return engine


def hour(seed: int, kind: str | None, *, ahead_s: int = 0) -> Hour:
    """Return how the hour goes after a stretch of a kind; ``None`` is one of honest ticks only.

    With ``ahead_s`` its last tick comes once more, stamped so far ahead.
    """
    warm, records = _warm(seed), _records(seed)
    engine = Engine(PARAMETERS, warm.state())
    engine.position = warm.position
    between = [record for _, record in decode(records.slice(WARM_TICKS, STRETCH_TICKS))]
    if kind is not None:
        between = stretch(kind, between, seed=seed)
    if ahead_s:
        last = between[-1]
        assert isinstance(last, BookUpdate)
        between.append(replace(last, **_later(last, ahead_s * 10**9)))
    for _ in _advanced(engine, encode(between, first_offset=0)):
        pass
    loss, labels = 0.0, 0
    for effects in _advanced(engine, records.slice(WARM_TICKS + STRETCH_TICKS)):
        decisions = effects.filter(pc.equal(effects.column("kind"), "decision"))
        loss += pc.sum(decisions.column("scored_loss")).as_py() or 0.0
        labels += pc.sum(decisions.column("scored")).as_py() or 0
    floats = [each for each in engine.state().values() if each.dtype.kind == "f"]
    return Hour(loss / max(1, labels), labels, all(np.isfinite(each).all() for each in floats))


@cache
def without(seed: int) -> Hour:
    """Return how the hour goes after honest ticks."""
    return hour(seed, None)


def table(seeds: Sequence[int]) -> Iterator[tuple[str, bool]]:
    """Yield lines, a kind each, and whether what must hold does."""
    mean = np.mean([without(seed).log_loss for seed in seeds])
    yield f"{'':28} log-loss above the same hour without it ({mean:.4f})", True
    yield f"{'hostile stretch':28} {'mean':>9} {'highest':>9}  finite", True
    for kind in (*KINDS, ALL):
        after = {seed: hour(seed, kind) for seed in seeds}
        worse = [after[seed].log_loss - without(seed).log_loss for seed in seeds]
        finite = all(each.is_finite for each in after.values())
        line = f"{kind:28} {np.mean(worse):+9.4f} {max(worse):+9.4f}  {'yes' if finite else 'NO'}"
        yield line, finite and max(worse) <= WORSE_MAX


def main() -> int:
    """Print the table for the seeds that the arguments name."""
    parser = argparse.ArgumentParser(description="The hour after a hostile stretch.")
    parser.add_argument("--seeds", default="0:5", help="FROM:TO, TO not included")
    first, _, last = parser.parse_args().seeds.partition(":")
    held = True
    for line, holds in table(range(int(first), int(last))):
        print(line if holds else f"{line}  too much", flush=True)
        held &= holds
    return not held


if __name__ == "__main__":
    sys.exit(main())
