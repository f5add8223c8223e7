"""Trades that the stream did not bring are fetched by REST, so that each stands in the log once.

After every connection, and now and then besides (trades have no gap detector of their own), the
newest page is asked for and older ones behind it, until they reach what is known. What is missing
from the newest is given a moment to come by the stream after all, since what came in time is worth
more; what then still is, is kept as backfilled.

A page is kept as soon as it was read, so a hole of many pages needs the memory of one, and who dies
half way has kept half. Nothing is lost or doubled by that: a hole counts as filled once the sample
behind its last page says so, and until then the pages that were kept are trades that are known.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from eventlog.records import Gap, Health, Input, Trade
from feeds.btcmarkets.replies import Listing
from feeds.btcmarkets.rest import Rest
from feeds.btcmarkets.tape import COMPARED, COMPARED_NS, Tape
from feeds.clock import now_ns
from feeds.errors import RestRefused, RestUnavailable

PAGES_MAX = 250
"""Pages that one hole is filled from (I10): 50 000 trades. Beyond, what is older stays missing."""


class Backfill:
    """Fills the holes of some markets for as long as it runs.

    Args:
        rest: the client, not yet entered.
        tapes: what is known, by market.
        keep: takes the records that were fetched for a market, oldest first.
        settle_s: how long the stream may take to bring what REST already shows.
        interval_s: how often the stream is looked after while nothing is known to be missing.
    """

    def __init__(
        self,
        rest: Rest,
        tapes: Mapping[str, Tape],
        keep: Callable[[str, Sequence[Input]], Awaitable[None]],
        *,
        settle_s: float,
        interval_s: float,
    ) -> None:
        self._rest = rest
        self._tapes = tapes
        self._keep = keep
        self._settle_s = settle_s
        self._interval_s = interval_s
        self._wakes = {market: asyncio.Event() for market in tapes}
        self.listings: dict[str, Listing] = {}
        self.skew_s: float | None = None

    def wake(self, market: str) -> None:
        """Say that a market's stream begins, or begins again."""
        self._wakes[market].set()

    async def run(self) -> None:
        """Fill until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell())
            for market in self._tapes:
                group.create_task(self._follow(market))

    async def _tell(self) -> None:
        """Ask now and then what the exchange says of itself: its clock, its markets."""
        while True:
            try:
                self.skew_s = await self._rest.skew_ns() / 1e9
                self.listings = await self._rest.listings()
            except (RestUnavailable, RestRefused):
                pass  # asked again; nothing depends on it
            await asyncio.sleep(self._interval_s)

    async def _follow(self, market: str) -> None:
        wake = self._wakes[market]
        await wake.wait()
        while True:
            wake.clear()
            is_filled = True
            try:
                await self.fill(market)
            except RestRefused:
                is_filled = False  # the hole stays, and is asked for again
            try:
                async with asyncio.timeout(self._interval_s if is_filled else self._settle_s):
                    await wake.wait()
            except TimeoutError:
                pass

    async def fill(self, market: str) -> None:
        """Fetch what is missing of one market.

        Raises:
            RestRefused: if the exchange does not know the market.
        """
        tape = self._tapes[market]
        losses, pages, at_ns, has_settled = tape.losses, 1, now_ns(), False
        before = tape.sure
        page = await self._page(market, None)
        newest = max((trade.trade_id for trade in page), default=None)
        if not tape.begun:
            tape.begin(page)
        while True:
            is_last = tape.reaches(page)
            missing = tape.missing(page)
            if missing and not is_last:
                tape.suspect()  # should the walk end here, the next one has to come by again
            if missing and not has_settled:
                await asyncio.sleep(self._settle_s)
                has_settled = True
            await self._put(market, tape.missing(page))
            if is_last:
                break
            # Whether the cursor's own row is on the next page is not known: ids decide.
            oldest = min(page, key=lambda trade: trade.trade_id)
            if pages == PAGES_MAX:
                await self._give_up(market, oldest)
                break
            page = await self._page(market, oldest.trade_id)
            page = [trade for trade in page if trade.trade_id < oldest.trade_id]
            pages += 1
        tape.close(losses, newest=newest, at_ns=at_ns)
        if tape.sure != before:
            # Behind what was found: who reads this in a log can rely on what stands before it.
            detail = json.dumps({COMPARED: tape.sure, COMPARED_NS: at_ns})
            await self._keep(market, [Health(received_ns=now_ns(), detail=detail)])

    async def _page(self, market: str, before: int | None) -> list[Trade]:
        """Return a page; the client was patient already, but a hole of many pages needs each."""
        while True:
            try:
                return await self._rest.trades(market, before=before)
            except RestUnavailable:
                await asyncio.sleep(self._settle_s)

    async def _put(self, market: str, missing: Sequence[Trade]) -> None:
        """Keep the missing trades of a page, oldest first."""
        received_ns = now_ns()
        ordered = sorted(missing, key=lambda trade: trade.trade_id)
        if ordered:
            kept = [replace(trade, received_ns=received_ns) for trade in ordered]
            await self._keep(market, kept)

    async def _give_up(self, market: str, oldest: Trade) -> None:
        """Say that what is older than this trade stays missing, since when nobody compared."""
        received_ns = now_ns()
        until_ns = received_ns if oldest.exchange_ns is None else oldest.exchange_ns
        from_ns = min(self._tapes[market].sure_ns or until_ns, until_ns)
        why = f"trades before {oldest.trade_id} were missed, more than {PAGES_MAX} pages"
        gap = Gap(received_ns=received_ns, from_ns=from_ns, to_ns=until_ns, why=why)
        await self._keep(market, [gap])
