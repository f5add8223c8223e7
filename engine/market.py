"""Ticks → integer rows of fixed width: the order book, its checksum, the best prices.

This is how the engine interprets the exchange's messages. It works on integers only and is total:
no record that a log can hold makes it raise. A tick gives one row. A `Gap` or a session's start or
end gives none, but makes the next row a *break*, across which no return, label or order carries. A
backfilled trade gives no row either: it did not arrive in time, so no decision is based on it.

The book follows the exchange's synchronisation rule (reference: btcmarkets.md 1.5): deltas before
any snapshot, or stamped before it, are ignored; a checksum that differs makes the book invalid
until the next snapshot.

Event time is the exchange's timestamp, but never runs backwards: a late trade happens "now". A
timestamp more than `JUMP_NS` away from event time restarts event time there and is a break. So does
the last of `BEHIND_TICKS` successive timestamps that all lie more than `BEHIND_NS` before event
time: an earlier timestamp was then ahead of the exchange's clock, and event time would stand still
until that clock had caught up.

A tick has a *delay*: the time from its receipt until the session took it up. The delay is 0 where
the record does not say when it was taken up, because no session decided on it then, and where the
clock was set back in between. The policy and the portfolio define what a delay means.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from heapq import heappop, heappush
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.state import Arrays
from engine.venue_rules import DEFAULT_RULES, BookChecksum, VenueRules
from eventlog.fastpath import compute
from eventlog.fastpath.compute import flattened, lengths_of
from eventlog.records import ONLINE, TICK_KINDS
from eventlog.schema import counts_e8

LEVELS = 5
"""Levels of each side in a row."""

SIDE_LEVELS_MAX = 4_096
"""Levels of each side that the book can hold; more make it invalid (I10)."""

JUMP_NS = 3_600 * 10**9
"""The most that event time may move in one tick; a larger move is taken for a broken clock."""

BEHIND_NS = 30 * 10**9
"""A timestamp this far before event time, at most, is merely late."""

BEHIND_TICKS = 16
"""Successive timestamps older than that after which event time itself is taken to be ahead."""


class Column(IntEnum):
    """The columns of a row; the levels follow, best first, at `FIRST_LEVEL`."""

    OFFSET = 0
    TIME_NS = 1
    KIND = 2
    BREAK = 3
    VALID = 4
    BOOK_VALID = 5
    BID_E8 = 6
    ASK_E8 = 7
    LAST_E8 = 8
    TRADED_E8 = 9
    """Volume of this tick's trade, positive if the taker bought, negative if it sold."""
    DELAY_NS = 10
    """Time from receipt until the session took the tick up, at least 0."""
    TAKEN_NS = 11
    """When the session took the tick up; 0 where the record does not say."""
    HALTED = 12
    """1 if the exchange's last status allows no market orders, else 0."""


FIRST_LEVEL = len(Column)
WIDTH = FIRST_LEVEL + 4 * LEVELS
"""Columns of a row: the named ones, then bid prices, bid volumes, ask prices, ask volumes."""

READS = (
    "offset", "kind", "exchange_ns", "bid", "ask", "last", "snapshot_id",
    "price", "volume", "side", "backfilled", "bids", "asks", "snapshot", "checksum",
    "received_ns", "taken_ns", "status",
)  # fmt: skip
"""The columns of a log that the engine reads."""

_TIME_MAX_NS = 2**62
"""Later than any working clock; the bound keeps differences of times within 64 bits."""

Rows = npt.NDArray[np.int64]
_Level = tuple[int, int, int, int]  # price, its decimals, volume, its decimals
_Held = tuple[int, int, int, int]  # slot, the price's decimals, volume, its decimals
_ARRAYS = ("price_e8", "volume_e8", "decimals")


@dataclass(slots=True)
class BookSide:
    """One side's levels by price, each in a slot of the arrays that are its state.

    A new price takes the lowest free slot, so the arrays depend on the history alone. A change of a
    level changes one slot, which keeps a checkpoint's delta short. All slots below ``used`` are
    taken, except those in ``holes``, a heap.
    """

    held: dict[int, _Held]
    prices: list[int]  # lowest first
    used: int
    holes: list[int]
    signs: dict[int, str]  # price → its level as the checksum signs it; filled on demand
    # Caches, valid until the next change:
    _arrays: dict[str, npt.NDArray[np.int64]] | None = None
    _cells: list[int] | None = None

    @classmethod
    def of(cls, arrays: dict[str, npt.NDArray[np.int64]]) -> "BookSide":
        """Return the side that has these `arrays`."""
        slots = np.flatnonzero(arrays["price_e8"]).tolist()
        cells = [arrays[name][slots].tolist() for name in _ARRAYS]
        held = {}
        for slot, price, volume, decimals in zip(slots, *cells, strict=True):
            held[price] = (slot, decimals // 16, volume, decimals % 16)
        used = slots[-1] + 1 if slots else 0
        return cls(held, sorted(held), used, sorted({*range(used)}.difference(slots)), {})

    @classmethod
    def empty(cls) -> "BookSide":
        """Return a side without levels."""
        return cls({}, [], 0, [], {})

    def copy(self) -> "BookSide":
        """Return an independent copy."""
        return replace(
            self,
            held=self.held.copy(),
            prices=self.prices.copy(),
            holes=self.holes.copy(),
            signs=self.signs.copy(),
        )

    def arrays(self) -> dict[str, npt.NDArray[np.int64]]:
        """Return the levels by slot; not to be written to.

        They are ``price_e8``, ``volume_e8`` and ``decimals`` (the price's * 16 + the volume's),
        int64[SIDE_LEVELS_MAX] each; a price of 0 is a free slot.
        """
        if self._arrays is None:
            cells = np.zeros((3, SIDE_LEVELS_MAX), np.int64)
            levels = [
                (slot, price, volume, price_decimals * 16 + volume_decimals)
                for price, (slot, price_decimals, volume, volume_decimals) in self.held.items()
            ]
            slots, *columns = np.array(levels, np.int64).reshape(-1, 4).T
            cells[:, slots] = columns
            self._arrays = dict(zip(_ARRAYS, cells, strict=True))
        return self._arrays

    def cells(self, *, highest: bool) -> list[int]:
        """Return the prices of the best `LEVELS`, best first, and then their volumes.

        Missing levels are zeros. ``highest``: whether the highest price is best; the same at every
        call, since the result is cached.
        """
        if self._cells is None:
            prices = self.best_prices(LEVELS, highest=highest)
            missing = [0] * (LEVELS - len(prices))
            volumes = [self.held[price][2] for price in prices]
            self._cells = [*prices, *missing, *volumes, *missing]
        return self._cells

    def clear(self) -> None:
        """Delete every price."""
        self._arrays = self._cells = None
        self.held.clear()
        self.prices.clear()
        self.holes.clear()
        self.signs.clear()
        self.used = 0

    def change(self, levels: Sequence[_Level]) -> bool:
        """Set or, with volume 0, delete prices; return whether all of that was possible.

        Not possible, and skipped, are a new price where all slots are taken, and a level that no
        book can hold: a price of 0 means a free slot, and a level has at most eight decimals.
        """
        if not levels:
            return True
        self._arrays = self._cells = None
        held, prices, holes, signs = self.held, self.prices, self.holes, self.signs
        possible = True
        for level in levels:
            price, price_decimals, volume, volume_decimals = level
            known = held.get(price)
            signs.pop(price, None)
            if not (price > 0 <= volume and 0 <= price_decimals <= 8 and 0 <= volume_decimals <= 8):
                possible = False
            elif not volume:
                if known is not None:
                    del held[price], prices[bisect_left(prices, price)]
                    heappush(holes, known[0])
            elif known is not None:
                held[price] = (known[0], price_decimals, volume, volume_decimals)
            elif len(held) == SIDE_LEVELS_MAX:
                possible = False
            else:
                insort(prices, price)
                if holes:
                    slot = heappop(holes)
                else:
                    slot = self.used
                    self.used += 1
                held[price] = (slot, price_decimals, volume, volume_decimals)
        return possible

    def best(self, count: int, *, highest: bool) -> list[_Level]:
        """Return up to ``count`` levels, best first."""
        return [
            (price, *self.held[price][1:]) for price in self.best_prices(count, highest=highest)
        ]

    def signed(self, checksum: BookChecksum, *, highest: bool) -> list[str]:
        """Return what the checksum signs, best first."""
        signs = self.signs
        return [
            signs.get(price) or self._sign(price, checksum)
            for price in self.best_prices(checksum.levels, highest=highest)
        ]

    def _sign(self, price: int, checksum: BookChecksum) -> str:
        self.signs[price] = sign = checksum.signed((price, *self.held[price][1:]))
        return sign

    def best_prices(self, count: int, *, highest: bool) -> list[int]:
        """Return up to ``count`` prices, best first."""
        return self.prices[: -count - 1 : -1] if highest else self.prices[:count]


@dataclass(slots=True)
class Market:
    """The fold over inputs. `fold` changes it in place; `copy` it first to be able to go back."""

    bids: BookSide
    asks: BookSide
    time_ns: int = 0
    breaks: int = 1  # the first tick has no predecessor
    bid_e8: int = 0
    ask_e8: int = 0
    last_e8: int = 0
    book_seen: int = 0
    book_valid: int = 0
    snapshot_id: int = 0
    halted: int = 0  # until the exchange has said something, it trades
    behind: int = 0  # stamps in succession that lie far before event time
    rules: VenueRules = DEFAULT_RULES  # no part of the state

    @classmethod
    def initial(cls, rules: VenueRules = DEFAULT_RULES) -> "Market":
        """Return the market before the first record."""
        return cls(BookSide.empty(), BookSide.empty(), rules=rules)

    @classmethod
    def of(cls, state: Arrays, rules: VenueRules = DEFAULT_RULES) -> "Market":
        """Return the market that these arrays hold."""
        bids, asks = (
            BookSide.of({name: state[f"market.{side}.{name}"] for name in _ARRAYS})
            for side in ("bids", "asks")
        )
        found = cls(bids, asks, *state["market.scalars"].tolist())
        found.rules = rules
        found.halted, found.book_seen = divmod(found.book_seen, 2)
        found.behind, found.breaks = divmod(found.breaks, 2)
        return found

    def state(self) -> Arrays:
        """Return the market as arrays; they are this market's own, not copies.

        Two scalars are packed, so that states of older versions stay readable, with zeros for what
        they did not have: ``halted`` with ``book_seen``, and ``behind`` with ``breaks``.
        """
        packed = replace(
            self,
            book_seen=self.book_seen + 2 * self.halted,
            breaks=self.breaks + 2 * self.behind,
        )
        scalars = [getattr(packed, field.name) for field in fields(self)[2:-3]]
        state: Arrays = {"market.scalars": np.array(scalars, np.int64)}
        for side, book in (("bids", self.bids), ("asks", self.asks)):
            for name, array in book.arrays().items():
                state[f"market.{side}.{name}"] = array
        return state

    @property
    def needs_snapshot(self) -> bool:
        """Whether a book was seen and is invalid now, so that only a snapshot restores it.

        A one-sided or crossed book does not count: it is what the exchange sent.
        """
        return bool(self.book_seen and not self.book_valid)

    def copy(self) -> "Market":
        """Return an independent copy; the book is shared until one of the two changes it."""
        return replace(self)

    def fold(self, chunk: pa.RecordBatch) -> Rows:
        """Fold records in, in place; return one row a tick, int64[ticks, WIDTH]."""
        cells = _Cells(chunk)
        if "book" in cells.kind:
            self.bids, self.asks = self.bids.copy(), self.asks.copy()
        shown = [self._level_cells()]  # the levels now, and after every record that may change them
        heads: list[tuple[int, ...]] = []  # the named columns, and which of `shown`
        for index, role in enumerate(map(_ROLE.get, cells.kind)):
            if role is None or cells.backfilled[index]:
                continue
            if role == _STATUS:
                self.halted = int(cells.status[index] != ONLINE)
                continue
            if role <= _BREAKS:
                self.breaks = 1
                if role == _GAP:
                    self.book_valid = 0
                    shown.append(self._level_cells())
                continue
            self._advance_time(cells.exchange_ns[index])
            traded_e8 = 0
            if role == _BOOK:
                self._update_book(cells, index)
                shown.append(self._level_cells())
            elif role == _QUOTE:
                self.bid_e8, self.ask_e8 = cells.bid[index], cells.ask[index]
                self.last_e8 = cells.last[index]
            else:
                self.last_e8 = cells.price[index]
                traded_e8 = _SIGN.get(cells.side[index], 0) * cells.volume[index]
            valid = 0 < self.bid_e8 < self.ask_e8 and (self.book_valid or not self.book_seen)
            head = (
                cells.offset[index], self.time_ns, role, self.breaks, int(valid),
                self.book_valid, self.bid_e8, self.ask_e8, self.last_e8, traded_e8,
                *cells.taken(index), self.halted, len(shown) - 1,
            )  # fmt: skip
            heads.append(head)
            self.breaks = 0
        table = np.array(heads, np.int64).reshape(-1, FIRST_LEVEL + 1)
        levels = np.array(shown, np.int64)[table[:, -1]]
        return np.concatenate([table[:, :-1], levels], axis=1)

    def _advance_time(self, exchange_ns: int | None) -> None:
        if exchange_ns is None:
            return
        self.behind = self.behind + 1 if exchange_ns < self.time_ns - BEHIND_NS else 0
        is_ahead = self.behind == BEHIND_TICKS
        if self.breaks or is_ahead or abs(exchange_ns - self.time_ns) > JUMP_NS:
            self.time_ns, self.breaks, self.behind = exchange_ns, 1, 0
        else:
            self.time_ns = max(self.time_ns, exchange_ns)

    def _update_book(self, cells: "_Cells", index: int) -> None:
        snapshot_id = cells.snapshot_id[index] or 0
        self.book_seen = 1
        if cells.snapshot[index]:
            self.bids.clear()
            self.asks.clear()
            self.snapshot_id, self.book_valid = snapshot_id, 1
        elif not self.book_valid or snapshot_id < self.snapshot_id:
            return
        possible = self.bids.change(cells.bids(index))
        possible &= self.asks.change(cells.asks(index))
        wanted = cells.checksum[index]
        if not possible or (wanted is not None and wanted != self._checksum()):
            self.book_valid = 0
            return
        # A side without levels has a best price of 0, which makes the market invalid.
        self.bid_e8 = self.bids.prices[-1] if self.bids.prices else 0
        self.ask_e8 = self.asks.prices[0] if self.asks.prices else 0

    def _checksum(self) -> int:
        checksum = self.rules.book_checksum
        bids = self.bids.signed(checksum, highest=True)
        return checksum.of(bids + self.asks.signed(checksum, highest=False))

    def _level_cells(self) -> list[int]:
        """Return the cells of a row from `FIRST_LEVEL` on; zeros while the book is invalid."""
        if not self.book_valid:
            return [0] * (4 * LEVELS)
        return self.bids.cells(highest=True) + self.asks.cells(highest=False)


def is_tick(chunk: pa.RecordBatch) -> pa.Array:
    """Return for every record whether it gives a row, and so a decision; bool[records]."""
    of_kind = compute.is_in(chunk.column("kind"), pa.array(TICK_KINDS))
    backfilled = chunk.column("backfilled")
    if backfilled.null_count == len(backfilled):
        return of_kind
    return compute.and_not(of_kind, compute.filled(backfilled, False))


_QUOTE, _TRADE, _BOOK = range(len(TICK_KINDS))
_BREAKS, _GAP, _STATUS = -1, -2, -3
_ROLE = dict(
    zip(
        ("quote", "trade", "book", "gap", "session_started", "session_ended", "market_status"),
        (_QUOTE, _TRADE, _BOOK, _GAP, _BREAKS, _BREAKS, _STATUS),
        strict=True,
    )
)
"""The role of each kind of record that the fold uses; for ticks, the number in a row."""

_SIGN: dict[str | None, int] = {"buy": 1, "sell": -1}


class _Cells:
    """The columns of a chunk as Python lists, which are several times faster to walk.

    A chunk is often a single tick, so columns of kinds that are not in it are not converted.
    """

    def __init__(self, chunk: pa.RecordBatch) -> None:
        self.kind: list[str] = chunk.column("kind").to_pylist()
        self.offset: list[int] = chunk.column("offset").to_pylist()
        self.exchange_ns: list[int | None] = chunk.column("exchange_ns").to_pylist()
        self.backfilled: list[bool | None] = chunk.column("backfilled").to_pylist()
        self._received_ns: list[int] = chunk.column("received_ns").to_pylist()
        self._taken_ns: list[int | None] = chunk.column("taken_ns").to_pylist()
        kinds = {*self.kind}
        if "quote" in kinds:
            self.bid = counts_e8(chunk.column("bid")).tolist()
            self.ask = counts_e8(chunk.column("ask")).tolist()
            self.last = counts_e8(chunk.column("last")).tolist()
        if "trade" in kinds:
            self.price = counts_e8(chunk.column("price")).tolist()
            self.volume = counts_e8(chunk.column("volume")).tolist()
            self.side: list[str | None] = chunk.column("side").to_pylist()
        if "book" in kinds:
            self.snapshot: list[bool | None] = chunk.column("snapshot").to_pylist()
            self.snapshot_id: list[int | None] = chunk.column("snapshot_id").to_pylist()
            self.checksum: list[int | None] = chunk.column("checksum").to_pylist()
            self._bids = _levels(chunk.column("bids"))
            self._asks = _levels(chunk.column("asks"))
        status = chunk.column("status")
        if "market_status" in kinds:
            self.status: list[str | None] = status.to_pylist()

    def taken(self, index: int) -> tuple[int, int]:
        """Return a tick's delay and when it was taken up, in ns; zeros without a valid time."""
        taken_ns = self._taken_ns[index]
        if taken_ns is None or not 0 < taken_ns < _TIME_MAX_NS:
            return 0, 0
        return min(max(0, taken_ns - self._received_ns[index]), taken_ns), taken_ns

    def bids(self, index: int) -> list[_Level]:
        levels, ends = self._bids
        return levels[ends[index] : ends[index + 1]]

    def asks(self, index: int) -> list[_Level]:
        levels, ends = self._asks
        return levels[ends[index] : ends[index + 1]]


def _levels(column: pa.Array) -> tuple[list[_Level], list[int]]:
    """Return all levels of a column, and where each row's levels begin."""
    flat = flattened(column)
    levels = list(
        zip(
            counts_e8(flat.field(0)).tolist(),
            flat.field(2).to_pylist(),
            counts_e8(flat.field(1)).tolist(),
            flat.field(3).to_pylist(),
            strict=True,
        )
    )
    lengths = lengths_of(column).to_pylist()
    return levels, [0, *accumulate(length or 0 for length in lengths)]
