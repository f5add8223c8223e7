"""A second venue, as small as one can be: one package, and nothing elsewhere knows of it.

It speaks JSON with keys of a letter: ``{"k": "q", …}`` is a quote, ``"t"`` a trade, ``"hello"``
accepts a market and ``"no"`` refuses one. It has no books, no checksum and no REST.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eventlog.records import Quote, Side, Trade, parse_e8
from feeds.deduplicator import TradeDeduplicator
from feeds.options import FeedOptions
from feeds.undecodable import undecodable
from feeds.venue import Decoded, Feed, Venue, VenueFacts
from tests.feeds.second_venue.client import SecondFeed

NAME = "second"
FRAME_BYTES_MAX = 1 << 16


class SecondVenue:
    """Its facts, its names, its decoder and its client."""

    facts = VenueFacts(
        name=NAME,
        websocket_url="ws://127.0.0.1:9/",
        rest_url="",
        frame_bytes_max=FRAME_BYTES_MAX,
        market_form="base_quote in lower case, such as btc_usd",
    )

    def is_market(self, text: str) -> bool:
        parts = text.split("_")
        return len(parts) == 2 and all(p.isascii() and p.isalpha() and p.islower() for p in parts)

    def rest_url(self, websocket_url: str) -> str:
        return ""

    def decode(self, frame: str | bytes, received_ns: int) -> Decoded | None:
        try:
            return _decoded(json.loads(frame), received_ns)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            return None, undecodable(frame, received_ns, f"no message: {error}")

    def feed(
        self,
        url: str,
        markets: Sequence[str],
        *,
        rest_url: str | None = None,
        deduplicators: Mapping[str, TradeDeduplicator] | None = None,
        options: FeedOptions = FeedOptions(),  # noqa: B008 - frozen
    ) -> Feed:
        return SecondFeed(url, markets, self.decode, dict(deduplicators or {}), options)

    def history(self, rest_url: str, market: str) -> None:
        return None


def _decoded(message: Any, received_ns: int) -> Decoded | None:
    if message["k"] in ("hello", "no"):
        return None
    market, at_ns = message["m"], message["at"]
    if not (isinstance(market, str) and isinstance(at_ns, int) and 0 <= at_ns < 2**62):
        raise ValueError("no market or no time")
    if message["k"] == "q":
        (bid, bid_places), (ask, ask_places) = parse_e8(message["b"]), parse_e8(message["a"])
        return market, Quote(
            exchange_ns=at_ns,
            received_ns=received_ns,
            bid_e8=bid,
            ask_e8=ask,
            last_e8=bid,
            bid_decimals=bid_places,
            ask_decimals=ask_places,
            last_decimals=bid_places,
            snapshot_id=None,
        )
    if message["k"] == "t":
        (price, price_places), (volume, places) = parse_e8(message["p"]), parse_e8(message["v"])
        return market, Trade(
            exchange_ns=at_ns,
            received_ns=received_ns,
            price_e8=price,
            volume_e8=volume,
            price_decimals=price_places,
            volume_decimals=places,
            side=Side.BUY,
            trade_id=int(message["id"]),
        )
    raise ValueError(f"no such kind: {message['k']!r}")


VENUE: Venue = SecondVenue()
