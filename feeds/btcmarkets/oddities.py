"""Unreadable rows of REST: each is recorded once, with a gap for the trade that it may be.

The same row comes again with every fetch of the newest page, so recorded rows are remembered, by
digest and within a bound.
"""

from collections.abc import Iterable
from hashlib import blake2b

from eventlog.records import Gap, Input, Undecodable
from feeds.btcmarkets.replies import OddRow, Page
from feeds.deduplicator import TradeDeduplicator

KEPT_A_LIST_MAX = 16
"""Rows of one list that are recorded one by one (I10); of the others only the number is."""

REMEMBERED_MAX = 4_096


class Oddities:
    """The odd rows of one market that were recorded."""

    def __init__(self) -> None:
        self._told: dict[bytes, None] = {}

    def records(self, page: Page, deduplicator: TradeDeduplicator, at_ns: int) -> list[Input]:
        """Return the records of a page's odd rows: their bytes, and a gap for missing trades."""
        new = self._new(page.odd)
        records: list[Input] = list(recorded(new, at_ns))
        holes = [row for row in new if _may_be_missing(row, page, deduplicator)]
        for row in holes:
            if row.trade_id is not None:
                deduplicator.add(row.trade_id)  # recorded: it need not be searched for any more
        if holes:
            from_ns, to_ns = _span_ns(holes, page, at_ns)
            why = f"{len(holes)} trades of REST could not be read: {holes[0].why}"
            records.append(Gap(received_ns=at_ns, from_ns=from_ns, to_ns=to_ns, why=why))
        return records

    def new(self, rows: Iterable[OddRow], at_ns: int) -> list[Undecodable]:
        """Return the records of rows that are no trades."""
        return list(recorded(self._new(rows), at_ns))

    def _new(self, rows: Iterable[OddRow]) -> list[OddRow]:
        new = []
        for row in rows:
            digest = blake2b(row.raw + row.why.encode(), digest_size=16).digest()
            if digest not in self._told:
                self._told[digest] = None
                new.append(row)
        while len(self._told) > REMEMBERED_MAX:
            del self._told[next(iter(self._told))]
        return new


def recorded(rows: list[OddRow], at_ns: int) -> Iterable[Undecodable]:
    """Yield rows as records; beyond `KEPT_A_LIST_MAX` only their number."""
    for row in rows[:KEPT_A_LIST_MAX]:
        yield Undecodable(received_ns=at_ns, raw=row.raw, why=f"a row of REST: {row.why}")
    if len(rows) > KEPT_A_LIST_MAX:
        why = f"{len(rows) - KEPT_A_LIST_MAX} more rows of REST that cannot be read"
        yield Undecodable(received_ns=at_ns, raw=b"", why=why)


def _may_be_missing(row: OddRow, page: Page, deduplicator: TradeDeduplicator) -> bool:
    if row.trade_id is not None:
        return deduplicator.may_miss(row.trade_id)
    # Without an id, its place on the page bounds what it may be.
    newer = [trade.trade_id for place, trade in page.placed if place < row.number]
    return deduplicator.begun and (not newer or deduplicator.may_be_after_floor(min(newer)))


def _span_ns(holes: list[OddRow], page: Page, at_ns: int) -> tuple[int, int]:
    """Return the times between which the missing rows lie, as far as known."""
    first, last = min(row.number for row in holes), max(row.number for row in holes)
    newer = [t.exchange_ns for place, t in page.placed if place < first and t.exchange_ns]
    older = [t.exchange_ns for place, t in page.placed if place > last and t.exchange_ns]
    to_ns = min([at_ns, *newer])
    return min([to_ns, max(older, default=to_ns)]), to_ns
