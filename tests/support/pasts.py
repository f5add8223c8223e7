"""A stand-in exchange with a past, and what of it is to be fetched."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from eventlog.records import Candle, Gap, Record, Trade, Undecodable
from feeds.btcmarkets.backoff import Budget
from feeds.btcmarkets.history import MarketHistory
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.simulator.faults import Fault
from feeds.simulator.market import SyntheticExchange, SyntheticMarket
from feeds.simulator.past import MINUTE_NS, Past, PastTrade
from feeds.simulator.scenario import SCENARIOS
from feeds.simulator.server import Exchange
from tests.support.loopback import serving

MARKET = "BTC-AUD"
START_NS = 1_795_219_230_500_000_000
"""Half a minute after one began."""

UNTIL_NS = START_NS // MINUTE_NS * MINUTE_NS
HASTE: dict[str, Any] = {"first_s": 0.001, "most_s": 0.01, "closed_s": 0.01, "attempts": 30}


def market(*, seed: int = 1, start_ns: int = START_NS) -> SyntheticExchange:
    """Return a market before its first step."""
    return SyntheticExchange(
        [SyntheticMarket(MARKET, SCENARIOS["calm"], seed=seed, start_ns=start_ns)]
    )


def past(minutes: int, *, seed: int = 1, hole_every: int = 0) -> Past:
    """Return its past."""
    made = market(seed=seed).pasts(
        seed=seed, minutes=minutes, start_ns=START_NS, hole_every=hole_every
    )
    return made[MARKET]


@contextmanager
def kept(
    minutes: int, *, faults: Sequence[Fault] = (), seed: int = 1, hole_every: int = 0
) -> Iterator[tuple[MarketHistory, Past]]:
    """Yield the history of a stand-in that is served, entered, and what is true of it."""
    true = past(minutes, seed=seed, hole_every=hole_every)
    exchange = Exchange(
        market(seed=seed), speed=None, faults=faults, seed=seed, pasts={MARKET: true}, slow_s=0.2
    )
    with serving(exchange) as url, history(rest_url(url)) as found:
        yield found, true


def history(url: str, *, market_id: str = MARKET, **options: Any) -> MarketHistory:
    """Return a history that is in a hurry."""
    budget = Budget(count=10_000, window_s=1.0)
    rest = Rest(url, **{"budget": budget, **HASTE, **options})
    return MarketHistory(url, market_id, rest=rest)


def sums(trades: Sequence[PastTrade], length_ns: int = MINUTE_NS) -> dict[int, tuple[int, ...]]:
    """Return what the candles of trades are: start → open, high, low, close, volume in 1e-8."""
    found: dict[int, list[PastTrade]] = {}
    for trade in trades:
        found.setdefault(trade.at_ns // length_ns * length_ns, []).append(trade)
    return {
        start: (
            group[0].price_e8,
            max(each.price_e8 for each in group),
            min(each.price_e8 for each in group),
            group[-1].price_e8,
            sum(each.volume_e8 for each in group),
        )
        for start, group in found.items()
    }


def cells(candle: Candle) -> tuple[int, ...]:
    """Return a candle as `sums` has it."""
    return (candle.open_e8, candle.high_e8, candle.low_e8, candle.close_e8, candle.volume_e8)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every client of REST wait a moment only between attempts, also those of commands."""
    defaults = Rest.__init__.__kwdefaults__
    assert defaults is not None
    for name, value in HASTE.items():
        monkeypatch.setitem(defaults, name, value)


def by_kind(
    records: Sequence[Record],
) -> tuple[list[Candle], list[Trade], list[Gap], list[Undecodable]]:
    """Return records by their kinds: candles, trades, gaps, and what could not be decoded."""
    return (
        [each for each in records if isinstance(each, Candle)],
        [each for each in records if isinstance(each, Trade)],
        [each for each in records if isinstance(each, Gap)],
        [each for each in records if isinstance(each, Undecodable)],
    )
