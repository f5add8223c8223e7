"""The simulator's REST v3, sans I/O: a path in, a reply out, as documented and as observed.

It answers ``/time``, ``/markets``, ``/markets/{id}/trades`` and ``/markets/{id}/orderbook`` from
the published trades and the present book. The page after a cursor includes the cursor's own row, as
far as is known (BTCMarkets/API issue 204). Calls beyond the limit of a window are answered with
429.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from eventlog.records import ONLINE
from feeds.btcmarkets.backoff import Budget
from feeds.simulator.frames import timestamp
from feeds.simulator.source import Frame, Source

PREFIX = "/v3"

TRADES_KEPT_MAX = 200_000
"""Published trades of a market that can be requested (I10)."""

_PAGE_MAX = 200
_ORDERS_MAX = 50
_WINDOW_S = 10.0
_STATUSES = (ONLINE, "Post Only", "Cancel Only", "Offline")
_ODD = {"timestamp": "yesterday", "status": None}
_LIMITS = {"time": 100, "markets": 150, "market": 300}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply; ``headers`` in addition to those of every reply."""

    status: int
    body: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


CHALLENGE = Reply(403, "<html><title>Just a moment...</title></html>", "text/html")
UNAVAILABLE = Reply(503, "<html><title>503 Service Unavailable</title></html>", "text/html")
FAILED = Reply(500, '{"code":"InternalError","message":"internal server error"}')


class _Error(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.reply = Reply(status, json.dumps({"code": code, "message": message}))


class RestDesk:
    """Answers about the markets of a source.

    Args:
        source: the present books.
        now_s: a clock for the limits, in seconds since 1970.
        limits: whether calls are limited; not in a market that runs faster than real time.
    """

    def __init__(self, source: Source, *, now_s: Callable[[], float], limits: bool = True) -> None:
        self._source = source
        self._now_s = now_s
        self._budgets = {
            group: Budget(count=count, window_s=_WINDOW_S)
            for group, count in _LIMITS.items()
            if limits
        }
        self._trades: dict[str, deque[dict[str, str]]] = {
            market: deque(maxlen=TRADES_KEPT_MAX) for market in source.markets
        }
        self.at_ns = source.due_ns or 0
        self.statuses = dict.fromkeys(source.markets, ONLINE)

    def halt(self) -> None:
        """Give every market the next status."""
        for market, status in self.statuses.items():
            self.statuses[market] = _STATUSES[(_STATUSES.index(status) + 1) % len(_STATUSES)]

    def publish(self, frame: Frame, at_ns: int) -> None:
        """Store a frame that the market has just published, with its market time."""
        self.at_ns = at_ns
        if frame.channel == "trade":
            self._trades[frame.market].append(_row(json.loads(frame.text)))

    def answer(self, target: str, *, has_odd_row: bool = False) -> Reply:
        """Return the reply to a GET of this path and query; a fault may spoil one row of a list."""
        parts = urlsplit(target)
        path = parts.path.removeprefix(PREFIX).strip("/").split("/")
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        try:
            self._spend("market" if len(path) == 3 else path[0])
            body = self._body(path, query)
            if has_odd_row and isinstance(body, list) and body:
                body[len(body) // 2] = {**body[len(body) // 2], **_ODD}
        except _Error as error:
            return error.reply
        return Reply(200, json.dumps(body, separators=(",", ":")))

    def _spend(self, group: str) -> None:
        budget = self._budgets.get(group)
        if budget is None:
            return
        now_s = self._now_s()
        if wait_s := budget.wait_s(now_s):
            error = _Error(429, "TooManyRequests", "rate limit exceeded")
            reset = str(int(now_s + wait_s) + 1)
            error.reply = Reply(429, error.reply.body, headers={"x-ratelimit-reset": reset})
            raise error
        budget.spend(now_s)

    def _body(self, path: list[str], query: dict[str, str]) -> object:
        match path:
            case ["time"]:
                return {"timestamp": _timestamp(self.at_ns)}
            case ["markets"]:
                return [_listing(*each) for each in self.statuses.items()]
            case ["markets", market, "trades"]:
                return self._page(self._known(market), query)
            case ["markets", market, "orderbook"]:
                return self._orders(self._known(market), query.get("level", "1"))
        raise _Error(404, "NotFound", "not found")

    def _known(self, market: str) -> str:
        if market not in self._trades:
            raise _Error(404, "MarketNotFound", "market not found")
        return market

    def _page(self, market: str, query: dict[str, str]) -> list[dict[str, str]]:
        limit, before, after = query.get("limit", "10"), query.get("before"), query.get("after")
        cursors = [cursor for cursor in (before, after) if cursor is not None]
        if len(cursors) > 1 or not all(map(_is_count, (limit, *cursors))):
            raise _Error(400, "InvalidPaginationParameter", "invalid pagination parameter")
        count = min(int(limit), _PAGE_MAX)
        rows = list(self._trades[market])
        if after is not None:
            return [row for row in rows if int(row["id"]) >= int(after)][:count][::-1]
        if before is not None:
            rows = [row for row in rows if int(row["id"]) <= int(before)]
        return rows[-count:][::-1] if count else []

    def _orders(self, market: str, level: str) -> dict[str, object]:
        if level not in ("0", "1", "2"):
            raise _Error(400, "InvalidOrderbookLevel", "invalid orderbook level")
        text = self._source.snapshot(market)
        book: dict[str, Any] = {"snapshotId": 0, "bids": [], "asks": []}
        if text is not None:
            book = json.loads(text)
        most = {"0": 1, "1": _ORDERS_MAX, "2": None}[level]
        return {
            "marketId": market,
            "snapshotId": book["snapshotId"],
            **{side: [row[:2] for row in book[side][:most]] for side in ("asks", "bids")},
        }


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _row(trade: dict[str, object]) -> dict[str, str]:
    row = {
        "id": str(trade["tradeId"]),
        "price": str(trade["price"]),
        "amount": str(trade["volume"]),
        "timestamp": str(trade["timestamp"]).replace("Z", "000Z"),
    }
    return row if trade.get("side") is None else {**row, "side": str(trade["side"])}


def _listing(market: str, status: str) -> dict[str, str]:
    base, _, quote = market.partition("-")
    return {
        "marketId": market,
        "baseAssetName": base,
        "quoteAssetName": quote,
        "minOrderAmount": "0.0001",
        "maxOrderAmount": "1000000",
        "amountDecimals": "8",
        "priceDecimals": "2" if quote == "AUD" else "8",
        "status": status,
    }


def _timestamp(at_ns: int) -> str:
    return timestamp(at_ns).replace("Z", "000Z")
