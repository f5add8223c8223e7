"""A market whose stream is dead while the heartbeat still lists it, told from one that is quiet.

Silence alone says nothing: quiet markets are legal. So a market that is silent for some time is
looked at by REST. If its book moves there from one look to the next, and the stream still says
nothing of it, the stream is dead. (Trades that the stream left out are found by
`feeds.btcmarkets.backfill`, which is asked to look at the same moments.)
"""

import asyncio
from collections.abc import Callable, Sequence

from feeds.btcmarkets.protocol import Orders
from feeds.btcmarkets.rest import Rest
from feeds.clock import monotonic_s
from feeds.errors import RestRefused, RestUnavailable


class Silence:
    """Looks after the silent ones of some markets for as long as it runs.

    Args:
        rest: the client, entered before it runs.
        markets: their ids.
        heard_s: returns when the last record of a market came, on the monotonic clock.
        look: told of a market that is silent: its trades may be looked at.
        doubt: told of a market whose stream is dead, and why that is known.
        silent_s: how long a market may be silent before it is looked at, and between two looks.
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
        """Look after them until cancelled."""
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
            self._doubt(market, f"the stream was silent for {silent_s:.0f} s while REST moved")


def _same(before: Orders, after: Orders) -> bool:
    return (before.bids, before.asks) == (after.bids, after.asks)
