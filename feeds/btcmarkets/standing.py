"""What the exchange says of itself: its clock, and of each market whether it trades now.

Asked for at the beginning and from then on every so often. A market's status is a record when it is
first known in a session, and whenever it changes: whoever reads the log knows when an order could
have been placed. What the catalogue does not say is not guessed: while it cannot be had, or lists
nothing, the last status stands.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from eventlog.records import Input, market_status
from feeds.btcmarkets.oddities import Oddities
from feeds.btcmarkets.replies import Catalogue
from feeds.btcmarkets.rest import Rest
from feeds.clock import now_ns
from feeds.errors import RestRefused, RestUnavailable

NOT_LISTED = "not listed"
"""The status of a market that the catalogue had, and no longer has."""


class JournalStatus:
    """Asks about some markets for as long as it runs.

    Args:
        rest: the client, entered before it runs.
        markets: their ids.
        keep: takes the records of a market.
        interval_s: how often it is asked.
    """

    def __init__(
        self,
        rest: Rest,
        markets: Sequence[str],
        keep: Callable[[str, Sequence[Input]], Awaitable[None]],
        *,
        interval_s: float,
    ) -> None:
        self._rest = rest
        self._markets = tuple(markets)
        self._keep = keep
        self._interval_s = interval_s
        self._oddities = Oddities()
        self.statuses: dict[str, str] = {}
        """By market, what was said of it last."""
        self.skew_s: float | None = None
        """How far the exchange's clock is ahead of ours."""

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(self._ask_catalogue))
            group.create_task(self._follow(self._ask_time))

    async def _follow(self, ask: Callable[[], Awaitable[None]]) -> None:
        while True:
            with suppress(RestUnavailable, RestRefused):  # asked again; nothing depends on it
                await ask()
            await asyncio.sleep(self._interval_s)

    async def _ask_time(self) -> None:
        self.skew_s = await self._rest.skew_ns() / 1e9

    async def _ask_catalogue(self) -> None:
        catalogue = await self._rest.catalogue()
        await self._keep_odd(catalogue)
        for market in self._markets:
            status = self._status_in(catalogue, market)
            if status is not None and status != self.statuses.get(market):
                self.statuses[market] = status
                await self._keep(market, [market_status(status, received_ns=now_ns())])

    def _status_in(self, catalogue: Catalogue, market: str) -> str | None:
        """Return what a catalogue says of a market; ``None`` if nothing that can be read."""
        if market in catalogue.listings:
            return catalogue.listings[market].status
        is_odd = any(row.market in (market, None) for row in catalogue.odd)
        was_listed = market in self.statuses and bool(catalogue.listings)
        return NOT_LISTED if was_listed and not is_odd else None

    async def _keep_odd(self, catalogue: Catalogue) -> None:
        """Record the rows that cannot be read, each in the log of whom it may concern."""
        ours = [row for row in catalogue.odd if row.market is None or row.market in self._markets]
        for row in ours:
            for record in self._oddities.new([row], now_ns()):
                for market in self._markets if row.market is None else (row.market,):
                    await self._keep(market, [record])
