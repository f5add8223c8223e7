"""The public part of BTC Markets' REST v3: one client with one budget, which retries.

All calls share one budget. A call is retried while its failure may be temporary: too many requests,
a challenge page instead of a reply, a server's error, a time-out, a truncated body, a redirect
(none is followed), any error of a library. A permanent refusal, of an unknown market or a bad
cursor, is raised at once.

Bodies are requested uncompressed and read up to a bound in bytes and in time. Cookies are not kept.

Pages are continued by the ids on them, not by the pagination headers (BTCMarkets/API issues 183
and 204).
"""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2

from feeds import trust
from feeds.btcmarkets import replies
from feeds.btcmarkets.backoff import Budget, backoff_s
from feeds.btcmarkets.lengths import LENGTHS_NS
from feeds.btcmarkets.protocol import Orders, Refused
from feeds.btcmarkets.replies import CandlePage, Catalogue, Page
from feeds.clock import iso_utc, monotonic_s, now_ns
from feeds.errors import RestRefused, RestUnavailable
from feeds.loss import is_ours, reason_of

PAGE_TRADES = 200
"""The most trades that one page has."""

BODY_BYTES_MAX = 4 * 1024 * 1024
"""The largest body that is read. A page of trades has about 30 kB, the catalogue 10 kB."""

_AGENT = "trader (paper only)"
"""Without a user agent, the proxy in front of the exchange blocks the call."""

_CLOSED_S = 10.0
_CLOSED_MOST_S = 60.0
_T = TypeVar("_T")


def rest_url(socket_url: str) -> str:
    """Return the URL of REST for a websocket's URL; the exchange itself has another host for it.

    >>> rest_url("wss://socket.btcmarkets.net/v2")
    'https://api.btcmarkets.net/v3'
    >>> rest_url("ws://127.0.0.1:8765/v2")
    'http://127.0.0.1:8765/v3'
    """
    parts = urlsplit(socket_url)
    scheme = "https" if parts.scheme == "wss" else "http"
    place = "api.btcmarkets.net" if parts.hostname == "socket.btcmarkets.net" else parts.netloc
    return f"{scheme}://{place}/v3"


class Rest:
    """A client; an asynchronous context manager, used in one event loop.

    Args:
        url: including ``/v3``.
        budget: of all calls together.
        timeout_s: of connecting, and of each wait for bytes.
        total_s: of one answer, from the request to the last byte.
        attempts: the number of attempts of one call.
        first_s: the longest wait after a first failure; doubled with each.
        most_s: the longest wait of all.
        closed_s: how long no call is made after a refusal for too many calls, if the exchange does
            not state a time.
    """

    def __init__(
        self,
        url: str,
        *,
        budget: Budget | None = None,
        timeout_s: float = 10.0,
        total_s: float = 30.0,
        attempts: int = 6,
        first_s: float = 1.0,
        most_s: float = 30.0,
        closed_s: float = _CLOSED_S,
    ) -> None:
        self._url = url
        self._budget = budget or Budget(count=50, window_s=10.0)
        self._timeout_s = timeout_s
        self._total_s = total_s
        self._attempts = attempts
        self._first_s = first_s
        self._most_s = most_s
        self._closed_s = closed_s
        self.calls = 0
        self.failures = 0
        self._client: httpx2.AsyncClient

    async def __aenter__(self) -> "Rest":
        self._client = httpx2.AsyncClient(
            headers={
                "User-Agent": _AGENT,
                "Accept": "application/json",
                # The size of a compressed body is unknown before it is unpacked.
                "Accept-Encoding": "identity",
            },
            timeout=self._timeout_s,
            **trust.http_options(self._url),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def trades(
        self, market: str, *, before: int | None = None, after: int | None = None
    ) -> Page:
        """Return a page of trades, newest first: the newest, or those next to an id.

        The two cursors exclude each other. Their own row may be on the page or not.
        """
        cursors = {"before": before, "after": after}
        cursor = {name: str(at) for name, at in cursors.items() if at is not None}
        return await self._ask(
            f"/markets/{market}/trades",
            {**cursor, "limit": str(PAGE_TRADES)},
            lambda body: replies.page_of(body, market, now_ns()),
        )

    async def candles(self, market: str, length: str, *, from_ns: int, to_ns: int) -> CandlePage:
        """Return the candles that begin from one time to before another, oldest first.

        Args:
            market: its id.
            length: one of `LENGTHS_NS`.
            from_ns: a multiple of the length.
            to_ns: another, at most `WINDOW_ROWS` lengths later.
        """
        window = {"from": iso_utc(from_ns), "to": iso_utc(to_ns)}
        return await self._ask(
            f"/markets/{market}/candles",
            {"timeWindow": length, **window},
            lambda body: replies.candles_of(
                body,
                length_ns=LENGTHS_NS[length],
                from_ns=from_ns,
                to_ns=to_ns,
                received_ns=now_ns(),
                source=self._url,
            ),
        )

    async def catalogue(self) -> Catalogue:
        """Return the exchange's catalogue of markets."""
        return await self._ask("/markets", {}, replies.catalogue_of)

    async def orders(self, market: str) -> Orders:
        """Return the best fifty orders of each side, which the exchange does not cache."""
        path = f"/markets/{market}/orderbook"
        return await self._ask(
            path, {"level": "1"}, lambda body: replies.orders_reply_of(body, market)
        )

    async def skew_ns(self) -> int:
        """Return how far the exchange's clock is ahead of ours in ns, to half a round trip."""
        asked_ns, answered_ns = 0, 0

        def read(body: object) -> int:
            nonlocal answered_ns
            answered_ns = now_ns()
            return replies.time_ns_of(body)

        def asking() -> None:
            nonlocal asked_ns
            asked_ns = now_ns()

        exchange_ns = await self._ask("/time", {}, read, asking=asking)
        return exchange_ns - (asked_ns + answered_ns) // 2

    async def _ask(
        self,
        path: str,
        query: dict[str, str],
        read: Callable[[object], _T],
        *,
        asking: Callable[[], None] = lambda: None,
    ) -> _T:
        why = ""
        for failures in range(self._attempts):
            if failures:
                self.failures += 1
                await asyncio.sleep(
                    backoff_s(
                        first_s=self._first_s,
                        most_s=self._most_s,
                        failures=failures,
                        draw=random.random(),  # noqa: S311 - spreads clients, hides nothing
                    )
                )
            while wait_s := self._budget.wait_s(monotonic_s()):
                await asyncio.sleep(wait_s)
            self._budget.spend(monotonic_s())
            self.calls += 1
            asking()
            try:
                async with asyncio.timeout(self._total_s):
                    status, headers, content = await self._get(path, query)
                if status == 200:
                    return read(replies.body_of(content))
                why = self._judge(path, status, headers, content)
            except RestRefused:
                raise
            except Refused as error:
                why = error.why
            except Exception as error:
                if is_ours(error):
                    raise
                why = f"{type(error).__name__}: {reason_of(error)}".rstrip(": ")
        raise RestUnavailable(url=self._url + path, attempts=self._attempts, why=why)

    async def _get(self, path: str, query: dict[str, str]) -> tuple[int, httpx2.Headers, bytes]:
        content = bytearray()
        async with self._client.stream("GET", self._url + path, params=query) as response:
            self._client.cookies.clear()
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Refused("a body that is compressed, which was not asked for")
            async for part in response.aiter_raw():
                content += part
                if len(content) > BODY_BYTES_MAX:
                    raise Refused(f"a body of more than {BODY_BYTES_MAX} bytes")
        return response.status_code, response.headers, bytes(content)

    def _judge(self, path: str, status: int, headers: httpx2.Headers, content: bytes) -> str:
        """Return why a call failed that may be retried; raise if it must not be."""
        code, message = replies.error_of(content)
        if 300 <= status < 400:
            return f"HTTP {status}: a redirect, and none is followed"
        why = f"HTTP {status} {code or message}".rstrip()
        if status in (403, 429):
            # A challenge page of the proxy also means too many calls. Retry-After is ignored, since
            # it may have any value.
            self._budget.close(monotonic_s() + self._closed_for_s(headers))
        elif 400 <= status < 500 and status != 408:
            raise RestRefused(url=self._url + path, status=status, code=code, message=message)
        return why

    def _closed_for_s(self, headers: httpx2.Headers) -> float:
        """Return how long to make no call: as the exchange states, or a whole window."""
        reset = headers.get("x-ratelimit-reset", "")
        if reset.isascii() and reset.isdigit() and len(reset) < 12:
            left_s = int(reset) - now_ns() / 1e9
            # A wrong clock, ours or theirs, must not stop all calls for hours.
            if 0.0 < left_s <= _CLOSED_MOST_S:
                return left_s
        return self._closed_s
