"""Replies of BTC Markets' REST v3, sans I/O: bodies to values.

The rules for prices, times and ids are those of the websocket's decoder: unknown fields are
tolerated, values are checked strictly. All numbers are texts here, trade ids included, and the
websocket's ``volume`` is ``amount`` (reference: ccxt, the exchange's SDK).

A list is decoded row by row: an undecodable row becomes an `OddRow`, and the others are used.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from eventlog.records import Candle, Trade
from feeds.btcmarkets.protocol import (
    Orders,
    Refused,
    amount_of,
    exchange_ns_of,
    is_market,
    orders_of,
    positive_of,
    refuse,
    side_of,
    text_of,
)
from feeds.loss import reason_text
from feeds.timestamps import parse_timestamp_ns

_ID_MAX = 2**63 - 1

ROWS_MAX = 5_000
"""The most rows that a list may have (I10). A page has 200, of candles 1,000."""

ODD_BYTES_KEPT_MAX = 1_024
"""Characters of an odd row that are kept."""

_INTEGER_DIGITS_MAX = 40
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OddRow:
    """An undecodable row of a list: its beginning as JSON, and the reason.

    ``number`` is its place; ``trade_id`` and ``market`` are its own, where they can be read.
    """

    number: int
    raw: bytes
    why: str
    trade_id: int | None = None
    market: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of trades in the exchange's order, newest first, and its odd rows."""

    trades: tuple[Trade, ...]
    odd: tuple[OddRow, ...] = ()

    @property
    def placed(self) -> list[tuple[int, Trade]]:
        """Its trades with their places among all rows, odd ones included."""
        taken = {row.number for row in self.odd}
        places = [n for n in range(len(self.trades) + len(self.odd)) if n not in taken]
        return list(zip(places, self.trades, strict=True))

    @property
    def ids(self) -> frozenset[int]:
        """The readable ids on the page."""
        odd = (row.trade_id for row in self.odd if row.trade_id is not None)
        return frozenset((*(trade.trade_id for trade in self.trades), *odd))

    @property
    def is_empty(self) -> bool:
        """Whether the page has no row at all: there are no older trades."""
        return not self.trades and not self.odd


@dataclass(frozen=True, slots=True, kw_only=True)
class CandlePage:
    """Candles in the order of their times, each time once, and the odd rows."""

    candles: tuple[Candle, ...]
    odd: tuple[OddRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The markets of ``GET /markets``, each with its status, and the odd rows.

    A status is ``Online``, ``Offline``, ``Post Only``, ``Limit Only``, ``Cancel Only``, or
    something new, in characters that can be printed.
    """

    statuses: dict[str, str]
    odd: tuple[OddRow, ...] = ()


def body_of(content: bytes) -> object:
    """Return a body as JSON; invalid values (a number too long, a repeated key) are ``None``.

    Raises:
        Refused: if it is not JSON, for instance because it was truncated.
    """
    try:
        body: object = _JSON.decode(content.decode())
    except UnicodeDecodeError:
        refuse("not UTF-8")
    except (ValueError, RecursionError) as error:
        refuse(f"not JSON: {reason_text(str(error), most=100)}")
    return body


def error_of(content: bytes) -> tuple[str, str]:
    """Return (code, message) of an error's body; missing texts are empty."""
    try:
        body = body_of(content)
    except Refused:
        return "", ""
    if type(body) is not dict:
        return "", ""
    code, message = body.get("code"), body.get("message")
    return (
        reason_text(code, most=100) if isinstance(code, str) else "",
        reason_text(message) if isinstance(message, str) else "",
    )


def page_of(body: object, market: str, received_ns: int) -> Page:
    """Return a page of a market's trades.

    They are marked ``backfilled``, because they did not arrive in time.

    Raises:
        Refused: if it is no list.
    """
    trades, odd = _read(body, lambda row: _trade(row, market, received_ns))
    return Page(trades=tuple(trades), odd=odd)


def _trade(row: dict[str, object], market: str, received_ns: int) -> Trade:
    if row.get("marketId", market) != market:
        refuse("it is of another market")
    price_e8, price_decimals = positive_of(row, "price")
    volume_e8, volume_decimals = positive_of(row, "amount")
    side = side_of(row)
    return Trade(
        exchange_ns=exchange_ns_of(row),
        received_ns=received_ns,
        price_e8=price_e8,
        volume_e8=volume_e8,
        price_decimals=price_decimals,
        volume_decimals=volume_decimals,
        side=side,
        trade_id=_count(row, "id", _ID_MAX),
        backfilled=True,
    )


def candles_of(
    body: object, *, length_ns: int, from_ns: int, to_ns: int, received_ns: int, source: str
) -> CandlePage:
    """Return the candles that begin from ``from_ns`` to before ``to_ns``, however rows are ordered.

    A row that is there twice counts once. One that contradicts an earlier row of its time is odd,
    and so are those of other times and lengths. The row at ``to_ns`` is passed over: whether a
    window includes its end is not documented.

    Raises:
        Refused: if it is no list.
    """
    known: dict[int, Candle] = {}

    def read(row: object) -> Candle:
        candle = _candle(row, length_ns, received_ns, source)
        if not from_ns <= candle.exchange_ns <= to_ns:
            refuse("a candle of another time than was asked for")
        if known.setdefault(candle.exchange_ns, candle) != candle:
            refuse("a candle that contradicts another row of its time")
        return candle

    _, odd = _read(body, read, of=list)
    known.pop(to_ns, None)
    return CandlePage(candles=tuple(known[start] for start in sorted(known)), odd=odd)


_CELLS = ("open", "high", "low", "close")


def _candle(row: object, length_ns: int, received_ns: int, source: str) -> Candle:
    if type(row) is not list or len(row) != 6:
        refuse("a candle is not [time, open, high, low, close, volume]")
    if type(row[0]) is not str:
        refuse("a candle's time is not a text")
    try:
        start_ns = parse_timestamp_ns(row[0])
    except ValueError as error:
        refuse(f"a candle's time: {error}")
    if start_ns % length_ns:
        refuse("a candle of another length: its time is no multiple of the one asked for")
    named: dict[str, object] = dict(zip(_CELLS, row[1:5], strict=True))
    opened, high, low, closed = (positive_of(named, name)[0] for name in _CELLS)
    volume_e8, _ = amount_of(row[5], "volume")
    if not low <= min(opened, closed) <= max(opened, closed) <= high:
        refuse("a candle whose open or close is not between its low and its high")
    return Candle(
        exchange_ns=start_ns,
        received_ns=received_ns,
        length_ns=length_ns,
        open_e8=opened,
        high_e8=high,
        low_e8=low,
        close_e8=closed,
        volume_e8=volume_e8,
        source=source,
    )


def catalogue_of(body: object) -> Catalogue:
    """Return the catalogue; of a market that is listed twice the last row counts.

    Raises:
        Refused: if it is no list.
    """
    pairs, odd = _read(body, _status)
    return Catalogue(statuses=dict(pairs), odd=odd)


def _status(row: dict[str, object]) -> tuple[str, str]:
    """Return a market and its status."""
    market, status = text_of(row, "marketId"), text_of(row, "status")
    if not is_market(market):
        refuse("marketId is not BASE-QUOTE")
    return market, reason_text(status, most=40)


def orders_reply_of(body: object, market: str) -> Orders:
    """Return the reply of ``/markets/{id}/orderbook?level=1``.

    Raises:
        Refused: if it is malformed, or of another market.
    """
    if type(body) is not dict:
        refuse("not a JSON object")
    orders = orders_of(body)
    if orders.market != market:
        refuse("it is of another market")
    return orders


def time_ns_of(body: object) -> int:
    """Return the exchange's clock in nanoseconds since 1970.

    Raises:
        Refused: if it has none.
    """
    if type(body) is not dict:
        refuse("not a JSON object")
    return exchange_ns_of(body)


def _read(
    body: object, read: Callable[[Any], _T], *, of: type = dict
) -> tuple[list[_T], tuple[OddRow, ...]]:
    """Return the decoded rows of a list, and its odd rows; a row is an object or a list."""
    if type(body) is not list:
        refuse("not a JSON list")
    if len(body) > ROWS_MAX:
        refuse(f"a list of more than {ROWS_MAX} rows")
    found, odd = [], []
    for number, row in enumerate(body):
        try:
            if type(row) is not of:
                refuse("not a JSON object" if of is dict else "not a JSON list")
            found.append(read(row))
        except Refused as refused:
            odd.append(_odd(number, row, refused.why))
    return found, tuple(odd)


def _odd(number: int, row: object, why: str) -> OddRow:
    trade_id, market = None, None
    if type(row) is dict:
        with suppress(Refused):
            trade_id = _count(row, "id", _ID_MAX)
        named = row.get("marketId")
        market = named if isinstance(named, str) and is_market(named) else None
    try:
        raw = json.dumps(row).encode()
    except RecursionError:
        raw = b""
    if len(raw) > ODD_BYTES_KEPT_MAX:
        why = f"{why} (the first {ODD_BYTES_KEPT_MAX} of {len(raw)} bytes are kept)"
    return OddRow(
        number=number, raw=raw[:ODD_BYTES_KEPT_MAX], why=why, trade_id=trade_id, market=market
    )


def _count(row: dict[str, object], key: str, most: int) -> int:
    text = text_of(row, key)
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= most):
        refuse(f"{key} is not the text of an integer in 0 … {most}")
    return int(text)


def _integer(text: str) -> int | None:
    """Return an integer, ``None`` if it is long: all numbers that are used are texts."""
    return int(text) if len(text) <= _INTEGER_DIGITS_MAX else None


def _constant(_: str) -> None:
    """Return ``None`` for ``NaN`` and the infinities, which are not JSON."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    """Return an object; ``None`` if a key is repeated, which is ambiguous."""
    row = dict(pairs)
    return row if len(row) == len(pairs) else None


_JSON = json.JSONDecoder(parse_int=_integer, parse_constant=_constant, object_pairs_hook=_unique)
