"""A seeded synthetic market: its book, its trades, and their frames.

At each step the book changes in one delta that carries the exchange's checksum, then now and then
a trade is printed, then a tick if the best bid, the best ask or the last price changed; all are
stamped with the step's time. The best level of each side is the scenario's: their prices lie evenly
around the mid, and the logarithm of the ratio of their volumes is the scenario's signal. Deeper
levels are noise, or remain when the best price moves away: they are added, changed and deleted,
never crossed, and bounded in number.

The market of a (seed, market, scenario, start) is the same on every run: every draw is keyed by its
step.
"""

import math
from collections.abc import Sequence

from eventlog.records import E8, Level, format_e8
from feeds.book import Book, BookSide
from feeds.simulator.draws import Draws
from feeds.simulator.frames import (
    checksum_of,
    delta_frame,
    snapshot_frame,
    snapshot_id,
    text_of,
    timestamp,
)
from feeds.simulator.past import Past
from feeds.simulator.scenario import STEP_NS, Scenario
from feeds.simulator.source import Frame
from feeds.simulator.walk import Walk

LEVELS_A_SIDE_MIN = 25
LEVELS_A_SIDE_MAX = 50

START_PRICES_E8 = {"BTC": 100_000 * E8, "ETH": 4_000 * E8, "LTC": 150 * E8, "XRP": 3 * E8}
"""Plausible prices in AUD by base asset; any other starts at 100."""

FIRST_TRADE_ID = 7_000_000_000
"""The id before the first trade of a market: that of the newest trade of its past."""

_TRADE_CHANCE = 0.15
_SPREAD_CHANCE = 0.1
_HALF_SPREAD_MAX = 200
_DRAWS_A_STEP = 24


class SyntheticMarket:
    """One market, from its first book on.

    Args:
        market: its id, which also names its stream of draws.
        scenario: its process.
        seed: of all its draws.
        start_ns: the market time of its first book.
        start_price_e8: its first mid; by default a plausible one.
    """

    def __init__(
        self,
        market: str,
        scenario: Scenario,
        *,
        seed: int,
        start_ns: int,
        start_price_e8: int | None = None,
    ) -> None:
        base = market.partition("-")[0]
        price = (start_price_e8 or START_PRICES_E8.get(base, 100 * E8)) / E8
        self._market = market
        self.scenario = scenario
        self._draws = Draws(seed=seed, stream=market, width=_DRAWS_A_STEP)
        self._start_ns = start_ns
        self._step = 0
        self._increment_e8 = _increment_e8(price * scenario.sigma)
        self._half_spread = 20
        self._book = Book()
        row = self._draws.row(0)
        self.walk = Walk(scenario, price=price, row=row)
        self._last_e8 = self._mid_steps() * self._increment_e8
        self._quoted = (0, 0, 0)
        self._trade_id = FIRST_TRADE_ID
        self._statistics = _Statistics(self._last_e8)
        self._change_book(row)

    @property
    def markets(self) -> tuple[str, ...]:
        """The id of the market."""
        return (self._market,)

    @property
    def at_ns(self) -> int:
        """The present market time."""
        return self._start_ns + self._step * STEP_NS

    @property
    def due_ns(self) -> int:
        """The market time of the next step; there is always one."""
        return self.at_ns + STEP_NS

    def snapshot(self, market: str) -> str:
        """Return the snapshot frame of the present book."""
        assert market == self._market
        return snapshot_frame(market, self.at_ns, self._book, version=snapshot_id(self.at_ns))

    def advance(self) -> Sequence[Frame]:
        """Advance one step and return its frames: the delta, perhaps a trade, perhaps a tick."""
        self._step += 1
        row = self._draws.row(self._step)
        self.walk.move(row)
        bids, asks = self._change_book(row)
        texts = [
            (
                "orderbookUpdate",
                delta_frame(
                    self._market, self.at_ns, bids=bids, asks=asks, checksum=checksum_of(self._book)
                ),
            )
        ]
        if row[5] < _TRADE_CHANCE:
            texts.append(("trade", self._trade(row)))
        quoted = (self._book.bids.at(0).price_e8, self._book.asks.at(0).price_e8, self._last_e8)
        if quoted != self._quoted:
            self._quoted = quoted
            texts.append(("tick", self._tick()))
        return [Frame(self._market, channel, text) for channel, text in texts]

    def _mid_steps(self) -> int:
        return max(2, round(math.exp(self.walk.log_mid) * E8 / self._increment_e8))

    def _change_book(self, row: Sequence[float]) -> tuple[list[Level], list[Level]]:
        if row[3] < _SPREAD_CHANCE:
            # Mostly a spread of a few increments, sometimes of hundreds.
            self._half_spread = min(_HALF_SPREAD_MAX, 1 + int(-30 * math.log(row[4])))
        mid = self._mid_steps()
        half_spread = min(self._half_spread, mid - 1)
        # The wider the spread, the larger the best volumes; their sum does not predict anything.
        volume = 0.1 - 0.5 * math.log(row[6])
        share = 1 / (1 + math.exp(-self.walk.signal))
        return (
            self._change_side(self._book.bids, mid - half_spread, volume * share, row[8:16]),
            self._change_side(self._book.asks, mid + half_spread, volume * (1 - share), row[16:24]),
        )

    def _change_side(
        self, side: BookSide, best: int, volume: float, row: Sequence[float]
    ) -> list[Level]:
        """Make ``best`` (in increments) the best price of a side; return every level changed."""
        changes: dict[int, Level] = {}

        def put(price: int, volume: float) -> None:
            volume_e8 = max(1, round(volume * E8)) if volume else 0
            level = _level(price * self._increment_e8, volume_e8)
            changes[price] = level
            side.put(level)

        away = side.sign
        while side and (best - side.at(0).price_e8 // self._increment_e8) * away > 0:
            put(side.at(0).price_e8 // self._increment_e8, 0)
        put(best, volume)
        # One level deeper than the best is added or changed, one is deleted.
        put(max(1, best + away * (1 + int(row[0] * 400))), -0.4 * math.log(row[1]))
        if len(side) > LEVELS_A_SIDE_MIN and row[2] < 0.5:
            rank = 1 + int(row[3] * (len(side) - 1))
            put(side.at(rank).price_e8 // self._increment_e8, 0)
        while len(side) < LEVELS_A_SIDE_MIN:
            draw = row[4 + len(side) % 4]
            worst = side.at(-1).price_e8 // self._increment_e8
            if worst == 1:
                break  # a bid has reached the smallest possible price
            put(max(1, worst + away * (1 + int(draw * 200))), 0.05 + draw)
        while len(side) > LEVELS_A_SIDE_MAX:
            put(side.at(-1).price_e8 // self._increment_e8, 0)
        return list(changes.values())

    def _trade(self, row: Sequence[float]) -> str:
        buys = row[7] < 1 / (1 + math.exp(-self.walk.signal))
        side = self._book.asks if buys else self._book.bids
        self._last_e8 = side.at(0).price_e8
        # Given that a trade happened, the rest of its draw is uniform again.
        volume_e8 = 1 + int(-0.02 * math.log(row[5] / _TRADE_CHANCE) * E8)
        self._trade_id += 1
        self._statistics.add(self._last_e8, volume_e8)
        return text_of(
            {
                "marketId": self._market,
                "timestamp": timestamp(self.at_ns),
                "tradeId": self._trade_id,
                "price": decimal_text(self._last_e8),
                "volume": decimal_text(volume_e8),
                "messageType": "trade",
                "side": "Bid" if buys else "Ask",
            }
        )

    def _tick(self) -> str:
        bid_e8, ask_e8, last_e8 = self._quoted
        return text_of(
            {
                "marketId": self._market,
                "timestamp": timestamp(self.at_ns),
                "bestBid": decimal_text(bid_e8),
                "bestAsk": decimal_text(ask_e8),
                "lastPrice": decimal_text(last_e8),
                **self._statistics.fields(last_e8),
                "messageType": "tick",
                "snapshotId": snapshot_id(self.at_ns),
            }
        )


class SyntheticExchange:
    """Several synthetic markets with one time; the `Source` of all their frames."""

    def __init__(self, markets: Sequence[SyntheticMarket]) -> None:
        assert len({market.due_ns for market in markets}) == 1, "markets that start together"
        self._by_id = {market.markets[0]: market for market in markets}

    @property
    def markets(self) -> tuple[str, ...]:
        """The ids of the markets."""
        return tuple(self._by_id)

    @property
    def due_ns(self) -> int:
        """The market time of the next step."""
        return next(iter(self._by_id.values())).due_ns

    def advance(self) -> Sequence[Frame]:
        """Advance every market one step, in their order."""
        return [frame for market in self._by_id.values() for frame in market.advance()]

    def snapshot(self, market: str) -> str:
        """Return the snapshot frame of a market's present book."""
        return self._by_id[market].snapshot(market)

    def pasts(
        self, *, seed: int, minutes: int, start_ns: int, hole_every: int = 0
    ) -> dict[str, Past]:
        """Return what was before each market, which leads to its first mid.

        To be asked for before the first `advance`.
        """
        return {
            name: Past(
                name,
                market.scenario,
                seed=seed,
                until_ns=start_ns,
                price=math.exp(market.walk.log_mid),
                minutes=minutes,
                newest_id=FIRST_TRADE_ID,
                hole_every=hole_every,
            )
            for name, market in self._by_id.items()
        }


class _Statistics:
    """The statistics of a tick, since the market's start and not over 24 hours."""

    def __init__(self, first_e8: int) -> None:
        self._first_e8 = self._low_e8 = self._high_e8 = first_e8
        self._volume_e8 = 0
        self._quote_volume_e8 = 0

    def add(self, price_e8: int, volume_e8: int) -> None:
        self._low_e8 = min(self._low_e8, price_e8)
        self._high_e8 = max(self._high_e8, price_e8)
        self._volume_e8 += volume_e8
        self._quote_volume_e8 += price_e8 * volume_e8 // E8

    def fields(self, last_e8: int) -> dict[str, str]:
        change_e8 = last_e8 - self._first_e8
        return {
            "volume24h": decimal_text(self._volume_e8),
            "volumeQte24h": decimal_text(self._quote_volume_e8),
            "price24h": decimal_text(change_e8),
            "pricePct24h": f"{100 * change_e8 / self._first_e8:.2f}",
            "low24h": decimal_text(self._low_e8),
            "high24h": decimal_text(self._high_e8),
        }


def _increment_e8(deviation: float) -> int:
    """Return a price increment of at most a cent and a fiftieth of a step's noise."""
    decimals = 2
    while decimals < 8 and deviation * 10**decimals < 50:
        decimals += 1
    return int(10 ** (8 - decimals))


def _decimals(value_e8: int) -> int:
    """Return the number of decimals of a value, as the exchange sends no trailing zeros."""
    rest = abs(value_e8) % E8
    return len(f"{rest:08d}".rstrip("0")) if rest else 0


def decimal_text(value_e8: int) -> str:
    """Return a value as the exchange writes it: without trailing zeros."""
    return format_e8(value_e8, _decimals(value_e8))


def _level(price_e8: int, volume_e8: int) -> Level:
    return Level(
        price_e8=price_e8,
        volume_e8=volume_e8,
        price_decimals=_decimals(price_e8),
        volume_decimals=_decimals(volume_e8),
        order_count=1 if volume_e8 else 0,
    )
