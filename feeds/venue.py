"""What a venue is to the rest of the house: a Protocol, and where each one is found by its name.

A venue is one package that has an object ``VENUE`` which fulfils `Venue`. `venue` finds it by the
name that stands in a journal. Nothing outside of `feeds` imports a venue's package, so that another
one needs no change there. `tests/feeds/test_venue.py` says what every venue has to do.

This module and a venue's facts load little: they are asked before anything is loaded.
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
"""The venue of journals that name none, and of commands that are told of none."""

VENUES = {BTC_MARKETS: "feeds.btcmarkets.venue"}
"""The module that has the object ``VENUE``, by the venue's name."""

Decoded = tuple[str | None, Input]
"""A record and its market; ``None`` where it belongs to none, or that cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFacts:
    """What of a venue does not change while the process runs."""

    name: str
    """As it stands in journals, in `VENUES` and in `engine.venue_rules`."""

    websocket_url: str
    """Where its market data are streamed."""

    rest_url: str
    """Where its REST is answered, up to the path's version; empty if it has none."""

    frame_bytes_max: int
    """The largest frame that is read, in bytes."""

    market_form: str
    """How its markets are named, in words, for a hint."""

    candle_lengths_ns: Mapping[str, int] = field(default_factory=dict)
    """The lengths of its candles by its names of them; empty if it keeps no history."""


class Feed(Protocol):
    """Records of some markets, from entering the context until `stop`.

    Every frame is a record, in the order of arrival, and what cannot be understood is an
    `Undecodable`. A connection that is lost is replaced for as long as it takes; the first record
    of a market after that is a `Gap`. When an inbox is full the socket is not read. A trade that
    the log holds already is not handed on again.

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

        An empty list after the time-out, or when finished. A market may be left out where there is
        one. The number of records that one call returns is bounded.

        Raises:
            FeedFailed: if the feed ended on an exception, once all else is taken.
        """
        ...

    def finished(self, market: str | None = None) -> bool:
        """Return whether the feed was stopped and everything of this market was taken."""
        ...

    def resync(self, market: str | None = None) -> None:
        """Ask for a fresh snapshot of one market's book; asked for too often, do nothing."""
        ...

    def leave(self, market: str) -> None:
        """Say that nobody takes this market any more; the others go on."""
        ...

    def stop(self) -> None:
        """Begin to close the connection; what has arrived can still be taken.

        Returns at once, and may be called from a signal handler and more than once.
        """
        ...

    @property
    def state(self) -> FeedState:
        """How the connection and each market are now."""
        ...


class Venue(Protocol):
    """A place that publishes markets: facts, names, a decoder and a client."""

    @property
    def facts(self) -> VenueFacts:
        """What does not change."""
        ...

    def is_market(self, text: str) -> bool:
        """Return whether a text has the form of a market's id. It becomes a directory's name, so
        it must match ``[A-Za-z0-9][A-Za-z0-9._-]*``.
        """
        ...

    def rest_url(self, websocket_url: str) -> str:
        """Return where REST is answered for a websocket's URL; empty if nowhere."""
        ...

    def decode(self, frame: str | bytes, received_ns: int) -> Decoded | None:
        """Return what a frame is in a log, ``None`` if it is nothing there; never raise.

        ``received_ns`` is when it was received, in nanoseconds since 1970 UTC.
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
            rest_url: of REST; ``None`` asks nothing there, and what was missed is missed.
            deduplicators: the trades that stand in the logs already, by market.
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
    found: Venue = import_module(module).VENUE
    assert found.facts.name == name, f"{module} is the venue {found.facts.name}, not {name}"
    return found
