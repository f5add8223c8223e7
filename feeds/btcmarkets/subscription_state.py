"""The subscriptions of one socket: requested, confirmed, and to be requested next; sans I/O.

The exchange acknowledges nothing, an ``error`` frame does not identify its request, and one bad
market id rejects a whole request. So requests are sent one at a time: a refusal belongs to the
request in progress. A refused request of several markets is repeated market by market, which
identifies the bad one and subscribes the others. Requests that are not answered in time are
repeated.

The heartbeat lists the server's subscriptions of the socket. A confirmed market that is missing
there is requested again, and records in between may be lost.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from eventlog.records import BookUpdate, Undecodable
from feeds.btcmarkets.protocol import (
    MARKET_CHANNELS,
    Event,
    Heartbeat,
    Rejection,
    add_subscription,
    subscribe,
)

_PAUSE_S = 2.0
"""After this time without a request for a snapshot, the last one is taken to have helped."""


@dataclass(slots=True)
class _Asked:
    """The state of one market's subscription."""

    confirmed: bool = False
    refused: Rejection | None = None
    unanswered: int = 0
    again_s: float | None = None
    resynced_s: float | None = None
    wanted_s: float = float("-inf")
    resyncs: int = 0


class SubscriptionState:
    """The requests of one socket, from its first subscription on.

    Args:
        markets: the ids of the socket's markets.
        answer_s: how long the answer, a snapshot, may take before the request is repeated; doubled
            each time.
        retry_s: the longest time until a refused or silent market is requested again.
        resync_interval_s: the shortest time between two resyncs of one market; doubled with each
            that did not help, up to ``retry_s``.
    """

    def __init__(
        self,
        markets: Sequence[str],
        *,
        answer_s: float = 5.0,
        retry_s: float = 60.0,
        resync_interval_s: float = 5.0,
    ) -> None:
        self._markets = {market: _Asked() for market in markets}
        self._answer_s = answer_s
        self._retry_s = retry_s
        self._resync_interval_s = resync_interval_s
        self._queue: deque[tuple[str, ...]] = deque([tuple(markets)])
        self._is_first = True
        self._under_way: set[str] = set()
        self._of_request: tuple[str, ...] = ()
        self._due_s = 0.0

    def next(self, now_s: float) -> str | None:
        """Return the request to send now, if there is one and none is in progress."""
        if self._under_way:
            if now_s < self._due_s:
                return None
            self._give_up(now_s)
        for market, asked in self._markets.items():
            if asked.again_s is not None and asked.again_s <= now_s:
                asked.again_s = None
                self._queue.append((market,))
        if not self._queue:
            return None
        request = self._queue.popleft()
        self._under_way, self._of_request = set(request), request
        self._due_s = now_s + self._answer_s
        if self._is_first:
            self._is_first = False
            return subscribe(request)
        return add_subscription(request)

    def wait_s(self, now_s: float) -> float | None:
        """Return when to call `next` again; ``None`` if only after a frame was received."""
        if self._queue and not self._under_way:
            return 0.0
        times = [asked.again_s for asked in self._markets.values() if asked.again_s is not None]
        if self._under_way:
            times = [self._due_s]
        return max(0.0, min(times) - now_s) if times else None

    def want(self, market: str, now_s: float) -> None:
        """Request a fresh snapshot of a market, unless one was requested within the interval.

        Call it repeatedly while a snapshot is needed: a pause means that the last one helped.
        """
        asked = self._markets[market]
        if now_s - asked.wanted_s > _PAUSE_S:
            asked.resyncs = 0
        asked.wanted_s = now_s
        wait_s = self._resync_interval_s * 2.0 ** max(0, asked.resyncs - 1)
        wait_s = min(wait_s, max(self._retry_s, self._resync_interval_s))
        last_s = asked.resynced_s
        if not asked.confirmed or (last_s is not None and now_s - last_s < wait_s):
            return
        asked.resynced_s, asked.resyncs = now_s, min(asked.resyncs + 1, 32)
        if market not in self._under_way and (market,) not in self._queue:
            self._queue.append((market,))

    def heard(self, event: Event, now_s: float) -> tuple[str, ...]:
        """Process an event; return the markets whose subscription has disappeared."""
        if isinstance(event, tuple):
            market, record = event
            asked = self._markets.get(market or "")
            if asked is not None and not isinstance(record, Undecodable):
                asked.confirmed, asked.refused = True, None
                if isinstance(record, BookUpdate) and record.snapshot:
                    asked.unanswered, asked.again_s = 0, None
                    self._under_way.discard(market or "")
        elif isinstance(event, Rejection) and self._under_way:
            self._refuse(event, now_s)
        elif isinstance(event, Heartbeat):
            return self._compare(event)
        return ()

    @property
    def confirmed(self) -> frozenset[str]:
        """The markets of which a record was received."""
        return frozenset(market for market, asked in self._markets.items() if asked.confirmed)

    @property
    def refused(self) -> dict[str, Rejection]:
        """The markets that were refused on their own, with the refusal."""
        return {
            market: asked.refused
            for market, asked in self._markets.items()
            if asked.refused is not None
        }

    @property
    def settled(self) -> bool:
        """Whether every market has sent a record or was refused on its own."""
        return all(asked.confirmed or asked.refused for asked in self._markets.values())

    def _refuse(self, rejection: Rejection, now_s: float) -> None:
        request, self._under_way = self._of_request, set()
        if len(request) > 1:
            self._queue.extend((market,) for market in request)
            return
        asked = self._markets[request[0]]
        asked.refused, asked.confirmed = rejection, False
        asked.again_s = now_s + self._retry_s

    def _give_up(self, now_s: float) -> None:
        for market in sorted(self._under_way):
            asked = self._markets[market]
            asked.again_s = now_s + min(self._retry_s, self._answer_s * 2.0**asked.unanswered)
            asked.unanswered = min(asked.unanswered + 1, 32)
        self._under_way = set()

    def _compare(self, heartbeat: Heartbeat) -> tuple[str, ...]:
        held: dict[str, set[str]] = {}
        for channel, markets in heartbeat.channels:
            held.setdefault(channel, set()).update(markets)
        gone = tuple(
            market
            for market, asked in self._markets.items()
            if asked.confirmed
            and market not in self._under_way
            and any(market not in held.get(channel, ()) for channel in MARKET_CHANNELS)
        )
        for market in gone:
            self._markets[market].confirmed = False
            if (market,) not in self._queue:
                self._queue.append((market,))
        return gone
