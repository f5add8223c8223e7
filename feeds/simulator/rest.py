"""The simulator's REST v3, sans I/O: a path in, a reply out, as documented and as observed.

It answers ``/time``, ``/markets``, ``/markets/{id}/trades``, ``/markets/{id}/candles`` and
``/markets/{id}/orderbook`` from the published trades, the past before them and the present book.
Candles are the sums of the very trades that are answered; the last one has not ended yet. The page
after a cursor includes the cursor's own row, as far as is known (BTCMarkets/API issue 204). Calls
beyond the limit of a window are answered with 429.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

from eventlog.records import ONLINE, parse_e8
from feeds.btcmarkets.backoff import Budget
from feeds.btcmarkets.lengths import LENGTHS_NS
from feeds.simulator.frames import timestamp
from feeds.simulator.market import decimal_text
from feeds.simulator.past import Past, PastTrade
from feeds.simulator.source import Frame, Source
from feeds.timestamps import parse_timestamp_ns

PREFIX = "/v3"

TRADES_KEPT_MAX = 200_000
"""Published trades of a market that can be requested (I10)."""

_PAGE_MAX = 200
_CANDLES_MAX = 1_000
_ORDERS_MAX = 50
_WINDOW_S = 10.0
_STATUSES = (ONLINE, "Post Only", "Cancel Only", "Offline")
_ID_MAX = 2**63 - 1
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
        pasts: what was before a market's first trade, by market.
    """

    def __init__(
        self,
        source: Source,
        *,
        now_s: Callable[[], float],
        limits: bool = True,
        pasts: Mapping[str, Past] | None = None,
    ) -> None:
        self._pasts = pasts or {}
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
        self._printed: dict[str, deque[PastTrade]] = {
            market: deque(maxlen=TRADES_KEPT_MAX) for market in source.markets
        }
        self._oddities = 0
        self._answered: dict[str, list[Any]] = {}
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
            row = _row(json.loads(frame.text))
            self._trades[frame.market].append(row)
            self._printed[frame.market].append(_printed(row, at_ns))

    def answer(
        self, target: str, *, has_odd_row: bool = False, past_faults: frozenset[str] = frozenset()
    ) -> Reply:
        """Return the reply to a GET of this path and query.

        Faults may spoil one row of a list, or a page of candles or trades (`PAST_FAULTS`).
        """
        parts = urlsplit(target)
        path = parts.path.removeprefix(PREFIX).strip("/").split("/")
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        try:
            self._spend("market" if len(path) == 3 else path[0])
            body = self._body(path, query)
            if has_odd_row and isinstance(body, list) and body and isinstance(body[0], dict):
                body[len(body) // 2] = {**body[len(body) // 2], **_ODD}
            if isinstance(body, list) and path[-1] in ("candles", "trades"):
                body = self._spoiled(path[-1], body, past_faults)
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
            case ["markets", market, "candles"]:
                return self._candles(self._known(market), query)
            case ["markets", market, "orderbook"]:
                return self._orders(self._known(market), query.get("level", "1"))
        raise _Error(404, "NotFound", "not found")

    def _spoiled(self, kind: str, rows: list[Any], faults: frozenset[str]) -> list[Any]:
        """Return a page of the past with these faults."""
        before = self._answered.get(kind, [])
        self._answered[kind] = rows
        if "repeat-page" in faults and before:
            return before
        if "shuffle-page" in faults:
            return [*rows[len(rows) // 2 :], *rows[::-1]]
        if "odd-candle" in faults and kind == "candles" and rows:
            spoiled = list(rows)
            place = len(rows) // 2
            self._oddities += 1
            spoiled[place] = _ODD_CANDLES[self._oddities % len(_ODD_CANDLES)](rows[place])
            return spoiled
        return rows

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
        rows, past = list(self._trades[market]), self._pasts.get(market)
        if after is not None:
            older = [] if past is None else past.between(int(after), _ID_MAX)
            found = list(islice(map(_past_row, older), count))
            found += [row for row in rows if int(row["id"]) >= int(after)][: count - len(found)]
            return found[::-1]
        if before is not None:
            rows = [row for row in rows if int(row["id"]) <= int(before)]
        rows = rows[-count:] if count else []
        if past is not None and len(rows) < count:
            last = past.newest_id if before is None else min(int(before), past.newest_id)
            left = count - len(rows)
            rows = [*map(_past_row, past.between(last - left + 1, last)), *rows]
        return rows[::-1]

    def _candles(self, market: str, query: dict[str, str]) -> list[list[str]]:
        """Return candles: in a window of time oldest first, otherwise newest first in pages."""
        length_ns = LENGTHS_NS.get(query.get("timeWindow", "1d"))
        if length_ns is None:
            raise _Error(400, "InvalidTimeWindow", "invalid time window")
        is_window = "from" in query or "to" in query
        if is_window and {"before", "after", "limit"} & query.keys():
            raise _Error(400, "InvalidPaginationParameter", "invalid pagination parameter")
        if is_window:
            try:
                first_ns, last_ns = (parse_timestamp_ns(query[name]) for name in ("from", "to"))
            except (KeyError, ValueError):
                raise _Error(400, "InvalidTimestamp", "invalid timestamp") from None
            return list(islice(self._summed(market, length_ns, first_ns, last_ns), _CANDLES_MAX))
        limit = query.get("limit", str(_PAGE_MAX))
        if not _is_count(limit) or not _is_count(query.get("before", "0")):
            raise _Error(400, "InvalidPaginationParameter", "invalid pagination parameter")
        count, last_ns = min(int(limit), _PAGE_MAX), self.at_ns
        if "before" in query:
            last_ns = int(query["before"]) * 10**6
        found = list(self._summed(market, length_ns, last_ns - count * length_ns, last_ns))
        return found[::-1]

    def _summed(
        self, market: str, length_ns: int, first_ns: int, last_ns: int
    ) -> Iterator[list[str]]:
        """Yield the candles that begin from one time to another, both included."""
        first_ns = -(-first_ns // length_ns) * length_ns
        end_ns = min(last_ns, self.at_ns) // length_ns * length_ns + length_ns
        past = self._pasts.get(market)
        older = iter(()) if past is None else past.during(first_ns, end_ns)
        newer = (t for t in self._printed[market] if first_ns <= t.at_ns < end_ns)
        by_candle = groupby(chain(older, newer), key=lambda trade: trade.at_ns // length_ns)
        for number, group in by_candle:
            trades = list(group)
            prices = [trade.price_e8 for trade in trades]
            volume_e8 = sum(trade.volume_e8 for trade in trades)
            cells = (prices[0], max(prices), min(prices), prices[-1], volume_e8)
            yield [_timestamp(number * length_ns), *map(decimal_text, cells)]

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


_ODD_CANDLES: tuple[Callable[[list[str]], Any], ...] = (
    lambda row: [row[0], row[1], row[3], "99999999", *row[4:]],  # low above high
    lambda row: [*row[:5], "-1"],
    lambda row: [row[0].replace(":00.", ":01."), *row[1:]],  # of another length
    lambda row: ["2199-01-01T00:00:00.000000Z", *row[1:]],
    lambda row: row[:4],
    lambda row: dict(zip("tohlcv", row, strict=True)),
)
"""Candles that cannot be, made of one that can."""


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _past_row(trade: PastTrade) -> dict[str, str]:
    return {
        "id": str(trade.trade_id),
        "price": decimal_text(trade.price_e8),
        "amount": decimal_text(trade.volume_e8),
        "timestamp": _timestamp(trade.at_ns),
        "side": "Bid" if trade.buys else "Ask",
    }


def _printed(row: dict[str, str], at_ns: int) -> PastTrade:
    (price_e8, _), (volume_e8, _) = parse_e8(row["price"]), parse_e8(row["amount"])
    return PastTrade(int(row["id"]), at_ns, price_e8, volume_e8, row.get("side") == "Bid")


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
