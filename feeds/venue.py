"""The interface of a venue: the Protocol that each one implements, and its lookup by name.

A venue is one package with an object ``VENUE`` that implements `Venue`. `venue` finds it by the
name that a journal records. No other package imports a venue's package, so a new venue changes
nothing outside of `feeds`. `tests/feeds/test_venue.py` is the test suite that every venue passes.

This module and a venue's facts import little, since even `trader --help` needs them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import TracebackType
from typing import Protocol, Self

from eventlog.records import Input
from feeds.deduplicator import TradeDeduplicator
from feeds.errors import VenueUnknown
from feeds.history import History
from feeds.options import FeedOptions
from feeds.state import FeedState

BTC_MARKETS = "btcmarkets"
"""The venue of journals and commands that name none."""

VENUES = {BTC_MARKETS: "feeds.btcmarkets.venue"}
"""The name of a venue → the module that has its object ``VENUE``."""

Decoded = tuple[str | None, Input]
"""A record and its market; ``None`` if it has none, or if its market cannot be determined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFacts:
    """Constants of a venue."""

    name: str
    """The name in journals, in `VENUES` and in `engine.venue_rules`."""

    websocket_url: str
    """The URL of its stream of market data."""

    rest_url: str
    """The URL of its REST API, up to the version; empty if it has none."""

    frame_bytes_max: int
    """The size of the largest frame that is read, in bytes."""

    market_form: str
    """The form of its market ids, in words, for a hint."""

    candle_lengths_ns: Mapping[str, int] = field(default_factory=dict)
    """The lengths of its candles by its names of them; empty if it keeps no history."""


class Feed(Protocol):
    """A stream of records of some markets, from entering the context until `stop`.

    Every frame becomes a record, in the order of arrival; one that cannot be decoded becomes an
    `Undecodable`. A lost connection is replaced, however many attempts it takes, and the next
    record of each market is a `Gap`. When an inbox is full the socket is not read. A trade that is
    in the log already is not returned again.

    Entering raises ``ExchangeUnreachable``, ``UnknownMarket``, ``SubscriptionRejected`` or
    ``UrlInvalid`` (`feeds.errors`).
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def take(self, timeout_s: float, market: str | None = None) -> list[Input]:
        """Return what has arrived of a market, in order; wait up to ``timeout_s`` for the first.

        Returns a bounded number of records, and an empty list after the time-out or when finished.
        ``market`` may be left out if there is only one.

        Raises:
            FeedFailed: if the feed ended with an exception, once all else is taken.
        """
        ...

    def finished(self, market: str | None = None) -> bool:
        """Return whether the feed was stopped and everything of this market was taken."""
        ...

    def resync(self, market: str | None = None) -> None:
        """Request a fresh snapshot of a market's book; does nothing if called too often."""
        ...

    def leave(self, market: str) -> None:
        """Stop collecting a market whose caller has gone; the others continue."""
        ...

    def stop(self) -> None:
        """Begin to close the connection; what has arrived can still be taken.

        Returns at once, and may be called from a signal handler and more than once.
        """
        ...

    @property
    def state(self) -> FeedState:
        """The state of the connection and of each market."""
        ...


class Venue(Protocol):
    """A venue that publishes markets: its constants, market ids, decoder and client."""

    @property
    def facts(self) -> VenueFacts:
        """Its constants."""
        ...

    def is_market(self, text: str) -> bool:
        """Return whether a text has the form of a market id.

        The id becomes the name of a directory, so it must match ``[A-Za-z0-9][A-Za-z0-9._-]*``.
        """
        ...

    def rest_url(self, websocket_url: str) -> str:
        """Return the URL of the REST API that belongs to a websocket's URL; empty if none."""
        ...

    def decode(self, frame: str | bytes, received_ns: int) -> Decoded | None:
        """Return the record of a frame and its market; ``None`` if it is not recorded.

        Never raises. ``received_ns`` is the time of receipt, in nanoseconds since 1970 UTC.
        """
        ...

    def feed(
        self,
        url: str,
        markets: Sequence[str],
        *,
        rest_url: str | None = None,
        deduplicators: Mapping[str, TradeDeduplicator] | None = None,
        options: FeedOptions = FeedOptions(),  # noqa: B008 - frozen
    ) -> Feed:
        """Return a feed of some markets, not entered yet.

        Args:
            url: of the websocket.
            markets: their ids, at least one, none twice.
            rest_url: of the REST API; without one, missed trades are not fetched.
            deduplicators: by market, the trades that are in its log already.
            options: timeouts and limits.
        """
        ...

    def history(self, rest_url: str, market: str) -> History | None:
        """Return what it keeps of a market's past, not entered yet; ``None`` if it keeps none."""
        ...


def venue(name: str = BTC_MARKETS) -> Venue:
    """Return the venue of a name.

    Raises:
        VenueUnknown: if there is none.
    """
    module = VENUES.get(name)
    if module is None:
        raise VenueUnknown(name=name, known=tuple(VENUES))
    implementation: Venue = import_module(module).VENUE
    its_name = implementation.facts.name
    assert its_name == name, f"{module} is the venue {its_name}, not {name}"
    return implementation
