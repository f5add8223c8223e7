"""BTC Markets' past of one market, by REST: candles in windows of time, trades in pages by id.

What the exchange does not document is checked while it is asked:

* Whether an answer is cut at fewer rows than its window has: where more than `HOLE_CANDLES` are
  missing at an end of a window, that end is asked for again by itself.
* Whether the trades after an id are those next to it: a page that does not have the row of its
  cursor is compared with the page before its oldest row.
* Whether any number is taken for a cursor: the first trade of a time is found by bisection of ids,
  and by paging back where that is refused.

A page with rows that make no sense is asked for again, since most such pages are whole the next
time. What stays odd is recorded, and nothing is passed over in silence.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from eventlog.records import Candle, Gap, Input, Trade
from feeds.btcmarkets.lengths import LENGTHS_NS, WINDOW_ROWS
from feeds.btcmarkets.oddities import recorded
from feeds.btcmarkets.replies import OddRow, Page
from feeds.btcmarkets.rest import Rest
from feeds.clock import now_ns
from feeds.errors import ExchangeUnreachable, RestRefused, RestUnavailable, UnknownMarket
from feeds.history import PRESENT, HistoryPage

HOLE_CANDLES = 60
"""More missing candles than that in a row are recorded as a gap. Fewer are minutes without a trade,
which any market has."""

TRIES = 3
"""How often a page is asked for that makes no sense."""

FUTURE_NS = 3_600 * 10**9
"""A trade further ahead of the exchange's clock than that is of a broken clock."""

NOTHING_NEW = "the newest page brought nothing new"
NO_FURTHER = "the exchange's pages lead no further"

_DAY = "1d"
_ID_MAX = 2**63 - 1
_T = TypeVar("_T")


class MarketHistory:
    """The `feeds.history.History` of a market of BTC Markets; a context manager, on one thread."""

    def __init__(self, url: str, market: str, *, rest: Rest | None = None) -> None:
        self.source = url
        self._market = market
        self._rest = rest or Rest(url)
        self._skew_ns = 0
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._run(self._rest.__aenter__())
        try:
            self._greet()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _greet(self) -> None:
        """Learn the exchange's time, and whether it has the market."""
        try:
            self._skew_ns = self._run(self._rest.skew_ns())
            catalogue = self._run(self._rest.catalogue())
        except (RestUnavailable, RestRefused) as error:
            raise ExchangeUnreachable(url=self.source, timeout_s=0.0, why=str(error)) from error
        # One whose row makes no sense is there all the same.
        if self._market not in {*catalogue.statuses, *(row.market for row in catalogue.odd)}:
            raise UnknownMarket(
                url=self.source, market=self._market, code=None, message="not in its catalogue"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self._rest.__aexit__())
        self._runner.close()

    @property
    def calls(self) -> int:
        """How many calls were made, repeated ones included."""
        return self._rest.calls

    def now_ns(self) -> int:
        """Return the exchange's time, which it is asked for."""
        self._skew_ns = self._run(self._rest.skew_ns())
        return now_ns() + self._skew_ns

    @property
    def ahead_ns(self) -> int:
        """How far the exchange's clock was ahead of ours when it was last asked."""
        return self._skew_ns

    def _run(self, asked: Coroutine[Any, Any, _T]) -> _T:
        return self._runner.run(asked)

    # --- candles

    def candles(
        self, length: str, *, from_ns: int, to_ns: int, follows: bool = False
    ) -> Iterator[HistoryPage]:
        """Yield windows of candles; see `feeds.history.History`."""
        length_ns, strange = LENGTHS_NS[length], 0
        at_ns = from_ns if follows else self._first_ns(length_ns, from_ns, to_ns)
        known_ns = at_ns if follows else None  # the end of the last candle
        while at_ns < to_ns:
            end_ns = min(at_ns + WINDOW_ROWS * length_ns, to_ns)
            candles, odd = self._window(length, at_ns, end_ns)
            records: list[Input] = []
            for candle in candles:
                records += self._hole(known_ns, candle.exchange_ns, length_ns)
                records.append(candle)
                known_ns = candle.end_ns
            strange = strange + 1 if odd and not candles else 0
            if odd:
                # Any of the missing ones may be such a row.
                last_ns = to_ns if strange == TRIES else end_ns
                records += self._unread(candles, at_ns, last_ns, length_ns)
                known_ns = last_ns
                records += recorded(odd, now_ns())
            elif end_ns == to_ns:
                records += self._hole(known_ns, to_ns, length_ns)
            if strange == TRIES:
                yield HistoryPage(records=tuple(records), until_ns=end_ns, stopped=NO_FURTHER)
                return
            at_ns = end_ns
            stopped = PRESENT if at_ns == to_ns else ""
            yield HistoryPage(records=tuple(records), until_ns=end_ns, stopped=stopped)

    def _first_ns(self, length_ns: int, from_ns: int, to_ns: int) -> int:
        """Return where to begin: the day of the first candle of days, if there is any."""
        day_ns = LENGTHS_NS[_DAY]
        if to_ns - from_ns <= 2 * WINDOW_ROWS * length_ns:
            return from_ns
        at_ns, last_ns = from_ns // day_ns * day_ns, -(-to_ns // day_ns) * day_ns
        while at_ns < last_ns:
            end_ns = min(at_ns + WINDOW_ROWS * day_ns, last_ns)
            days, _ = self._asked(_DAY, at_ns, end_ns)
            if days:
                return max(from_ns, days[0].exchange_ns)
            at_ns = end_ns
        return from_ns

    def _window(self, length: str, from_ns: int, to_ns: int) -> tuple[list[Candle], list[OddRow]]:
        """Return the candles of a window, its ends asked for again where many are missing."""
        least_ns = HOLE_CANDLES * LENGTHS_NS[length]
        found, odd = self._asked(length, from_ns, to_ns)
        missing_ns = least_ns
        while found and found[0].exchange_ns - from_ns > missing_ns:
            more, strange = self._asked(length, from_ns, found[0].exchange_ns)
            odd += strange
            if not more:
                break
            # It was cut: then any candle may be missing.
            found, missing_ns = more + found, 0
        missing_ns = least_ns
        while found and to_ns - found[-1].end_ns > missing_ns:
            more, strange = self._asked(length, found[-1].end_ns, to_ns)
            odd += strange
            if not more:
                break
            found, missing_ns = found + more, 0
        return found, odd

    def _asked(self, length: str, from_ns: int, to_ns: int) -> tuple[list[Candle], list[OddRow]]:
        """Return one answer's candles, of several answers that make no sense the last one's."""
        for _ in range(TRIES):
            page = self._run(self._rest.candles(self._market, length, from_ns=from_ns, to_ns=to_ns))
            if not page.odd:
                break
        return list(page.candles), list(page.odd)

    def _hole(self, from_ns: int | None, to_ns: int, length_ns: int) -> list[Gap]:
        """Return the gap of a long stretch without candles."""
        if from_ns is None or to_ns - from_ns <= HOLE_CANDLES * length_ns:
            return []
        return [
            self._gap(from_ns, to_ns, "no candle: nothing was traded, or the exchange kept none")
        ]

    def _unread(self, candles: list[Candle], from_ns: int, to_ns: int, length_ns: int) -> list[Gap]:
        """Return the gap from the first to the last missing candle of a time, if any is missing."""
        known = {candle.exchange_ns for candle in candles}
        missing = [each for each in range(from_ns, to_ns, length_ns) if each not in known]
        if not missing:
            return []
        why = "no candle, while rows came that make no sense"
        return [self._gap(missing[0], missing[-1] + length_ns, why)]

    def _gap(self, from_ns: int, to_ns: int, why: str) -> Gap:
        """Return the gap of a time of the exchange's, on our clock."""
        ahead_ns = self._skew_ns
        return Gap(
            received_ns=now_ns(), from_ns=from_ns - ahead_ns, to_ns=to_ns - ahead_ns, why=why
        )

    # --- trades

    def trades(self, *, from_ns: int, after: Trade | None = None) -> Iterator[HistoryPage]:
        """Yield pages of trades, oldest first; see `feeds.history.History`."""
        cursor = self._id_before(from_ns) if after is None else after.trade_id
        until_ns = from_ns
        last = None if after is None else replace(after, source=None)
        while True:
            page = self._page_after(cursor)
            new, odd = self._new(page, cursor, last)
            kept = [trade for trade in new if _time_ns(trade) >= from_ns]
            records: list[Input] = [replace(trade, source=self.source) for trade in kept]
            if odd:
                records += self._unread_trades(odd, new, cursor, until_ns)
                records += recorded(odd, now_ns())
            until_ns = max([until_ns, *map(_time_ns, kept)])
            ids = [each for each in page.ids if each > cursor]
            if not ids:
                stopped, gaps = self._end(cursor, until_ns)
                yield HistoryPage(records=(*records, *gaps), until_ns=until_ns, stopped=stopped)
                return
            yield HistoryPage(records=tuple(records), until_ns=until_ns)
            cursor, last = max(ids), new[-1] if new else None

    def _new(self, page: Page, cursor: int, last: Trade | None) -> tuple[list[Trade], list[OddRow]]:
        """Return a page's trades after its cursor, in order and each once, and its odd rows.

        Odd is also what contradicts another row of its id, on the page or ``last`` before it.
        """
        latest_ns = now_ns() + self._skew_ns + FUTURE_NS
        known = {} if last is None else {last.trade_id: last}
        odd = [row for row in page.odd if row.trade_id is None or row.trade_id > cursor]
        for trade in page.trades:
            if trade.trade_id > cursor and _time_ns(trade) > latest_ns:
                odd.append(_as_odd(trade, "a trade of the future"))
                continue
            first = known.setdefault(trade.trade_id, trade)
            if replace(trade, received_ns=first.received_ns) != first:
                odd.append(_as_odd(trade, "a trade that contradicts another row of its id"))
        return [known[each] for each in sorted(known) if each > cursor], odd

    def _unread_trades(
        self, odd: list[OddRow], new: list[Trade], cursor: int, from_ns: int
    ) -> list[Gap]:
        """Return the gap in which the trades of odd rows are, if any of them may be missing.

        It reaches from the trade before them to the one after them; where a row does not say its
        id, over the whole page.
        """
        known = {cursor, *(trade.trade_id for trade in new)}
        missing = [row.trade_id for row in odd if row.trade_id not in known]
        if not missing:
            return []
        ids = [each for each in missing if each is not None]
        first, last = (min(ids), max(ids)) if len(ids) == len(missing) else (0, _ID_MAX)
        times_ns = [_time_ns(trade) for trade in new]
        before = [_time_ns(trade) for trade in new if trade.trade_id < first]
        after = [_time_ns(trade) for trade in new if trade.trade_id > last]
        start_ns = max(before, default=from_ns)
        end_ns = min(after, default=max([start_ns, *times_ns]))
        why = f"{len(missing)} trades of REST could not be read: {odd[0].why}"
        return [self._gap(min(start_ns, end_ns), end_ns, why)]

    def _id_before(self, from_ns: int) -> int:
        """Return an id that no trade from a time on has, nor any smaller one."""
        newest = self._page()
        older = [t.trade_id for t in newest.trades if _time_ns(t) < from_ns]
        if older or not newest.trades:
            return max(older, default=0)
        low, high = 0, min(trade.trade_id for trade in newest.trades)
        try:
            while high - low > 1:
                middle = (low + high) // 2
                page = self._page(before=middle)
                older = [t.trade_id for t in page.trades if _time_ns(t) < from_ns]
                if older and len(older) < len(page.trades):
                    return max(older)
                if older or not page.trades:
                    low = middle
                else:
                    high = min(trade.trade_id for trade in page.trades)
        except RestRefused:
            return self._paged_back(newest, from_ns)
        return low

    def _paged_back(self, page: Page, from_ns: int) -> int:
        """Return the same by paging back to it."""
        cursor = None
        while page.trades:
            oldest = min(page.trades, key=_trade_id)
            if _time_ns(oldest) < from_ns:
                return oldest.trade_id
            if oldest.trade_id == cursor:
                return cursor - 1
            cursor = oldest.trade_id
            page = self._page(before=cursor)
        return 0 if cursor is None else cursor - 1

    def _page(self, *, before: int | None = None, after: int | None = None) -> Page:
        """Return a page, of several that make no sense the last one."""
        for _ in range(TRIES):
            page = self._run(self._rest.trades(self._market, before=before, after=after))
            if not page.odd:
                break
        return page

    def _page_after(self, cursor: int) -> Page:
        """Return the page next to a cursor; an empty one if none of several answers is that."""
        for _ in range(TRIES):
            page = self._page(after=cursor)
            new = [each for each in page.ids if each > cursor]
            if not new:
                continue
            if cursor in page.ids:
                return page
            before = self._page(before=min(new)).ids
            if not any(cursor < each < min(new) for each in before):
                return page
        return Page(trades=())

    def _end(self, cursor: int, until_ns: int) -> tuple[str, list[Gap]]:
        """Return why no page follows, and the gap that is left if there are newer trades."""
        newer = [t for t in self._page().trades if t.trade_id > cursor]
        if not newer:
            return NOTHING_NEW, []
        to_ns = max(until_ns, *map(_time_ns, newer))
        why = f"trades after {cursor} could not be fetched: {NO_FURTHER}"
        return NO_FURTHER, [self._gap(until_ns, to_ns, why)]


def _time_ns(trade: Trade) -> int:
    return trade.exchange_ns or 0


def _trade_id(trade: Trade) -> int:
    return trade.trade_id


def _as_odd(trade: Trade, why: str) -> OddRow:
    return OddRow(number=0, raw=repr(trade).encode(), why=why, trade_id=trade.trade_id)
