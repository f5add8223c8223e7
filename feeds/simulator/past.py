"""The past of a synthetic market: trades of the time before its start, which lead to its first mid.

Minute by minute back from the start, the logarithm of the price moves by a normal draw of the
scenario's own size, and some trades are printed, in many minutes none. All draws are keyed by how
far a minute is from the start, so that a deep past and a shallow one agree wherever both are there.
The newest trade of the past has the id before the first one of the market itself.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from eventlog.records import E8
from feeds.simulator.draws import Draws, normals, uniforms
from feeds.simulator.scenario import STEP_NS, Scenario

MINUTE_NS = 60 * 10**9

TRADES_A_MINUTE = 3
"""The mean of the exponential draw whose whole part is a minute's number of trades."""

TRADES_A_MINUTE_MAX = 12

HOLE_MINUTES = 150
"""How long a hole is: a time of which the exchange has nothing."""

_CENT_E8 = E8 // 100
_VOLUME = 0.02


@dataclass(frozen=True, slots=True)
class PastTrade:
    """One trade of the past; a price and a volume in 1e-8."""

    trade_id: int
    at_ns: int
    price_e8: int
    volume_e8: int
    buys: bool


class Past:
    """Trades by their ids, down to the oldest.

    Args:
        market: its id, which names its streams of draws.
        scenario: the process of the market.
        seed: of all draws.
        until_ns: the market's start; the past ends there.
        price: the market's first mid.
        minutes: how far it goes back.
        hole_every: one stretch of `HOLE_MINUTES` in so many is a hole; 0 makes none.
        newest_id: the id of its newest trade.
    """

    def __init__(
        self,
        market: str,
        scenario: Scenario,
        *,
        seed: int,
        until_ns: int,
        price: float,
        minutes: int,
        newest_id: int,
        hole_every: int = 0,
    ) -> None:
        stream = f"{market} past"
        deviation = scenario.sigma * math.sqrt(MINUTE_NS / STEP_NS)
        moves = deviation * normals(seed=seed, stream=stream, rows=minutes, width=1)[:, 0]
        logs = math.log(price) - np.concatenate([[0.0], np.cumsum(moves)])
        # Far back, a price may be as small as a market quotes, but never nothing.
        self._prices = np.maximum(np.exp(logs), 0.05)
        draws = uniforms(seed=seed, stream=f"{stream} counts", rows=minutes, width=1)[:, 0]
        counts = np.minimum(-TRADES_A_MINUTE * np.log(draws), TRADES_A_MINUTE_MAX).astype(np.int64)
        if hole_every:
            holes = -(-minutes // HOLE_MINUTES)
            drawn = uniforms(seed=seed, stream=f"{stream} holes", rows=holes, width=1)[:, 0]
            # The newest one never: where a past begins to be missing is its market's start.
            is_hole = (drawn < 1 / hole_every) & (np.arange(holes) > 0)
            counts[is_hole.repeat(HOLE_MINUTES)[:minutes]] = 0
        self._draws = Draws(seed=seed, stream=stream, width=3 * TRADES_A_MINUTE_MAX)
        self._until_ns = until_ns
        self._top_ns = -(-until_ns // MINUTE_NS) * MINUTE_NS
        self.newest_id = newest_id
        self._counts = counts
        ends = counts.copy()
        if minutes:
            ends[0] = sum(at_ns < until_ns for at_ns, *_ in self._drawn(0))
        self._ends = np.cumsum(ends)  # trades in the minutes up to each one, from the newest on
        self._minute = lru_cache(maxsize=1024)(self._trades_of)

    def __len__(self) -> int:
        """Return how many trades there are."""
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def oldest_id(self) -> int:
        """The id of the oldest trade; above `newest_id` if there is none."""
        return self.newest_id - len(self) + 1

    def between(self, first_id: int, last_id: int) -> Iterator[PastTrade]:
        """Yield the trades of these ids, both included, oldest first."""
        first_id, last_id = max(first_id, self.oldest_id), min(last_id, self.newest_id)
        if first_id > last_id:
            return
        ranks = [self.newest_id - first_id, self.newest_id - last_id]
        oldest, newest = np.searchsorted(self._ends, ranks, side="right").tolist()
        for minute in range(oldest, newest - 1, -1):
            for trade in self._minute(minute):
                if first_id <= trade.trade_id <= last_id:
                    yield trade

    def during(self, from_ns: int, to_ns: int) -> Iterator[PastTrade]:
        """Yield the trades from one time to before another, oldest first."""
        oldest = min((self._top_ns - from_ns - 1) // MINUTE_NS, len(self._counts) - 1)
        newest = max(0, (self._top_ns - to_ns) // MINUTE_NS)
        for minute in range(oldest, newest - 1, -1):
            yield from (t for t in self._minute(minute) if from_ns <= t.at_ns < to_ns)

    def _trades_of(self, minute: int) -> tuple[PastTrade, ...]:
        """Return the trades of a minute, counted back from the start, oldest first."""
        first_id = self.newest_id - int(self._ends[minute]) + 1
        drawn = (each for each in self._drawn(minute) if each[0] < self._until_ns)
        return tuple(PastTrade(first_id + place, *each) for place, each in enumerate(drawn))

    def _drawn(self, minute: int) -> list[tuple[int, int, int, bool]]:
        """Return what is drawn for a minute's trades, in the order of their times."""
        start_ns = self._top_ns - (minute + 1) * MINUTE_NS
        row = self._draws.row(minute)
        opened, closed = float(self._prices[minute + 1]), float(self._prices[minute])
        trades = []
        for place in range(int(self._counts[minute])):
            when, size, side = row[3 * place : 3 * place + 3]
            price = opened + (closed - opened) * when + 0.3 * (closed - opened) * (size - 0.5)
            trades.append(
                (
                    start_ns + int(when * 60_000) * 10**6,
                    max(1, round(price * E8 / _CENT_E8)) * _CENT_E8,
                    1 + int(-_VOLUME * math.log(size) * E8),
                    side < 0.5,
                )
            )
        return sorted(trades)
