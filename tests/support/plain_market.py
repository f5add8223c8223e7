"""The market fold, one record after the other and as plainly as possible: what ours is held to."""

from collections.abc import Iterable

import numpy as np

from engine.checksum import book_checksum
from engine.market import BEHIND_NS, BEHIND_TICKS, JUMP_NS, LEVELS, SIDE_LEVELS_MAX
from engine.state import Arrays
from eventlog.records import (
    BookUpdate,
    Gap,
    Level,
    MarketStatus,
    Quote,
    Record,
    SessionEnded,
    SessionStarted,
    Side,
    Trade,
)


class PlainSide:
    """The levels of a side in their slots; a free slot is ``None``."""

    def __init__(self) -> None:
        self.slots: list[Level | None] = []

    def change(self, levels: Iterable[Level]) -> bool:
        """Set or delete levels; return whether all of that was possible."""
        possible = True
        for level in levels:
            decimals = (level.price_decimals, level.volume_decimals)
            if level.price_e8 <= 0 or level.volume_e8 < 0 or not all(0 <= d <= 8 for d in decimals):
                possible = False
                continue
            known = [slot for slot, each in enumerate(self.slots) if self._is_at(each, level)]
            free = [slot for slot, each in enumerate(self.slots) if each is None]
            if known:
                self.slots[known[0]] = level if level.volume_e8 else None
            elif level.volume_e8 and free:
                self.slots[free[0]] = level
            elif level.volume_e8 and len(self.slots) < SIDE_LEVELS_MAX:
                self.slots.append(level)
            elif level.volume_e8:
                possible = False
        return possible

    def best(self, *, highest: bool) -> list[Level]:
        """Return all levels, best first."""
        held = [each for each in self.slots if each is not None]
        return sorted(held, key=lambda each: each.price_e8, reverse=highest)

    def arrays(self) -> dict[str, list[int]]:
        """Return the cells of the slots that were ever taken."""
        return {
            "price_e8": [each.price_e8 if each else 0 for each in self.slots],
            "volume_e8": [each.volume_e8 if each else 0 for each in self.slots],
            "decimals": [
                each.price_decimals * 16 + each.volume_decimals if each else 0
                for each in self.slots
            ],
        }

    @staticmethod
    def _is_at(held: Level | None, level: Level) -> bool:
        return held is not None and held.price_e8 == level.price_e8


class PlainMarket:
    """What is known of a market after some records."""

    def __init__(self) -> None:
        self.bids, self.asks = PlainSide(), PlainSide()
        self.time_ns = self.bid_e8 = self.ask_e8 = self.last_e8 = self.snapshot_id = 0
        self.is_break = True
        self.book_seen = self.book_valid = self.halted = False
        self.behind = 0

    def fold(self, records: Iterable[tuple[int, Record]]) -> list[list[int]]:
        """Fold records in, each with its offset; return a row for each tick."""
        rows = []
        for offset, record in records:
            if isinstance(record, MarketStatus):
                self.halted = record.status != "Online"
            elif isinstance(record, Gap | SessionStarted | SessionEnded):
                self.is_break = True
                self.book_valid = self.book_valid and not isinstance(record, Gap)
            elif isinstance(record, Quote | BookUpdate) or (
                isinstance(record, Trade) and not record.backfilled
            ):
                rows.append(self._row(offset, record))
        return rows

    def state(self) -> Arrays:
        """Return the market as its arrays."""
        scalars = (
            self.time_ns, int(self.is_break) + 2 * self.behind, self.bid_e8, self.ask_e8,
            self.last_e8, int(self.book_seen) + 2 * int(self.halted), int(self.book_valid),
            self.snapshot_id,
        )  # fmt: skip
        state: Arrays = {"market.scalars": np.array(scalars, np.int64)}
        for side, book in (("bids", self.bids), ("asks", self.asks)):
            for name, cells in book.arrays().items():
                array = np.zeros(SIDE_LEVELS_MAX, np.int64)
                array[: len(cells)] = cells
                state[f"market.{side}.{name}"] = array
        return state

    def _row(self, offset: int, record: Quote | Trade | BookUpdate) -> list[int]:
        if record.exchange_ns is not None:
            self._advance(record.exchange_ns)
        kind, traded_e8 = 0, 0
        if isinstance(record, Quote):
            self.bid_e8, self.ask_e8, self.last_e8 = record.bid_e8, record.ask_e8, record.last_e8
        elif isinstance(record, Trade):
            kind, self.last_e8 = 1, record.price_e8
            sign = {Side.BUY: 1, Side.SELL: -1, None: 0}[record.side]
            traded_e8 = sign * record.volume_e8
        else:
            kind = 2
            self._update(record)
        is_known = self.book_valid or not self.book_seen
        delay_ns = taken_ns = 0
        if record.taken_ns is not None and 0 < record.taken_ns < 2**62:
            taken_ns = record.taken_ns
            delay_ns = min(max(0, taken_ns - record.received_ns), taken_ns)
        row = [
            offset, self.time_ns, kind, self.is_break, is_known and 0 < self.bid_e8 < self.ask_e8,
            self.book_valid, self.bid_e8, self.ask_e8, self.last_e8, traded_e8, delay_ns, taken_ns,
            self.halted, *self._shown(self.bids, highest=True),
            *self._shown(self.asks, highest=False),
        ]  # fmt: skip
        self.is_break = False
        return [int(cell) for cell in row]

    def _shown(self, side: PlainSide, *, highest: bool) -> list[int]:
        best = side.best(highest=highest)[:LEVELS] if self.book_valid else []
        missing = [0] * (LEVELS - len(best))
        return [
            *(each.price_e8 for each in best), *missing,
            *(each.volume_e8 for each in best), *missing,
        ]  # fmt: skip

    def _advance(self, stamp_ns: int) -> None:
        self.behind = self.behind + 1 if stamp_ns < self.time_ns - BEHIND_NS else 0
        is_far = abs(stamp_ns - self.time_ns) > JUMP_NS
        if self.is_break or self.behind == BEHIND_TICKS or is_far:
            self.time_ns, self.is_break, self.behind = stamp_ns, True, 0
        self.time_ns = max(self.time_ns, stamp_ns)

    def _update(self, update: BookUpdate) -> None:
        snapshot_id = update.snapshot_id or 0
        self.book_seen = True
        if update.snapshot:
            self.bids, self.asks = PlainSide(), PlainSide()
            self.snapshot_id, self.book_valid = snapshot_id, True
        elif not self.book_valid or snapshot_id < self.snapshot_id:
            return
        possible = [self.bids.change(update.bids), self.asks.change(update.asks)]
        bids, asks = self.bids.best(highest=True), self.asks.best(highest=False)
        if not all(possible) or update.checksum not in (None, _checksum(bids, asks)):
            self.book_valid = False
            return
        self.bid_e8 = bids[0].price_e8 if bids else 0
        self.ask_e8 = asks[0].price_e8 if asks else 0


def _checksum(bids: list[Level], asks: list[Level]) -> int:
    sides = (
        [
            (each.price_e8, each.price_decimals, each.volume_e8, each.volume_decimals)
            for each in side
        ]
        for side in (bids, asks)
    )
    return book_checksum(*sides)
