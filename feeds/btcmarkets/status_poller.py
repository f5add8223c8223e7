"""The exchange's own state: its clock, and each market's trading status.

Both are requested at the beginning and then at regular intervals. A market's status is recorded
when it is first known in a session, and whenever it changes, so that the log shows when an order
could have been placed. While the catalogue cannot be fetched, or is empty, the last status holds.
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
"""The status of a market that has disappeared from the catalogue."""


class StatusPoller:
    """Requests the status of some markets for as long as it runs.

    Args:
        rest: the client, entered before it runs.
        markets: their ids.
        keep: takes the records of a market.
        interval_s: time between two requests.
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
        """The last status by market."""
        self.skew_s: float | None = None
        """How far the exchange's clock is ahead of ours, in seconds."""

    async def run(self) -> None:
        """Send requests until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(self._ask_catalogue))
            group.create_task(self._follow(self._ask_time))

    async def _follow(self, ask: Callable[[], Awaitable[None]]) -> None:
        while True:
            with suppress(
                RestUnavailable, RestRefused
            ):  # requested again later; nothing depends on it
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
        """Return the status of a market in a catalogue; ``None`` if its row cannot be read."""
        if market in catalogue.statuses:
            return catalogue.statuses[market]
        is_odd = any(row.market in (market, None) for row in catalogue.odd)
        was_listed = market in self.statuses and bool(catalogue.statuses)
        return NOT_LISTED if was_listed and not is_odd else None

    async def _keep_odd(self, catalogue: Catalogue) -> None:
        """Record the odd rows, each in the logs of the markets that it may concern."""
        ours = [row for row in catalogue.odd if row.market is None or row.market in self._markets]
        for row in ours:
            for record in self._oddities.new([row], now_ns()):
                for market in self._markets if row.market is None else (row.market,):
                    await self._keep(market, [record])
