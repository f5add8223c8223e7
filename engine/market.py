"""Ticks → fixed-width integer rows: the order book, its checksum verdict, the best prices.

This is the engine's reading of what the exchange sent. It works on whole numbers only and is total:
no record that a log can hold makes it raise. A tick gives one row; a `Gap` or a session's start or
end gives none, but marks the next row as a *break*, across which no return, label or order carries.
A backfilled trade gives none either: it did not arrive in time, so nothing is decided on it.

The book follows the exchange's synchronisation rule (reference: btcmarkets.md 1.5): deltas before
any snapshot, or stamped before it, are ignored; a checksum that differs makes the book invalid
until the next snapshot.

Event time is the exchange's stamp, never running backwards: a late trade happens "now". A stamp
more than `JUMP_NS` away from the time so far starts a new time and is a break.
"""

import heapq
from bisect import bisect_left, insort
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.state import Arrays
from eventlog.checksum import book_checksum
from eventlog.records import TICK_KINDS
from eventlog.schema import counts_e8

LEVELS = 5
"""Levels a side that a row shows."""

SIDE_LEVELS_MAX = 4_096
"""Levels a side that the book holds; a snapshot or delta beyond makes it invalid (I10)."""

JUMP_NS = 3_600 * 10**9
"""How far event time may move in one tick without being taken for a broken clock."""


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


FIRST_LEVEL = len(Column)
WIDTH = FIRST_LEVEL + 4 * LEVELS
"""Columns of a row: bid prices, bid volumes, ask prices, ask volumes behind the named ones."""

READS = (
    "offset", "kind", "exchange_ns", "bid", "ask", "last", "snapshot_id",
    "price", "volume", "side", "backfilled", "bids", "asks", "snapshot", "checksum",
)  # fmt: skip
"""The columns of a log that the engine reads."""

Rows = npt.NDArray[np.int64]
_Level = tuple[int, int, int, int]  # price, its decimals, volume, its decimals
_ARRAYS = ("price_e8", "volume_e8", "decimals")


@dataclass(slots=True)
class BookSide:
    """One side's levels by price, mirrored into arrays slot by slot.

    A new price takes the lowest free slot, so the arrays follow from the history alone, and a level
    that changes touches one slot, which keeps a checkpoint's delta short. The arrays are
    ``price_e8``, ``volume_e8`` and ``decimals`` (the price's * 16 + the volume's); a price of 0 is
    a free slot.
    """

    arrays: dict[str, npt.NDArray[np.int64]]
    slot_of: dict[int, int]
    free: list[int]
    level_of: dict[int, _Level]
    prices: list[int]

    @classmethod
    def of(cls, arrays: dict[str, npt.NDArray[np.int64]]) -> "BookSide":
        """Return the side that these arrays mirror."""
        prices = arrays["price_e8"].tolist()
        slot_of = {price: slot for slot, price in enumerate(prices) if price}
        decimals, volumes = arrays["decimals"].tolist(), arrays["volume_e8"].tolist()
        level_of = {
            price: (price, decimals[slot] // 16, volumes[slot], decimals[slot] % 16)
            for price, slot in slot_of.items()
        }
        free = [slot for slot, price in enumerate(prices) if not price]
        return cls(arrays, slot_of, free, level_of, sorted(level_of))

    @classmethod
    def empty(cls) -> "BookSide":
        """Return a side without levels."""
        return cls.of({name: np.zeros(SIDE_LEVELS_MAX, np.int64) for name in _ARRAYS})

    def copy(self) -> "BookSide":
        """Return an independent copy."""
        return BookSide(
            {name: array.copy() for name, array in self.arrays.items()},
            self.slot_of.copy(),
            self.free.copy(),
            self.level_of.copy(),
            self.prices.copy(),
        )

    def set(self, level: _Level) -> bool:
        """Set or, with volume 0, delete one price; return whether that was possible.

        It is not where there is no room, and with a level that no book can hold: a price of 0
        marks a free slot, and a level has at most eight decimals.
        """
        price, price_decimals, volume, volume_decimals = level
        if price <= 0 or volume < 0:
            return False
        if not (0 <= price_decimals <= 8 and 0 <= volume_decimals <= 8):
            return False
        slot = self.slot_of.get(price)
        if not volume:
            if slot is not None:
                self._remove(price, slot)
            return True
        if slot is None:
            if not self.free:
                return False
            slot = heapq.heappop(self.free)
            self.slot_of[price] = slot
            insort(self.prices, price)
            self.arrays["price_e8"][slot] = price
        self.level_of[price] = level
        self.arrays["volume_e8"][slot] = volume
        self.arrays["decimals"][slot] = price_decimals * 16 + volume_decimals
        return True

    def clear(self) -> None:
        """Delete every price: a short book is cheaper to empty than to make anew."""
        for price, slot in [*self.slot_of.items()]:
            self._remove(price, slot)

    def _remove(self, price: int, slot: int) -> None:
        del self.slot_of[price], self.level_of[price]
        del self.prices[bisect_left(self.prices, price)]
        heapq.heappush(self.free, slot)
        for array in self.arrays.values():
            array[slot] = 0

    def best(self, count: int, *, highest: bool) -> list[_Level]:
        """Return up to ``count`` levels, best first."""
        prices = self.prices[: -count - 1 : -1] if highest else self.prices[:count]
        return [self.level_of[price] for price in prices]


@dataclass(slots=True)
class Market:
    """The fold over inputs. `fold` changes it; take a `copy` first to be able to go back."""

    bids: BookSide
    asks: BookSide
    time_ns: int = 0
    breaks: int = 1  # the first tick follows nothing
    bid_e8: int = 0
    ask_e8: int = 0
    last_e8: int = 0
    book_seen: int = 0
    book_valid: int = 0
    snapshot_id: int = 0

    @classmethod
    def genesis(cls) -> "Market":
        """Return the market before the first record."""
        return cls(BookSide.empty(), BookSide.empty())

    @classmethod
    def of(cls, state: Arrays) -> "Market":
        """Return the market that these arrays hold; they are copied."""
        bids, asks = (
            BookSide.of({name: state[f"market.{side}.{name}"].copy() for name in _ARRAYS})
            for side in ("bids", "asks")
        )
        return cls(bids, asks, *state["market.scalars"].tolist())

    def state(self) -> Arrays:
        """Return the market as arrays; they are this market's own, not copies."""
        scalars = [getattr(self, field.name) for field in fields(self)[2:]]
        state: Arrays = {"market.scalars": np.array(scalars, np.int64)}
        for side, book in (("bids", self.bids), ("asks", self.asks)):
            for name, array in book.arrays.items():
                state[f"market.{side}.{name}"] = array
        return state

    def copy(self) -> "Market":
        """Return a copy that can be folded on; both share a book until one of them changes it."""
        return replace(self)

    def fold(self, chunk: pa.RecordBatch) -> Rows:
        """Fold records in; return one row a tick, as int64[ticks, WIDTH]."""
        cells = _Cells(chunk)
        if "book" in cells.kind:
            self.bids, self.asks = self.bids.copy(), self.asks.copy()
        rows: list[list[int]] = []
        levels = self._level_cells()
        for index, kind in enumerate(cells.kind):
            if kind not in TICK_KINDS or cells.backfilled[index]:
                self.breaks = max(self.breaks, kind in _BREAKING)
                if kind == "gap":
                    self.book_valid = 0
                    levels = self._level_cells()
                continue
            self._advance_time(cells.exchange_ns[index])
            traded_e8 = 0
            if kind == "quote":
                self.bid_e8, self.ask_e8 = cells.bid[index], cells.ask[index]
                self.last_e8 = cells.last[index]
            elif kind == "trade":
                self.last_e8 = cells.price[index]
                sign = {"buy": 1, "sell": -1}.get(cells.side[index] or "", 0)
                traded_e8 = sign * cells.volume[index]
            else:
                self._update_book(cells, index)
                levels = self._level_cells()
            valid = 0 < self.bid_e8 < self.ask_e8 and (self.book_valid or not self.book_seen)
            row = [
                cells.offset[index], self.time_ns, _KIND[kind], self.breaks, int(valid),
                self.book_valid, self.bid_e8, self.ask_e8, self.last_e8, traded_e8,
            ]  # fmt: skip
            rows.append(row + levels)
            self.breaks = 0
        return np.array(rows, np.int64).reshape(len(rows), WIDTH)

    def _advance_time(self, exchange_ns: int | None) -> None:
        if exchange_ns is None:
            return
        if self.breaks or abs(exchange_ns - self.time_ns) > JUMP_NS:
            self.time_ns, self.breaks = exchange_ns, 1
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
        room = [self.bids.set(level) for level in cells.bids(index)]
        room += [self.asks.set(level) for level in cells.asks(index)]
        wanted = cells.checksum[index]
        if not all(room) or (wanted is not None and wanted != self._checksum()):
            self.book_valid = 0
            return
        # A side without levels has no best price: 0, which is no valid market.
        self.bid_e8 = self.bids.prices[-1] if self.bids.prices else 0
        self.ask_e8 = self.asks.prices[0] if self.asks.prices else 0

    def _checksum(self) -> int:
        return book_checksum(self.bids.best(10, highest=True), self.asks.best(10, highest=False))

    def _level_cells(self) -> list[int]:
        """Return the cells of a row from `FIRST_LEVEL` on: zeros where there is no level."""
        cells: list[int] = []
        for side, highest in ((self.bids, True), (self.asks, False)):
            levels = side.best(LEVELS, highest=highest) if self.book_valid else []
            missing = [0] * (LEVELS - len(levels))
            cells += [level[0] for level in levels] + missing
            cells += [level[2] for level in levels] + missing
        return cells


def is_tick(chunk: pa.RecordBatch) -> pa.Array:
    """Return for every record whether it gives a row, and so has a decision."""
    of_kind = pc.is_in(chunk.column("kind"), pa.array(TICK_KINDS))
    backfilled = chunk.column("backfilled")
    if backfilled.null_count == len(backfilled):
        return of_kind
    return pc.and_not(of_kind, pc.fill_null(backfilled, False))


_KIND = {kind: index for index, kind in enumerate(TICK_KINDS)}
_BREAKING = ("gap", "session_started", "session_ended")


class _Cells:
    """The columns of a chunk as Python lists, which are several times faster to walk."""

    def __init__(self, chunk: pa.RecordBatch) -> None:
        self.offset: list[int] = _cells(chunk, "offset")
        self.kind: list[str] = _cells(chunk, "kind")
        self.exchange_ns: list[int | None] = _cells(chunk, "exchange_ns")
        self.bid: list[int] = _counts(chunk, "bid")
        self.ask: list[int] = _counts(chunk, "ask")
        self.last: list[int] = _counts(chunk, "last")
        self.price: list[int] = _counts(chunk, "price")
        self.volume: list[int] = _counts(chunk, "volume")
        self.side: list[str | None] = _cells(chunk, "side")
        self.backfilled: list[bool | None] = _cells(chunk, "backfilled")
        self.snapshot: list[bool | None] = _cells(chunk, "snapshot")
        self.snapshot_id: list[int | None] = _cells(chunk, "snapshot_id")
        self.checksum: list[int | None] = _cells(chunk, "checksum")
        self._bids = _levels(chunk.column("bids"))
        self._asks = _levels(chunk.column("asks"))

    def bids(self, index: int) -> list[_Level]:
        levels, ends = self._bids
        return levels[ends[index] : ends[index + 1]]

    def asks(self, index: int) -> list[_Level]:
        levels, ends = self._asks
        return levels[ends[index] : ends[index + 1]]


def _cells(chunk: pa.RecordBatch, name: str) -> list[Any]:
    column = chunk.column(name)
    # Most columns of a single tick are empty, and a list of nothing is quickly made.
    return [None] * len(column) if column.null_count == len(column) else column.to_pylist()


def _counts(chunk: pa.RecordBatch, name: str) -> list[int]:
    column = chunk.column(name)
    return [0] * len(column) if column.null_count == len(column) else counts_e8(column).tolist()


def _levels(column: pa.Array) -> tuple[list[_Level], list[int]]:
    """Return all levels of a column, and where each row's begin."""
    if column.null_count == len(column):
        return [], [0] * (len(column) + 1)
    flat = column.flatten()
    levels = list(
        zip(
            counts_e8(flat.field(0)).tolist(),
            flat.field(2).to_pylist(),
            counts_e8(flat.field(1)).tolist(),
            flat.field(3).to_pylist(),
            strict=True,
        )
    )
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return levels, [0, *np.cumsum(lengths).tolist()]
