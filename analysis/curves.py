"""A whole log in a few hundred buckets, from which curves, tables and measures are computed.

Each bucket has the same number of records, and an effect belongs to the bucket of its tick. One
pass over a few columns is enough, and memory does not grow with the log. A bucket keeps the sums
of what adds up, and the minimum and maximum of the price, so that no spike is lost.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.reader import Reader
from eventlog.schema import NAMES
from journal.reading.columns import decimals_of, numbers
from journal.reading.prices import NEEDS, Priced, Prices
from journal.reading.score import Learned

Floats = npt.NDArray[np.float64]

SUMMED = (
    *("trained", "resolved", "scored", "scored_hits", "scored_loss", "scored_baseline_loss"),
    *("voided", "scored_network_loss", "scored_rule_loss", "scored_rule_hits"),
    *("scored_persistence_hits", "scored_brier"),
)
"""Columns of decisions that a bucket sums, as far as the log's version has them."""

LAST = (
    *("learning_rate", "equity", "gross_equity", "buy_hold_equity", "random_equity", "drawdown"),
    *(
        "turnover",
        "spread_cost",
        "skill_confidence",
        "edge_realisation",
        "sharpe",
        "round_trips",
        "winning_trips",
        "position",
    ),
)
"""Columns of decisions of which a bucket keeps the last value."""

MEANT = ("confidence", "p_move", "loss")
"""Columns of decisions whose mean is drawn: `Curves.means` has their sums, to be divided by the
number of decisions."""

_NEEDED = (*NEEDS, "reason", "cause")
READ_RECORDS = 1 << 18
"""Records that are folded at once."""


class Curves:
    """A log's buckets as arrays, all [buckets]; NaN or 0 where there was nothing."""

    def __init__(self, buckets: int) -> None:
        """Begin with nothing in any bucket."""
        self.count = buckets
        self.backfilled = np.zeros(buckets)
        """Trades that came late, on which nothing was decided."""
        self.decisions = np.zeros(buckets)
        self.fills = np.zeros(buckets)
        self.fees = np.zeros(buckets)
        self.time_ns = np.zeros(buckets, np.int64)
        self.sums = {name: np.zeros(buckets) for name in SUMMED if name in NAMES}
        self.lasts = {name: np.full(buckets, np.nan) for name in LAST if name in NAMES}
        self.means = {name: np.zeros(buckets) for name in MEANT}
        self.buys = np.zeros(buckets)
        self.sells = np.zeros(buckets)
        self.bought_at = np.zeros(buckets)
        self.sold_at = np.zeros(buckets)
        """Sums of the fills' prices, by side."""
        self.said_ns = 0
        """When the newest start or end of a session was recorded."""
        self.price_first: float | None = None
        self.price_low = np.full(buckets, np.inf)
        self.price_high = np.full(buckets, -np.inf)
        self.price_last = np.full(buckets, np.nan)
        self.falls = np.full(buckets, np.nan)
        """The deepest fall of equity below its peak so far, as a share of the peak."""
        self._peak = 0.0
        self.reasons: dict[str, Floats] = {}

    def add(self, table: pa.Table, places: npt.NDArray[np.int64], priced: Priced) -> None:
        """Add records, in the order of the log.

        Args:
            table: the records, with the columns that `read` asks for.
            places: the bucket of each record, [records].
            priced: the ticks among them.
        """
        kinds = table.column("kind")
        # Starts and ends of sessions are of when a process ran, not of when imported data is from.
        says = pc.is_in(kinds, _SESSIONS).to_numpy()
        received = table.column("received_ns").to_numpy()
        times = np.where(says, 0, received)
        self.said_ns = max(self.said_ns, int(received[says].max(initial=0)))
        np.maximum.at(self.time_ns, places, times)
        late = pc.fill_null(table.column("backfilled"), False).to_numpy()
        self.backfilled += np.bincount(places[late], minlength=self.count)
        # Records may be missing between others: those that a damaged file does not give.
        rows = np.searchsorted(table.column("offset").to_numpy(), priced.offsets)
        self._add_prices(priced, places[rows])
        self._add_fills(table, places, pc.equal(kinds, "fill"))
        self._add_decisions(table, places, pc.equal(kinds, "decision"))

    def learned(self, cells: slice | npt.NDArray[np.int64] = slice(None)) -> Learned:
        """Return the figures over the labels of some buckets; by default of all."""
        labels, hits, loss, baseline_loss = (
            float(self.sums[name][cells].sum())
            for name in ("scored", "scored_hits", "scored_loss", "scored_baseline_loss")
        )
        return Learned.of_sums(labels=labels, hits=hits, loss=loss, baseline_loss=baseline_loss)

    def _add_prices(self, priced: Priced, where: npt.NDArray[np.int64]) -> None:
        known = np.isfinite(priced.prices)
        prices, where = priced.prices[known], where[known]
        if not len(prices):
            return
        if self.price_first is None:
            self.price_first = float(prices[0])
        bounds = _bounds(where)
        cells = where[bounds]
        self.price_low[cells] = np.minimum(
            self.price_low[cells], np.minimum.reduceat(prices, bounds)
        )
        self.price_high[cells] = np.maximum(
            self.price_high[cells], np.maximum.reduceat(prices, bounds)
        )
        self.price_last[cells] = prices[_ends(bounds, len(where))]

    def _add_fills(self, table: pa.Table, places: npt.NDArray[np.int64], which: pa.Array) -> None:
        fees = table.column("fee").filter(which)
        if len(fees):
            where = places[which.to_numpy()]
            self.fills += np.bincount(where, minlength=self.count)
            self.fees += np.bincount(where, decimals_of(fees), self.count)
            buys = pc.equal(table.column("side").filter(which), "buy").to_numpy()
            prices = decimals_of(table.column("price").filter(which))
            self.buys += np.bincount(where[buys], minlength=self.count)
            self.sells += np.bincount(where[~buys], minlength=self.count)
            self.bought_at += np.bincount(where[buys], prices[buys], self.count)
            self.sold_at += np.bincount(where[~buys], prices[~buys], self.count)

    def _add_decisions(
        self, table: pa.Table, places: npt.NDArray[np.int64], which: pa.Array
    ) -> None:
        rows = table.filter(which)
        if not rows.num_rows:
            return
        where = places[which.to_numpy()]
        bounds = _bounds(where)
        cells = where[bounds]
        self.decisions += np.bincount(where, minlength=self.count)
        for name, sums in self.sums.items():
            sums += np.bincount(where, numbers(rows.column(name), missing=0.0), self.count)
        for name, means in self.means.items():
            means += np.bincount(where, numbers(rows.column(name), missing=0.0), self.count)
        ends = _ends(bounds, len(where))
        for name, lasts in self.lasts.items():
            lasts[cells] = numbers(rows.column(name).take(pa.array(ends)), missing=np.nan)
        equity = decimals_of(rows.column("equity"))
        peaks = np.maximum(np.maximum.accumulate(equity), self._peak)
        self._peak = float(peaks[-1])
        falls = 1 - np.divide(equity, peaks, out=np.ones(len(equity)), where=peaks > 0)
        self.falls[cells] = np.fmax(self.falls[cells], np.maximum.reduceat(falls, bounds))
        coded = rows.column("reason").combine_chunks().dictionary_encode()
        codes = coded.indices.to_numpy(zero_copy_only=False)
        for code, reason in enumerate(coded.dictionary.to_pylist()):
            counts = self.reasons.setdefault(reason, np.zeros(self.count))
            counts += np.bincount(where[codes == code], minlength=self.count)


_SESSIONS = pa.array(["session_started", "session_ended"])


def _nothing(_table: pa.Table, _priced: Priced) -> None:
    """Watch nothing."""


def read(
    log: Reader,
    *,
    buckets: int,
    start: int = 0,
    end: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
    also: Sequence[str] = (),
    watch: Callable[[pa.Table, Priced], None] = _nothing,
    prices: Prices | None = None,
) -> Curves:
    """Return the curves of a log between two offsets.

    Args:
        log: the log.
        buckets: how many buckets there are at most.
        start: the first offset.
        end: the offset to stop before; by default the end of the log.
        advance: called with the number of records of each table that is done.
        also: columns that are read besides those that curves need.
        watch: called with every table and the ticks in it, in the order of the log.
        prices: the market before the first record; by default nothing is known of it.
    """
    stop = log.end if end is None else end
    total = max(stop - start, 1)
    curves = Curves(min(buckets, total))
    prices = Prices() if prices is None else prices
    wanted = {"offset", "fee", *_NEEDED, *curves.sums, *curves.lasts, *curves.means, *also}
    columns = [name for name in NAMES if name in wanted]
    waiting: list[pa.RecordBatch] = []

    def fold() -> None:
        table = pa.Table.from_batches(waiting)
        priced = prices.add(table)
        curves.add(table, (_places(table, start) - start) * curves.count // total, priced)
        watch(table, priced)
        advance(table.num_rows)
        waiting.clear()

    held = 0
    for batch in log.read(start, stop, columns=columns):
        waiting.append(batch)
        held += batch.num_rows
        if held >= READ_RECORDS:
            fold()
            held = 0
    if waiting:
        fold()
    np.maximum.accumulate(curves.time_ns, out=curves.time_ns)
    known = np.flatnonzero(curves.time_ns)
    # Buckets before the first record of the market have its time; without any, the session's.
    curves.time_ns[: known[0] if len(known) else None] = (
        curves.time_ns[known[0]] if len(known) else curves.said_ns
    )
    return curves


def _places(table: pa.Table, start: int) -> npt.NDArray[np.int64]:
    """Return the offset at which each record is drawn: that of an effect is its tick's.

    The effects of a chunk follow all of its ticks, in an import a thousand: at their own offsets,
    all decisions would be drawn at the end of their chunk.
    """
    offsets, causes = (table.column(name) for name in ("offset", "cause"))
    places: npt.NDArray[np.int64] = pc.coalesce(causes, offsets).to_numpy()
    return np.maximum(places, start)


def _bounds(places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the row at which each run of equal buckets begins; they never fall."""
    return np.flatnonzero(np.diff(places, prepend=-1))


def _ends(bounds: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return the last row of each run."""
    return np.append(bounds[1:], count) - 1
