"""Distinguishes a dead stream, whose market the heartbeat still lists, from a quiet market.

Silence alone proves nothing, because markets may be quiet. So a market that was silent for some
time is checked by REST. If its book there changes between two checks, and the stream is still
silent, the stream is dead. (`feeds.btcmarkets.backfill` finds trades that the stream left out; it
is asked to check at the same moments.)
"""

import asyncio
from collections.abc import Callable, Sequence

from feeds.btcmarkets.protocol import Orders
from feeds.btcmarkets.rest import Rest
from feeds.clock import monotonic_s
from feeds.errors import RestRefused, RestUnavailable


class Silence:
    """Checks the silent ones of some markets for as long as it runs.

    Args:
        rest: the client, entered before it runs.
        markets: their ids.
        heard_s: returns when the last record of a market came, on the monotonic clock.
        look: called with a market that is silent, so that its trades are checked.
        doubt: called with a market whose stream is dead, and the evidence.
        silent_s: the silence after which a market is checked, and the time between two checks.
        settle_s: how long the stream may take to bring what REST already shows.
    """

    def __init__(
        self,
        rest: Rest,
        markets: Sequence[str],
        *,
        heard_s: Callable[[str], float | None],
        look: Callable[[str], None],
        doubt: Callable[[str, str], None],
        silent_s: float,
        settle_s: float,
    ) -> None:
        self._rest = rest
        self._markets = tuple(markets)
        self._heard_s = heard_s
        self._look = look
        self._doubt = doubt
        self._silent_s = silent_s
        self._settle_s = settle_s
        self._seen: dict[str, tuple[float, Orders]] = {}

    async def run(self) -> None:
        """Check them until cancelled."""
        while True:
            await asyncio.sleep(self._silent_s)
            for market in self._markets:
                heard_s = self._heard_s(market)
                if heard_s is None or monotonic_s() - heard_s < self._silent_s:
                    self._seen.pop(market, None)
                    continue
                self._look(market)
                try:
                    await self._compare(market, heard_s)
                except (RestRefused, RestUnavailable):
                    self._seen.pop(market, None)

    async def _compare(self, market: str, heard_s: float) -> None:
        orders = await self._rest.orders(market)
        before = self._seen.get(market)
        self._seen[market] = (heard_s, orders)
        if before is None or before[0] != heard_s or _same(before[1], orders):
            return
        await asyncio.sleep(self._settle_s)
        if self._heard_s(market) == heard_s:
            del self._seen[market]
            silent_s = monotonic_s() - heard_s
            self._doubt(
                market, f"the stream was silent for {silent_s:.0f} s while the book of REST changed"
            )


def _same(before: Orders, after: Orders) -> bool:
    return (before.bids, before.asks) == (after.bids, after.asks)
