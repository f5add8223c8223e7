"""BTC Markets WebSocket v2, sans I/O: messages to send as text, frames received as events.

One frame is one event: a record of a market, a `Heartbeat`, a `Rejection`, or `Orders`. A frame
that cannot be decoded is an `Undecodable` record with the bytes and the reason; `decode` never
raises, whatever an exchange sends. It tolerates unknown fields and is strict about values: a price
is a plain positive decimal of at most ten digits and eight decimals, and must be a JSON string.

Only the form is checked here. The engine decides whether a quote is crossed, a trade late, or a
checksum wrong.

Cited clauses are of the exchange's wiki, "WebSocket v2".
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from eventlog.records import BookUpdate, Level, Quote, Side, Trade, Undecodable, parse_e8
from feeds.timestamps import parse_timestamp_ns
from feeds.undecodable import undecodable

MARKET_CHANNELS = ("orderbookUpdate", "trade", "tick")
"""The channels that are subscribed for every market."""

FRAME_BYTES_MAX = 16 * 1024 * 1024
"""The largest frame that is read: twice a whole book of 100 000 levels a side."""

LEVELS_A_SIDE_MAX = 100_000
"""The largest number of levels a side in one frame. A whole book of BTC-AUD has about 1 000."""

_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1
_UINT32_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The server's view of the socket's subscriptions, every five seconds.

    ``channels`` are (channel, markets) pairs; a channel that has no markets has an empty tuple.
    """

    channels: tuple[tuple[str, tuple[str, ...]], ...]


MARKETS_REFUSED = frozenset({"invalid marketIds", "invalid marketId"})
"""The ``message`` of an ``error`` frame that a market id has brought (btcmarkets.md 1.4)."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An ``error`` frame: a request was refused as a whole; the socket stays open.

    It does not identify the request. Codes known: 1 authentication, 3 invalid message, channel or
    market.
    """

    code: int | None
    message: str

    @property
    def of_markets(self) -> bool:
        """Whether the request was refused for one of its market ids.

        The code is the same for a channel; so the text decides, as one of the words that the
        exchange is known to use, whole: what else it may say is another reason.
        """
        return self.message in MARKETS_REFUSED


@dataclass(frozen=True, slots=True)
class Orders:
    """The best fifty *orders* a side at one version of a book, summed by price, best first.

    Sent whole on the channel ``orderbook`` and by REST; the worst price of a side may be cut short
    by the limit of fifty. It is not recorded; `feeds.btcmarkets.crosscheck` compares it with the
    stream.
    """

    market: str
    snapshot_id: int | None
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


MarketRecord = Quote | Trade | BookUpdate | Undecodable
Event = tuple[str | None, MarketRecord] | Heartbeat | Rejection | Orders
"""A market's record (``None``: an undecodable frame that names no market), or a control frame."""


def subscribe(markets: Iterable[str]) -> str:
    """Return the message that replaces every subscription of the socket by these markets."""
    return _request("subscribe", markets)


def add_subscription(markets: Iterable[str]) -> str:
    """Return the message that adds these markets.

    For a market that is already subscribed the exchange sends a fresh snapshot and does not
    subscribe twice, so this is the cheapest resync.
    """
    return _request("addSubscription", markets)


def _request(message_type: str, markets: Iterable[str]) -> str:
    ids = list(markets)
    if not ids:
        raise ValueError(f"{message_type} of no market")
    return json.dumps(
        {
            "messageType": message_type,
            "marketIds": ids,
            # Without the heartbeat, a quiet market could not be distinguished from a dead socket.
            "channels": [*MARKET_CHANNELS, "heartbeat"],
            "clientType": "api",
        }
    )


def decode(frame: str | bytes, received_ns: int) -> Event:
    """Return the event of one frame; never raises.

    ``received_ns`` is when the frame reached us, and becomes the record's.
    """
    market: str | None = None
    try:
        if len(frame) > FRAME_BYTES_MAX:
            refuse(f"larger than {FRAME_BYTES_MAX} bytes")
        message = _object(frame)
        market = _market(message)
        decoder = _DECODERS.get(text_of(message, "messageType"))
        if decoder is not None:
            if market is None:
                refuse("no valid marketId")
            return market, decoder(message, received_ns)
        return _control(message)
    except Refused as refused:
        return market, undecodable(frame, received_ns, refused.why)


class Refused(Exception):
    """A message cannot be decoded; ``why`` is a part of a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def refuse(why: str) -> NoReturn:
    """Raise `Refused`."""
    raise Refused(why)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_constant)


def _object(frame: str | bytes) -> dict[str, object]:
    try:
        message = _JSON.decode(frame.decode() if isinstance(frame, bytes) else frame)
    except UnicodeDecodeError:
        refuse("not UTF-8")
    except ValueError as error:
        refuse(f"not JSON: {str(error)[:100]}")
    except RecursionError:
        refuse("not JSON: nested too deeply")
    if type(message) is not dict:
        refuse("not a JSON object")
    return message


_MARKET = re.compile(r"[A-Z0-9]{1,16}-[A-Z0-9]{1,16}", re.ASCII)


def is_market(text: str) -> bool:
    """Return whether a text has the form of a market id: BASE-QUOTE in upper case.

    The text is foreign, of any size and number, so the result is not cached.
    """
    return _MARKET.fullmatch(text) is not None


def _market(message: dict[str, object]) -> str | None:
    market = message.get("marketId")
    return market if isinstance(market, str) and is_market(market) else None


def text_of(message: dict[str, object], key: str) -> str:
    """Return a field that must be a text."""
    text = message.get(key)
    if type(text) is not str:
        refuse(f"no {key}" if text is None else f"{key} is not a text")
    return text


def whole_of(message: dict[str, object], key: str, most: int) -> int | None:
    """Return a field that must be an integer in 0 … ``most``; ``None`` if it is missing."""
    value = message.get(key)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= most:
        refuse(f"{key} is not an integer in 0 … {most}")
    return value


# How Java's BigDecimal says a zero of more than six decimals.
_ZERO = re.compile(r"0E-([1-8])", re.ASCII)

# Prices and small volumes recur all day long; most of a busy book is found here. Only what is a
# number is remembered, which has at most 20 characters.
_parsed = lru_cache(maxsize=65_536)(parse_e8)


def amount_of(text: object, name: str) -> tuple[int, int]:
    """Return (count of 1e-8, decimals) of a text that is a non-negative number."""
    if type(text) is not str:
        refuse(f"no {name}" if text is None else f"{name} is not a text")
    try:
        amount = _parsed(text)
    except ValueError:
        zero = _ZERO.fullmatch(text)
        if zero is None:
            refuse(f"{name} is not a decimal of at most 10 + 8 digits")
        return 0, int(zero[1])
    if text[0] == "-":  # "-0" is refused too: the exchange never sends it
        refuse(f"{name} is negative")
    return amount


def positive_of(message: dict[str, object], key: str) -> tuple[int, int]:
    """Return (count of 1e-8, decimals) of a field that must be above zero."""
    count, decimals = amount_of(message.get(key), key)
    if count == 0:
        refuse(f"{key} is zero")
    return count, decimals


def exchange_ns_of(message: dict[str, object]) -> int:
    """Return the field ``timestamp`` in nanoseconds."""
    text = text_of(message, "timestamp")
    try:
        return parse_timestamp_ns(text)
    except ValueError as error:
        refuse(f"timestamp: {error}")


def snapshot_id_of(message: dict[str, object]) -> int | None:
    """Return the field ``snapshotId``, or ``None`` if unknown."""
    # For a while 0 was sent for an unknown one (BTCMarkets/API issue 181).
    return whole_of(message, "snapshotId", _INT64_MAX) or None


def _quote(message: dict[str, object], received_ns: int) -> Quote:
    bid_e8, bid_decimals = positive_of(message, "bestBid")
    ask_e8, ask_decimals = positive_of(message, "bestAsk")
    last_e8, last_decimals = positive_of(message, "lastPrice")
    return Quote(
        exchange_ns=exchange_ns_of(message),
        received_ns=received_ns,
        bid_e8=bid_e8,
        ask_e8=ask_e8,
        last_e8=last_e8,
        bid_decimals=bid_decimals,
        ask_decimals=ask_decimals,
        last_decimals=last_decimals,
        snapshot_id=snapshot_id_of(message),
    )


_SIDES: dict[object, Side | None] = {"Bid": Side.BUY, "Ask": Side.SELL, None: None}


def side_of(message: dict[str, object]) -> Side | None:
    """Return the taker's side of a trade; it was not sent before 2020.

    Raises:
        Refused: if it is neither.
    """
    side = message.get("side")
    if not (side is None or side in ("Bid", "Ask")):
        refuse("side is neither Bid nor Ask")
    return _SIDES[side]


def _trade(message: dict[str, object], received_ns: int) -> Trade:
    price_e8, price_decimals = positive_of(message, "price")
    volume_e8, volume_decimals = positive_of(message, "volume")
    side = side_of(message)
    trade_id = whole_of(message, "tradeId", _INT64_MAX)
    if trade_id is None:
        refuse("no tradeId")
    return Trade(
        exchange_ns=exchange_ns_of(message),
        received_ns=received_ns,
        price_e8=price_e8,
        volume_e8=volume_e8,
        price_decimals=price_decimals,
        volume_decimals=volume_decimals,
        side=side,
        trade_id=trade_id,
    )


def _book_update(message: dict[str, object], received_ns: int) -> BookUpdate:
    snapshot = message.get("snapshot", False)
    if type(snapshot) is not bool:
        refuse("snapshot is neither true nor false")
    return BookUpdate(
        exchange_ns=exchange_ns_of(message),
        received_ns=received_ns,
        bids=_levels(message, "bids"),
        asks=_levels(message, "asks"),
        snapshot=snapshot,
        checksum=_checksum(message),
        snapshot_id=snapshot_id_of(message),
    )


def _levels(message: dict[str, object], key: str) -> tuple[Level, ...]:
    rows = message.get(key)
    if type(rows) is not list:
        refuse(f"no {key}" if rows is None else f"{key} is not a list")
    if len(rows) > LEVELS_A_SIDE_MAX:
        refuse(f"{key} has more than {LEVELS_A_SIDE_MAX} levels")
    price, volume = _LEVEL_NAMES[key]
    return tuple([_level(row, key, price, volume) for row in rows])


# Built once: a busy book is mostly levels.
_LEVEL_NAMES = {key: (f"a price of {key}", f"a volume of {key}") for key in ("bids", "asks")}


def _level(row: object, key: str, price: str, volume: str) -> Level:
    if type(row) is not list or len(row) != 3:
        refuse(f"a level of {key} is not [price, volume, count]")
    price_e8, price_decimals = amount_of(row[0], price)
    volume_e8, volume_decimals = amount_of(row[1], volume)
    count = row[2]
    if price_e8 == 0:
        refuse(f"{price} is zero")
    if type(count) is not int or not 0 <= count <= _INT32_MAX:
        refuse(f"a count of {key} is not an integer in 0 … {_INT32_MAX}")
    return Level(price_e8, volume_e8, price_decimals, volume_decimals, count)


_DIGITS = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


def _checksum(message: dict[str, object]) -> int | None:
    text = message.get("checksum")
    if text is None:
        return None
    if type(text) is not str or _DIGITS.fullmatch(text) is None or int(text) > _UINT32_MAX:
        refuse("checksum is not a decimal text of 32 bits")
    return int(text)


def orders_of(message: dict[str, object]) -> Orders:
    """Return a message of the channel ``orderbook``, or a reply of REST's level 1."""
    market = _market(message)
    if market is None:
        refuse("no valid marketId")
    return Orders(
        market=market,
        snapshot_id=snapshot_id_of(message),
        bids=_summed(message, "bids"),
        asks=_summed(message, "asks"),
    )


def _summed(message: dict[str, object], key: str) -> tuple[tuple[int, int], ...]:
    rows = message.get(key)
    if type(rows) is not list:
        refuse(f"no {key}" if rows is None else f"{key} is not a list")
    if len(rows) > LEVELS_A_SIDE_MAX:
        refuse(f"{key} has more than {LEVELS_A_SIDE_MAX} orders")
    volumes: dict[int, int] = {}
    for row in rows:
        if type(row) is not list or len(row) != 2:
            refuse(f"an order of {key} is not [price, volume]")
        price_e8, _ = amount_of(row[0], f"a price of {key}")
        volume_e8, _ = amount_of(row[1], f"a volume of {key}")
        volumes[price_e8] = volumes.get(price_e8, 0) + volume_e8
    return tuple(volumes.items())


_DECODERS: dict[str, Callable[[dict[str, object], int], Quote | Trade | BookUpdate]] = {
    "tick": _quote,
    "trade": _trade,
    "orderbookUpdate": _book_update,
}


def _control(message: dict[str, object]) -> Heartbeat | Rejection | Orders:
    kind = message["messageType"]
    if kind == "orderbook":
        return orders_of(message)
    if kind == "heartbeat":
        return Heartbeat(_streams(message.get("channels", [])))
    if kind == "error":
        code, text = message.get("code"), message.get("message")
        return Rejection(
            code=code if type(code) is int and abs(code) <= _INT32_MAX else None,
            message=text[:200] if type(text) is str else "",
        )
    refuse(f"unknown messageType {str(kind)[:40]!r}")


def _streams(rows: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if type(rows) is not list:
        refuse("channels is not a list")
    channels = []
    for row in rows:
        name = row.get("name") if type(row) is dict else None
        if type(name) is not str:
            refuse("a channel has no name")
        markets = row.get("marketIds", [])
        if type(markets) is not list or not all(type(market) is str for market in markets):
            refuse("a channel's marketIds are not a list of texts")
        channels.append((name, tuple(markets)))
    return tuple(channels)
