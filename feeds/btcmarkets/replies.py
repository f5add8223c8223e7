"""What BTC Markets' REST v3 answers, sans I/O: bodies as values.

As tolerant of unknown fields and as strict about meaning as the websocket's decoder, whose rules
for prices, times and ids these are. All numbers are texts here, trade ids included, and what the
websocket calls ``volume`` is ``amount`` (reference: ccxt, the exchange's SDK).
"""

import json
from dataclasses import dataclass

from eventlog.records import Trade
from feeds.btcmarkets.protocol import (
    Orders,
    exchange_ns_of,
    is_market,
    orders_of,
    positive_of,
    refuse,
    side_of,
    text_of,
)

_ID_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One market of ``GET /markets``.

    Increments are 10 to the minus ``decimals``; ``min_order_e8`` is in the base asset. ``status``
    is ``Online``, ``Offline``, ``Post Only``, ``Limit Only``, or something new.
    """

    market: str
    price_decimals: int
    amount_decimals: int
    min_order_e8: int
    status: str


def body_of(content: bytes) -> object:
    """Return a body as JSON.

    Raises:
        Refused: if it is none, as when it was cut short on its way.
    """
    try:
        body: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        refuse(f"not JSON: {str(error)[:100]}")
    return body


def error_of(content: bytes) -> tuple[str, str]:
    """Return (code, message) of an error's body; texts are empty where there are none."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return "", ""
    if type(body) is not dict:
        return "", ""
    code, message = body.get("code"), body.get("message")
    return (
        code[:100] if isinstance(code, str) else "",
        message[:200] if isinstance(message, str) else "",
    )


def trades_of(body: object, received_ns: int) -> list[Trade]:
    """Return the trades of a page as the exchange sorts them, newest first.

    They are marked ``backfilled``: whoever asks for them did not get them in time.

    Raises:
        Refused: if one of them means nothing; half a page would look like a whole one.
    """
    return [_trade(row, received_ns) for row in _rows(body)]


def _trade(row: dict[str, object], received_ns: int) -> Trade:
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


def listings_of(body: object) -> dict[str, Listing]:
    """Return the catalogue by market; rows that are no market of today's form are left out.

    Raises:
        Refused: if it is no list of objects.
    """
    found: dict[str, Listing] = {}
    for row in _rows(body):
        market, status = row.get("marketId"), row.get("status")
        if not (isinstance(market, str) and is_market(market) and isinstance(status, str)):
            continue
        found[market] = Listing(
            market=market,
            price_decimals=_count(row, "priceDecimals", 8),
            amount_decimals=_count(row, "amountDecimals", 8),
            min_order_e8=positive_of(row, "minOrderAmount")[0],
            status=status[:40],
        )
    return found


def orders_reply_of(body: object) -> Orders:
    """Return the reply of ``/markets/{id}/orderbook?level=1``.

    Raises:
        Refused: if it is none.
    """
    if type(body) is not dict:
        refuse("not a JSON object")
    return orders_of(body)


def time_ns_of(body: object) -> int:
    """Return the exchange's clock in nanoseconds since 1970.

    Raises:
        Refused: if it does not say one.
    """
    if type(body) is not dict:
        refuse("not a JSON object")
    return exchange_ns_of(body)


def _rows(body: object) -> list[dict[str, object]]:
    if type(body) is not list:
        refuse("not a JSON list")
    if not all(type(row) is dict for row in body):
        refuse("a row is not a JSON object")
    return body


def _count(row: dict[str, object], key: str, most: int) -> int:
    text = text_of(row, key)
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= most):
        refuse(f"{key} is not the text of an integer in 0 … {most}")
    return int(text)
