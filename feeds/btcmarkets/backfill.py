"""Backfill: fetches trades that the stream did not bring by REST, so that each is recorded once.

After every connection, and from time to time (trades have no gap detector of their own), the newest
page is fetched, then older ones, until they reach known trades. Trades missing from the newest page
may still arrive by the stream for a moment, which is better, because they are then in time. After
that they are recorded as backfilled. The connection is notified that the stream left out trades: it
may be dead for this market.

Each page is recorded as soon as it was read. So a hole of many pages needs the memory of one page,
and a process that dies half way has recorded half. Nothing is lost or repeated: a hole counts as
filled only once the health sample after its last page says so, and until then the recorded pages
are known trades.

A row that cannot be read is recorded once, as it is, and the other rows are used. A gap is recorded
if the row may be a missing trade, or if pages cannot be fetched or do not lead to known trades.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from eventlog.records import Gap, Health, Input, Trade
from feeds.btcmarkets.backoff import backoff_s
from feeds.btcmarkets.oddities import Oddities
from feeds.btcmarkets.replies import Page
from feeds.btcmarkets.rest import Rest
from feeds.clock import now_ns
from feeds.deduplicator import COMPARED, COMPARED_NS, TradeDeduplicator
from feeds.errors import RestRefused, RestUnavailable
from feeds.loss import reason_text

PAGES_MAX = 250
"""The most pages for one hole (I10): 50 000 trades. Older trades stay missing."""

TRIES_MAX = 5
"""Attempts to fill a hole before a gap is recorded. Further attempts are only as frequent as the
regular checks of the stream; trades that they find are still recorded."""


class Backfill:
    """Fills the holes of some markets for as long as it runs.

    Args:
        rest: the client, entered before it runs.
        deduplicators: the known trades, by market.
        keep: takes the records that were fetched for a market, oldest first.
        doubt: called with a market whose stream did not bring trades in time.
        settle_s: how long the stream may take to bring trades that REST already shows.
        interval_s: time between checks of the stream while nothing is known to be missing.
    """

    def __init__(
        self,
        rest: Rest,
        deduplicators: Mapping[str, TradeDeduplicator],
        keep: Callable[[str, Sequence[Input]], Awaitable[None]],
        *,
        doubt: Callable[[str, Sequence[Trade]], None],
        settle_s: float,
        interval_s: float,
    ) -> None:
        self._rest = rest
        self._deduplicators = deduplicators
        self._keep = keep
        self._doubt = doubt
        self._settle_s = settle_s
        self._interval_s = interval_s
        self._wakes = {market: asyncio.Event() for market in deduplicators}
        self._oddities = {market: Oddities() for market in deduplicators}
        self._began_ns = now_ns()

    def wake(self, market: str) -> None:
        """Request a check of a market now, as after its stream has started or restarted."""
        self._wakes[market].set()

    async def run(self) -> None:
        """Fill until cancelled."""
        async with asyncio.TaskGroup() as group:
            for market in self._deduplicators:
                group.create_task(self._follow(market))

    async def _follow(self, market: str) -> None:
        wake = self._wakes[market]
        await wake.wait()
        failures = 0
        while True:
            wake.clear()
            wait_s = self._interval_s
            try:
                await self.fill(market)
                failures = 0
            except (RestRefused, RestUnavailable) as error:
                failures += 1  # the hole stays, and is tried again
                if failures == TRIES_MAX:
                    await self._tell_hole(market, str(error))
                if failures < TRIES_MAX:
                    wait_s = backoff_s(
                        first_s=self._settle_s, most_s=self._interval_s, failures=failures, draw=1.0
                    )
            try:
                async with asyncio.timeout(wait_s):
                    await wake.wait()
            except TimeoutError:
                pass

    async def fill(self, market: str) -> None:
        """Fetch what is missing of one market.

        Raises:
            RestRefused: if the exchange does not know the market.
            RestUnavailable: if a page cannot be fetched.
        """
        deduplicator = self._deduplicators[market]
        losses, at_ns, before = deduplicator.losses, now_ns(), deduplicator.sure
        # Trades missing on a first check, or after a loss, cannot have come by the stream.
        is_whole = deduplicator.begun and deduplicator.behind is None
        page = await self._rest.trades(market)
        newest = max((trade.trade_id for trade in page.trades), default=None)
        if not deduplicator.begun:
            deduplicator.begin(page.trades)
        if deduplicator.missing(page.trades) or page.odd:
            if deduplicator.missing(page.trades) and not deduplicator.reaches(page.trades):
                # If the walk ends here, the next one must pass this page again.
                deduplicator.suspect()
            await asyncio.sleep(self._settle_s)
        left_out = deduplicator.missing(page.trades)
        await self._walk(market, page)
        deduplicator.close(losses, newest=newest, at_ns=at_ns)
        if deduplicator.sure != before:
            # Recorded after the trades that were found, so that a reader knows what precedes it.
            detail = json.dumps({COMPARED: deduplicator.sure, COMPARED_NS: at_ns})
            await self._keep(market, [Health(received_ns=now_ns(), detail=detail)])
        if left_out and is_whole and losses == deduplicator.losses:
            self._doubt(market, left_out)

    async def _walk(self, market: str, page: Page) -> None:
        """Record the missing trades of a page and of older pages, until they reach known trades."""
        deduplicator, pages, cursor = self._deduplicators[market], 1, None
        while True:
            if deduplicator.missing(page.trades) and not deduplicator.reaches(page.trades):
                deduplicator.suspect()
            await self._put(market, deduplicator.missing(page.trades))
            await self._keep_odd(market, page)
            if page.is_empty or (page.trades and deduplicator.reaches(page.trades)):
                return
            ids = page.ids - {cursor}
            if not ids and cursor in page.ids and not page.odd:
                return  # only the cursor's own row: there are no older trades
            oldest = min(ids, default=None)
            if oldest is None or (cursor is not None and oldest > cursor):
                await self._give_up(market, page, f"the pages lead no further than {cursor}")
                return
            if pages == PAGES_MAX:
                why = f"trades before {oldest} were missed, more than {PAGES_MAX} pages"
                await self._give_up(market, page, why)
                return
            cursor, pages = oldest, pages + 1
            # The next page may or may not include the cursor's own row: ids decide.
            page = await self._rest.trades(market, before=cursor)

    async def _put(self, market: str, missing: Sequence[Trade]) -> None:
        """Record the missing trades of a page, oldest first."""
        received_ns = now_ns()
        ordered = sorted(missing, key=lambda trade: trade.trade_id)
        if ordered:
            kept = [replace(trade, received_ns=received_ns) for trade in ordered]
            await self._keep(market, kept)

    async def _keep_odd(self, market: str, page: Page) -> None:
        """Record a page's unreadable rows, and a gap if one of them may be a missing trade."""
        if page.odd:
            records = self._oddities[market].records(page, self._deduplicators[market], now_ns())
            await self._keep(market, records)

    async def _give_up(self, market: str, page: Page, why: str) -> None:
        """Record a gap: trades older than a page stay missing, back to the last comparison."""
        received_ns = now_ns()
        times_ns = [each.exchange_ns for each in page.trades if each.exchange_ns is not None]
        until_ns = min([received_ns, *times_ns])
        from_ns = min(self._deduplicators[market].sure_ns or until_ns, until_ns)
        gap = Gap(received_ns=received_ns, from_ns=from_ns, to_ns=until_ns, why=why)
        await self._keep(market, [gap])

    async def _tell_hole(self, market: str, error: str) -> None:
        """Record a gap: trades may be missing that could not be fetched."""
        deduplicator = self._deduplicators[market]
        if deduplicator.behind is None and not deduplicator.losses:
            return
        at_ns = now_ns()
        from_ns = min(deduplicator.sure_ns or self._began_ns, at_ns)
        why = reason_text(f"trades could not be compared with REST: {error}")
        await self._keep(market, [Gap(received_ns=at_ns, from_ns=from_ns, to_ns=at_ns, why=why)])
