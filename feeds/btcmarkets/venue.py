"""BTC Markets as a venue: its facts, its names, its decoder and its client."""

from collections.abc import Mapping, Sequence

from feeds.btcmarkets import protocol
from feeds.btcmarkets.lengths import LENGTHS_NS
from feeds.deduplicator import TradeDeduplicator
from feeds.history import History
from feeds.options import FeedOptions
from feeds.venue import BTC_MARKETS, Decoded, Feed, Venue, VenueFacts


class BtcMarkets:
    """The exchange, and every server that speaks as it does."""

    facts = VenueFacts(
        name=BTC_MARKETS,
        websocket_url="wss://socket.btcmarkets.net/v2",
        rest_url="https://api.btcmarkets.net/v3",
        frame_bytes_max=protocol.FRAME_BYTES_MAX,
        market_form="BASE-QUOTE in upper case, such as BTC-AUD",
        candle_lengths_ns=LENGTHS_NS,
    )

    def is_market(self, text: str) -> bool:
        """Return whether a text is BASE-QUOTE in upper case."""
        return protocol.is_market(text)

    def rest_url(self, websocket_url: str) -> str:
        """Return the URL of REST: on the same host, except for the exchange itself."""
        from feeds.btcmarkets.rest import rest_url  # imports a client, which few commands need

        return rest_url(websocket_url)

    def decode(self, frame: str | bytes, received_ns: int) -> Decoded | None:
        """Return the record of a frame; heartbeats and refusals are not recorded."""
        event = protocol.decode(frame, received_ns)
        return event if isinstance(event, tuple) else None

    def feed(
        self,
        url: str,
        markets: Sequence[str],
        *,
        rest_url: str | None = None,
        deduplicators: Mapping[str, TradeDeduplicator] | None = None,
        options: FeedOptions = FeedOptions(),  # noqa: B008 - frozen
    ) -> Feed:
        """Return a feed of some markets, not entered yet."""
        from feeds.btcmarkets import connection, rest

        return connection.Feed(
            url,
            markets,
            rest=None if rest_url is None else rest.Rest(rest_url),
            deduplicators=deduplicators,
            options=options,
        )

    def history(self, rest_url: str, market: str) -> History | None:
        """Return the past of a market, not entered yet."""
        from feeds.btcmarkets.history import MarketHistory

        return MarketHistory(rest_url, market)


VENUE: Venue = BtcMarkets()
