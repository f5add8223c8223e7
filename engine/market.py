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
from struct import pack

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
_Int64s = npt.NDArray[np.int64]
_Level = tuple[int, int, int, int]  # price, its decimals, volume, its decimals
_ARRAYS = ("price_e8", "volume_e8", "decimals")


@dataclass(slots=True)
class BookSide:
    """One side's levels by price, each in a slot of the arrays that are its state.

    A new price takes the lowest free slot, so the arrays depend on the history alone. A change of a
    level changes one slot, which keeps a checkpoint's delta short. All slots below ``used`` are
    taken, except those in ``holes``, a heap.
    """

    highest: bool  # whether the highest price is best, as of bids
    held: dict[int, _Level]
    slots: dict[int, int]  # by price
    prices: list[int]  # lowest first
    used: int
    holes: list[int]
    signs: dict[int, str]  # price → its level as the checksum signs it; filled on demand
    # Caches, valid until the next change:
    _arrays: dict[str, _Int64s] | None = None
    _cells: list[int] | None = None
    _signed: str | None = None

    @classmethod
    def of(cls, arrays: dict[str, _Int64s], *, highest: bool) -> "BookSide":
        """Return the side that has these `arrays`."""
        slots = np.flatnonzero(arrays["price_e8"]).tolist()
        cells = [arrays[name][slots].tolist() for name in _ARRAYS]
        held = {
            price: (price, decimals // 16, volume, decimals % 16)
            for price, volume, decimals in zip(*cells, strict=True)
        }
        used = slots[-1] + 1 if slots else 0
        holes = sorted({*range(used)}.difference(slots))
        by_price = dict(zip(held, slots, strict=True))
        return cls(highest, held, by_price, sorted(held), used, holes, {})

    @classmethod
    def empty(cls, *, highest: bool) -> "BookSide":
        """Return a side without levels."""
        return cls(highest, {}, {}, [], 0, [], {})

    def copy(self) -> "BookSide":
        """Return an independent copy."""
        return replace(
            self,
            held=self.held.copy(),
            slots=self.slots.copy(),
            prices=self.prices.copy(),
            holes=self.holes.copy(),
            signs=self.signs.copy(),
        )

    def arrays(self) -> dict[str, _Int64s]:
        """Return the levels by slot; not to be written to.

        They are ``price_e8``, ``volume_e8`` and ``decimals`` (the price's * 16 + the volume's),
        int64[SIDE_LEVELS_MAX] each; a price of 0 is a free slot.
        """
        if self._arrays is None:
            cells = np.zeros((3, SIDE_LEVELS_MAX), np.int64)
            levels = [
                (self.slots[price], price, volume, price_decimals * 16 + volume_decimals)
                for price, price_decimals, volume, volume_decimals in self.held.values()
            ]
            slots, *columns = np.array(levels, np.int64).reshape(-1, 4).T
            cells[:, slots] = columns
            self._arrays = dict(zip(_ARRAYS, cells, strict=True))
        return self._arrays

    def cells(self) -> list[int]:
        """Return the prices of the best `LEVELS`, best first, and then their volumes.

        Missing levels are zeros.
        """
        if self._cells is None:
            held, prices = self.held, self.best_prices(LEVELS)
            missing = [0] * (LEVELS - len(prices))
            self._cells = [*prices, *missing, *[held[price][2] for price in prices], *missing]
        return self._cells

    def clear(self) -> None:
        """Delete every price."""
        self._arrays = self._cells = self._signed = None
        self.held.clear()
        self.slots.clear()
        self.prices.clear()
        self.holes.clear()
        self.signs.clear()
        self.used = 0

    def change(self, levels: Sequence[_Level | None]) -> bool:
        """Set or, with volume 0, delete prices; return whether all of that was possible.

        Not possible, and skipped, are a new price where all slots are taken, and ``None``: a level
        that no book can hold.
        """
        if not levels:
            return True
        self._arrays = self._cells = self._signed = None
        held, prices, slots, signs = self.held, self.prices, self.slots, self.signs
        possible = True
        for level in levels:
            if level is None:
                possible = False
                continue
            price, _, volume, _ = level
            if price in held:
                signs.pop(price, None)
                if volume:
                    held[price] = level
                else:
                    del held[price], prices[bisect_left(prices, price)]
                    heappush(self.holes, slots.pop(price))
            elif not volume:
                continue
            elif len(held) == SIDE_LEVELS_MAX:
                possible = False
            else:
                insort(prices, price)
                held[price] = level
                if self.holes:
                    slots[price] = heappop(self.holes)
                else:
                    slots[price] = self.used
                    self.used += 1
        return possible

    def best(self, count: int) -> list[_Level]:
        """Return up to ``count`` levels, best first."""
        return [self.held[price] for price in self.best_prices(count)]

    def signed(self, checksum: BookChecksum) -> str:
        """Return what the checksum signs, best first."""
        if self._signed is None:
            signs = self.signs
            texts = [
                signs.get(price) or self._sign(price, checksum)
                for price in self.best_prices(checksum.levels)
            ]
            self._signed = "".join(texts)
        return self._signed

    def _sign(self, price: int, checksum: BookChecksum) -> str:
        self.signs[price] = sign = checksum.signed(self.held[price])
        return sign

    @property
    def best_price(self) -> int:
        """The best price; 0 of a side without levels, which makes the market invalid."""
        return self.prices[-1 if self.highest else 0] if self.prices else 0

    def best_prices(self, count: int) -> list[int]:
        """Return up to ``count`` prices, best first."""
        return self.prices[: -count - 1 : -1] if self.highest else self.prices[:count]


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
        return cls(BookSide.empty(highest=True), BookSide.empty(highest=False), rules=rules)

    @classmethod
    def of(cls, state: Arrays, rules: VenueRules = DEFAULT_RULES) -> "Market":
        """Return the market that these arrays hold."""
        bids, asks = (
            BookSide.of(
                {name: state[f"market.{side}.{name}"] for name in _ARRAYS}, highest=side == "bids"
            )
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
        """Fold records in, in place; return one row a tick, int64[ticks, WIDTH].

        Every start and every replay waits for this loop. So what it needs of the market is in local
        names, and the cells of all rows are packed at once.
        """
        cells = _Cells(chunk)
        if cells.has_books:
            self.bids, self.asks = self.bids.copy(), self.asks.copy()
        time_ns, behind, is_break = self.time_ns, self.behind, self.breaks
        bid_e8, ask_e8, last_e8 = self.bid_e8, self.ask_e8, self.last_e8
        is_known = bool(self.book_valid or not self.book_seen)
        heads: list[int] = []  # the named columns of each tick, and which of the levels it shows
        shown = [*self._level_cells()]  # the levels now, and after every record that changes them
        newest = 0  # of those shown
        for index, role in enumerate(map(_ROLE.get, cells.kind)):
            if role is None or cells.backfilled[index]:
                continue
            if role <= _BREAKS:
                is_break |= self._interrupt(cells, index, role)
                is_known = bool(self.book_valid or not self.book_seen)
                shown += self._level_cells()
                newest += 1
                continue
            stamp_ns = cells.exchange_ns[index]
            if stamp_ns is not None:
                behind = behind + 1 if stamp_ns < time_ns - BEHIND_NS else 0
                is_ahead = behind == BEHIND_TICKS
                if is_break or is_ahead or abs(stamp_ns - time_ns) > JUMP_NS:
                    time_ns, is_break, behind = stamp_ns, 1, 0
                elif stamp_ns > time_ns:
                    time_ns = stamp_ns
            traded_e8 = 0
            if role == _QUOTE:
                bid_e8, ask_e8, last_e8 = cells.bid[index], cells.ask[index], cells.last[index]
            elif role == _TRADE:
                last_e8 = cells.price[index]
                traded_e8 = _SIGN.get(cells.side[index], 0) * cells.volume[index]
            else:
                if self._update_book(cells, index):
                    bid_e8, ask_e8 = self.bids.best_price, self.asks.best_price
                is_known = bool(self.book_valid)
                shown += self._level_cells()
                newest += 1
            heads += (
                cells.offset[index], time_ns, role, is_break, is_known and 0 < bid_e8 < ask_e8,
                self.book_valid, bid_e8, ask_e8, last_e8, traded_e8,
                *cells.taken(index), self.halted, newest,
            )  # fmt: skip
            is_break = 0
        self.time_ns, self.behind, self.breaks = time_ns, behind, is_break
        self.bid_e8, self.ask_e8, self.last_e8 = bid_e8, ask_e8, last_e8
        table = _packed(heads, FIRST_LEVEL + 1)
        levels = _packed(shown, WIDTH - FIRST_LEVEL)[table[:, -1]]
        return np.concatenate([table[:, :-1], levels], axis=1)

    def _interrupt(self, cells: "_Cells", index: int, role: int) -> bool:
        """Take note of a record that is no tick; return whether it makes the next tick a break."""
        if role == _STATUS:
            self.halted = int(cells.status[index] != ONLINE)
        elif role == _GAP:
            self.book_valid = 0
        return role != _STATUS

    def _update_book(self, cells: "_Cells", index: int) -> bool:
        """Change the book; return whether it is the exchange's now."""
        snapshot_id = cells.snapshot_id[index] or 0
        self.book_seen = 1
        if cells.snapshot[index]:
            self.bids.clear()
            self.asks.clear()
            self.snapshot_id, self.book_valid = snapshot_id, 1
        elif not self.book_valid or snapshot_id < self.snapshot_id:
            return False
        possible = self.bids.change(cells.bids(index))
        possible &= self.asks.change(cells.asks(index))
        wanted = cells.checksum[index]
        if not possible or (wanted is not None and wanted != self._checksum()):
            self.book_valid = 0
        return bool(self.book_valid)

    def _checksum(self) -> int:
        checksum = self.rules.book_checksum
        return checksum.of((self.bids.signed(checksum), self.asks.signed(checksum)))

    def _level_cells(self) -> list[int]:
        """Return the cells of a row from `FIRST_LEVEL` on; zeros while the book is invalid."""
        if not self.book_valid:
            return [0] * (4 * LEVELS)
        return self.bids.cells() + self.asks.cells()


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
        self.has_books = "book" in self.kind
        if "quote" in self.kind:
            self.bid = counts_e8(chunk.column("bid")).tolist()
            self.ask = counts_e8(chunk.column("ask")).tolist()
            self.last = counts_e8(chunk.column("last")).tolist()
        if "trade" in self.kind:
            self.price = counts_e8(chunk.column("price")).tolist()
            self.volume = counts_e8(chunk.column("volume")).tolist()
            self.side: list[str | None] = chunk.column("side").to_pylist()
        if self.has_books:
            self.snapshot: list[bool | None] = chunk.column("snapshot").to_pylist()
            self.snapshot_id: list[int | None] = chunk.column("snapshot_id").to_pylist()
            self.checksum: list[int | None] = chunk.column("checksum").to_pylist()
            self._bids = _levels(chunk.column("bids"))
            self._asks = _levels(chunk.column("asks"))
        status = chunk.column("status")  # that it is missing is not found out at the first one
        if "market_status" in self.kind:
            self.status: list[str | None] = status.to_pylist()

    def taken(self, index: int) -> tuple[int, int]:
        """Return a tick's delay and when it was taken up, in ns; zeros without a valid time."""
        taken_ns = self._taken_ns[index]
        if taken_ns is None or not 0 < taken_ns < _TIME_MAX_NS:
            return 0, 0
        return min(max(0, taken_ns - self._received_ns[index]), taken_ns), taken_ns

    def bids(self, index: int) -> list[_Level | None]:
        levels, ends = self._bids
        return levels[ends[index] : ends[index + 1]]

    def asks(self, index: int) -> list[_Level | None]:
        levels, ends = self._asks
        return levels[ends[index] : ends[index + 1]]


_SOUND_DECIMALS = frozenset(range(9))


def _levels(column: pa.Array) -> tuple[list[_Level | None], list[int]]:
    """Return all levels of a column, and where each row's levels begin.

    A level that no book can hold is ``None``: a price of 0 means a free slot, and a level has at
    most eight decimals.
    """
    flat = flattened(column)
    prices, volumes = counts_e8(flat.field(0)).tolist(), counts_e8(flat.field(1)).tolist()
    decimals = flat.field(2).to_pylist(), flat.field(3).to_pylist()
    levels = [*zip(prices, decimals[0], volumes, decimals[1], strict=True)]
    lengths = lengths_of(column).to_pylist()
    ends = [0, *accumulate(length or 0 for length in lengths)]
    are_sound = _SOUND_DECIMALS.issuperset({*decimals[0], *decimals[1]})
    if not levels or (are_sound and min(prices) > 0 <= min(volumes)):
        return [*levels], ends
    return [level if _is_sound(level) else None for level in levels], ends


def _is_sound(level: _Level) -> bool:
    price, price_decimals, volume, volume_decimals = level
    return price > 0 <= volume and _SOUND_DECIMALS.issuperset((price_decimals, volume_decimals))


def _packed(cells: list[int], width: int) -> Rows:
    """Return int64[rows, width] of cells row by row, in a third of the time of `numpy.array`."""
    return np.frombuffer(pack(f"{len(cells)}q", *cells), np.int64).reshape(-1, width)
