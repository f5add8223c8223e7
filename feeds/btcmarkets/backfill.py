"""Trades that the stream did not bring are fetched by REST, so that each stands in the log once.

After every connection, and now and then besides (trades have no gap detector of their own), the
newest page is asked for and older ones behind it, until they reach what is known. What is missing
is given a moment to come by the stream after all, since what came in time is worth more; what then
still is, is kept as backfilled.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from eventlog.records import Gap, Health, Input, Trade
from feeds.btcmarkets.replies import Listing
from feeds.btcmarkets.rest import PAGE_TRADES, Rest
from feeds.btcmarkets.tape import COMPARED, Tape
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
        losses, found, pages, at_ns = tape.losses, dict[int, Trade](), 1, now_ns()
        before = tape.sure
        page = await self._page(market, None)
        newest = max((trade.trade_id for trade in page), default=None)
        if not tape.begun:
            tape.begin(page)
        while True:
            found.update((trade.trade_id, trade) for trade in tape.missing(page))
            if tape.reaches(page) or pages == PAGES_MAX:
                break
            # Whether the cursor's own row is on the next page is not known: ids decide.
            oldest = min(trade.trade_id for trade in page)
            page = await self._page(market, oldest)
            page = [trade for trade in page if trade.trade_id < oldest]
            pages += 1
        is_whole = tape.reaches(page)
        if found:
            await asyncio.sleep(self._settle_s)
            missing = tape.missing([found[trade_id] for trade_id in sorted(found)])
            await self._put(market, missing, is_whole=is_whole)
        tape.close(losses, newest=newest, at_ns=at_ns)
        if tape.sure != before:
            # Behind what was found: who reads this in a log can rely on what stands before it.
            detail = json.dumps({COMPARED: tape.sure})
            await self._keep(market, [Health(received_ns=now_ns(), detail=detail)])

    async def _page(self, market: str, before: int | None) -> list[Trade]:
        """Return a page; the client was patient already, but a hole of many pages needs each."""
        while True:
            try:
                return await self._rest.trades(market, before=before)
            except RestUnavailable:
                await asyncio.sleep(self._settle_s)

    async def _put(self, market: str, missing: Sequence[Trade], *, is_whole: bool) -> None:
        received_ns = now_ns()
        if not is_whole:
            first_ns = missing[0].exchange_ns if missing else None
            until_ns = received_ns if first_ns is None else first_ns
            why = f"trades before this were missed, more than {PAGES_MAX} pages of {PAGE_TRADES}"
            gap = Gap(received_ns=received_ns, from_ns=until_ns, to_ns=until_ns, why=why)
            await self._keep(market, [gap])
        for start in range(0, len(missing), PAGE_TRADES):
            part = missing[start : start + PAGE_TRADES]
            await self._keep(market, [replace(trade, received_ns=received_ns) for trade in part])
