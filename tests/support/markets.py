"""Made-up markets for the tests of the engine: records that follow from a seed, and short cuts.

`stream` holds everything that a log can bring: quotes, trades, signed books, deltas that are stale,
signed wrongly or before any snapshot, crossed quotes, late and missing stamps, gaps, sessions and
frames that could not be decoded.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from engine.arithmetic import tf
from engine.checksum import book_checksum
from engine.engine import Engine
from engine.market import FIRST_LEVEL, WIDTH, Column
from engine.parameters import Parameters
from engine.row import Row, row_of
from eventlog.records import (
    BookUpdate,
    Decision,
    Effect,
    Fill,
    Gap,
    Level,
    Milestone,
    Quote,
    Record,
    SessionEnded,
    SessionStarted,
    Side,
    Trade,
    Undecodable,
)
from eventlog.schema import decode, encode, renumber

SMALL = Parameters(
    seed=7,
    horizon_ms=400,
    block_units=8,
    memory_rows=256,
    archive_rows=256,
    learning_rate=0.01,
    warm_up_labels=20,
    warm_up_horizons=5,
    confidence_floor=0.5,
    fee_ppm=0,
)
"""Parameters of a quick engine whose ring wraps around within a few hundred ticks, and trades."""

CENT_E8 = 10**6
MS = 10**6
START_NS = 1_790_000_000_000_000_000


def quote(
    bid_e8: int, ask_e8: int, *, at_ms: int | None, last_e8: int = 0, decimals: int = 8
) -> Quote:
    """Return a quote at a time on the test's own clock."""
    return Quote(
        exchange_ns=None if at_ms is None else START_NS + at_ms * MS,
        received_ns=START_NS,
        bid_e8=bid_e8,
        ask_e8=ask_e8,
        last_e8=last_e8,
        bid_decimals=decimals,
        ask_decimals=decimals,
        last_decimals=decimals,
        snapshot_id=None,
    )


def trade(
    price_e8: int,
    volume_e8: int,
    *,
    at_ms: int | None,
    side: Side | None = Side.BUY,
    backfilled: bool = False,
) -> Trade:
    """Return a public trade."""
    return Trade(
        exchange_ns=None if at_ms is None else START_NS + at_ms * MS,
        received_ns=START_NS,
        price_e8=price_e8,
        volume_e8=volume_e8,
        price_decimals=2,
        volume_decimals=8,
        side=side,
        trade_id=1,
        backfilled=backfilled,
    )


def level(price_e8: int, volume_e8: int) -> Level:
    """Return a level of a book whose prices are whole cents."""
    return Level(price_e8, volume_e8, 2, 8, int(volume_e8 > 0))


def book(
    bids: Iterable[tuple[int, int]],
    asks: Iterable[tuple[int, int]],
    *,
    at_ms: int | None,
    snapshot: bool = False,
    checksum: int | None = None,
    snapshot_id: int | None = None,
) -> BookUpdate:
    """Return an update of the book from (price, volume) pairs in 1e-8."""
    return BookUpdate(
        exchange_ns=None if at_ms is None else START_NS + at_ms * MS,
        received_ns=START_NS,
        bids=tuple(level(*pair) for pair in bids),
        asks=tuple(level(*pair) for pair in asks),
        snapshot=snapshot,
        checksum=checksum,
        snapshot_id=snapshot_id,
    )


def gap() -> Gap:
    """Return a gap."""
    return Gap(received_ns=START_NS, from_ns=START_NS - 1, to_ns=START_NS, why="test")


def checksum_of(bids: dict[int, int], asks: dict[int, int]) -> int:
    """Return the exchange's checksum of a book of price → volume, prices in whole cents."""
    return book_checksum(
        [(price, 2, bids[price], 8) for price in sorted(bids, reverse=True)],
        [(price, 2, asks[price], 8) for price in sorted(asks)],
    )


def row(
    *,
    bids: Sequence[tuple[int, int]] = (),
    asks: Sequence[tuple[int, int]] = (),
    valid: bool = True,
    breaks: bool = False,
    **named: int,
) -> Row:
    """Return a market row of the compiled step; what is not named is 0, ``valid`` is true.

    Levels are (price, volume) pairs, best first; with levels the book is valid.
    """
    cells = np.zeros(WIDTH, np.int64)
    cells[Column.VALID] = valid
    cells[Column.BREAK] = breaks
    cells[Column.BOOK_VALID] = bool(bids or asks)
    for name, value in named.items():
        cells[Column[name.upper()]] = value
    levels = cells[FIRST_LEVEL:].reshape(4, -1)
    for first, side in ((0, bids), (2, asks)):
        for rank, pair in enumerate(side):
            levels[first : first + 2, rank] = pair
    return row_of(tf.constant(cells))


class _Exchange:
    """A market that wanders by cents, trending for a while, and the updates that tell of it."""

    def __init__(self, seed: int) -> None:
        self._draws = random.Random(seed)
        self._middle = 10_000  # cents
        self._drift = 2
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._volumes: dict[int, int] = {}
        self.at_ms = 0
        self._id = 0
        self._synchronised = False

    def next(self) -> Record:
        """Return what the market tells next."""
        draw = self._draws.randrange
        self.at_ms += draw(0, 120)
        if not draw(40):
            self._drift = -self._drift
        self._middle += self._drift * draw(3) + draw(-1, 2)
        rare = draw(300)
        if rare == 0:
            self._synchronised = False
            return gap()
        if rare == 1:
            return Undecodable(received_ns=START_NS, raw=b"{", why="not JSON")
        if rare == 2:
            bid_e8 = self._middle * CENT_E8
            return quote(bid_e8, bid_e8 - CENT_E8, at_ms=self.at_ms, last_e8=bid_e8)
        if rare == 3:
            return trade(self._middle * CENT_E8, 10**8, at_ms=None, side=None, backfilled=True)
        if not self._synchronised or rare == 4:
            return self._snapshot()
        return (self._delta, self._delta, self._quote, self._trade)[draw(4)]()

    def _levels(self, side: int) -> dict[int, int]:
        best = self._middle + side
        prices = [best + side * rank for rank in range(12)]
        for price in prices:
            if price not in self._volumes or not self._draws.randrange(6):
                self._volumes[price] = (self._draws.randrange(1, 900) + 300 * (self._drift > 0)) * (
                    10**5
                )
        return {price * CENT_E8: self._volumes[price] for price in prices}

    def _snapshot(self) -> BookUpdate:
        self._bids, self._asks = self._levels(-1), self._levels(1)
        self._synchronised = True
        self._id = self.at_ms
        return book(
            self._bids.items(),
            self._asks.items(),
            at_ms=self.at_ms,
            snapshot=True,
            checksum=checksum_of(self._bids, self._asks),
            snapshot_id=self._id,
        )

    def _delta(self) -> BookUpdate:
        bids, asks = self._levels(-1), self._levels(1)
        changes = [
            [(price, 0) for price in old if price not in new]
            + [(price, volume) for price, volume in new.items() if old.get(price) != volume]
            for old, new in ((self._bids, bids), (self._asks, asks))
        ]
        self._bids, self._asks = bids, asks
        update = book(
            changes[0],
            changes[1],
            at_ms=self.at_ms,
            checksum=checksum_of(bids, asks),
            snapshot_id=self.at_ms,
        )
        fault = self._draws.randrange(200)
        if fault == 0:
            self._synchronised = False
            return replace(update, checksum=12345)
        if fault == 1:
            self._synchronised = False  # it was not applied, so the next would not check
            return replace(update, snapshot_id=self._id - 1)
        return update

    def _quote(self) -> Quote:
        middle_e8 = self._middle * CENT_E8
        return quote(
            middle_e8 - CENT_E8,
            middle_e8 + CENT_E8,
            at_ms=self.at_ms,
            last_e8=middle_e8,
            decimals=2,
        )

    def _trade(self) -> Trade:
        buys = self._draws.randrange(3) < (2 if self._drift > 0 else 1)
        late_ms = 50 * (not self._draws.randrange(10))
        return trade(
            (self._middle + (1 if buys else -1)) * CENT_E8,
            self._draws.randrange(1, 500) * 10**6,
            at_ms=self.at_ms - late_ms,
            side=Side.BUY if buys else Side.SELL,
        )


@cache
def stream(count: int, *, seed: int = 1) -> tuple[Record, ...]:
    """Return the first records of the journal of a made-up market: the same for the same seed."""
    market = _Exchange(seed)
    first = SessionStarted(received_ns=START_NS, session=1, detail="{}")
    records: list[Record] = [first, *(market.next() for _ in range(count - 1))]
    if count > 400:
        records[300] = SessionEnded(received_ns=START_NS, session=1, why="test", detail="{}")
        records[301] = SessionStarted(received_ns=START_NS, session=2, detail="{}")
    return tuple(records)


@cache
def journal(count: int, *, seed: int = 1) -> pa.RecordBatch:
    """Return `stream` as one batch, at offsets from 0 on."""
    return encode(stream(count, seed=seed), first_offset=0)


def cut(batch: pa.RecordBatch, size: int) -> list[pa.RecordBatch]:
    """Cut a batch into slices of so many rows."""
    return [batch.slice(start, size) for start in range(0, batch.num_rows, size)]


def carry(engine: Engine, batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Advance an engine over batches; return all effects, at dense offsets from 0 on."""
    effects = [engine.advance(batch) for batch in batches]
    return renumber(pa.concat_batches(effects), first_offset=0)


def advance(engine: Engine, records: Sequence[Record]) -> list[Effect]:
    """Advance an engine over records behind its position; return the effects."""
    batch = encode(records, first_offset=engine.position + 1)
    found = [record for _, record in decode(engine.advance(batch))]
    return [record for record in found if isinstance(record, Decision | Fill | Milestone)]


def decisions(engine: Engine, records: Sequence[Record]) -> list[Decision]:
    """Advance an engine over records behind its position; return the decisions."""
    return [effect for effect in advance(engine, records) if isinstance(effect, Decision)]


def changed(batch: pa.RecordBatch, row: int, column: str, value: Any) -> pa.RecordBatch:
    """Return a batch with one cell replaced."""
    array = batch.column(column)
    cells = pa.concat_arrays([array[:row], pa.array([value], array.type), array[row + 1 :]])
    return batch.set_column(batch.schema.get_field_index(column), batch.schema.field(column), cells)
