"""Errors of feeds that a person or the caller can act on.

::

    FeedError
    ├── ExchangeUnreachable      no connection to the exchange within the stated time
    │   └── UrlInvalid           because its URL is not one of a websocket
    ├── SubscriptionRejected     the exchange refused the subscription
    │   └── UnknownMarket        because it does not have this market
    ├── TrustInvalid             the environment names certificates that cannot be read
    ├── RestUnavailable          REST gave no usable reply
    ├── RestRefused              REST refused a call permanently
    ├── FeedFailed               a bug on the feed's own thread; the cause is chained
    ├── RecordingUnreadable      a recording that is missing, or damaged from some line on
    ├── TableUnreadable          a table that is missing, damaged, or of another layout
    ├── VenueUnknown             a venue that this version does not have
    └── FaultUnknown             a fault that the simulator does not have

A connection that is lost *after* the start is not an error but a `Gap` record, and a frame that
cannot be decoded is an `Undecodable` record.
"""

from pathlib import Path


class FeedError(Exception):
    """The root of this package's errors. ``hint`` says what a person can do, if anything."""

    hint: str = ""


class ExchangeUnreachable(FeedError):
    """No exchange was reached at ``url`` within ``timeout_s``."""

    hint = "Check the network and the URL, or try `--simulated`."

    def __init__(self, *, url: str, timeout_s: float, why: str) -> None:
        super().__init__(url, timeout_s, why)
        self.url = url
        self.timeout_s = timeout_s
        self.why = why

    def __str__(self) -> str:
        return f"{self.url} was not reached within {self.timeout_s:g} s: {self.why}"


class UrlInvalid(ExchangeUnreachable):
    """The URL is not one of a websocket, so nothing was tried."""

    hint = "A websocket's URL looks like wss://socket.btcmarkets.net/v2."

    def __init__(self, *, url: str, why: str) -> None:
        super().__init__(url=url, timeout_s=0.0, why=why)

    def __str__(self) -> str:
        return f"{self.url!r} is not the URL of a websocket: {self.why}"


class SubscriptionRejected(FeedError):
    """The exchange answered the first subscription with an error frame."""

    def __init__(self, *, url: str, code: int | None, message: str) -> None:
        super().__init__(url, code, message)
        self.url = url
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.url} rejected the subscription: {self.message!r} (code {self.code})"


class UnknownMarket(SubscriptionRejected):
    """The exchange does not have this market."""

    hint = "Markets are BASE-QUOTE in upper case, such as BTC-AUD."

    def __init__(self, *, url: str, market: str, code: int | None, message: str) -> None:
        super().__init__(url=url, code=code, message=message)
        self.market = market

    def __str__(self) -> str:
        return f"{self.url} has no market {self.market!r}: {self.message!r} (code {self.code})"


class TrustInvalid(FeedError):
    """An environment variable names certificates to trust, and they cannot be read."""

    hint = "Unset the variable to trust the operating system's certificates."

    def __init__(self, *, variable: str, path: str, why: str) -> None:
        super().__init__(variable, path, why)
        self.variable = variable
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"{self.variable}={self.path!r} cannot be used: {self.why}"


class RestUnavailable(FeedError):
    """A call to REST failed in every attempt, the last time for this reason."""

    def __init__(self, *, url: str, attempts: int, why: str) -> None:
        super().__init__(url, attempts, why)
        self.url = url
        self.attempts = attempts
        self.why = why

    def __str__(self) -> str:
        return f"{self.url} failed {self.attempts} times, at last: {self.why}"


class RestRefused(FeedError):
    """REST refused this call permanently: an unknown market, a bad cursor."""

    def __init__(self, *, url: str, status: int, code: str, message: str) -> None:
        super().__init__(url, status, code, message)
        self.url = url
        self.status = status
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.url} refused: {self.code} {self.message!r} (HTTP {self.status})"


class FeedFailed(FeedError):
    """The feed's thread ended with an unexpected exception."""

    hint = "This is a bug; the traceback says where."

    def __init__(self, *, url: str, why: str) -> None:
        super().__init__(url, why)
        self.url = url
        self.why = why

    def __str__(self) -> str:
        return f"the feed from {self.url} failed: {self.why}"


class RecordingUnreadable(FeedError):
    """A recording cannot be played; ``line`` counts from 1 and is ``None`` before the first."""

    hint = 'A recording is zstd-compressed JSON lines of {"at": ns, "frame": {...}}.'

    def __init__(self, *, path: Path, line: int | None, why: str) -> None:
        super().__init__(path, line, why)
        self.path = path
        self.line = line
        self.why = why

    def __str__(self) -> str:
        where = f"{self.path}" if self.line is None else f"{self.path}, line {self.line}"
        return f"cannot play {where}: {self.why}"


class TableUnreadable(FeedError):
    """A file is no table of quotes or trades, or lacks the columns that are needed."""

    def __init__(self, *, path: Path, why: str, is_of_columns: bool = False) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why
        if is_of_columns:
            named = "`trader import --help` names the columns;"
            self.hint = f"{named} --map COLUMN=NAME says what one is called."

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.why}"


class VenueUnknown(FeedError):
    """This version has no venue of this name."""

    def __init__(self, *, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known
        self.hint = f"Known venues: {', '.join(known)}."

    def __str__(self) -> str:
        return f"unknown venue {self.name!r}"


class FaultUnknown(FeedError):
    """The simulator has no fault of this name."""

    def __init__(self, *, text: str, known: tuple[str, ...]) -> None:
        super().__init__(text, known)
        self.text = text
        self.known = known
        self.hint = f"Known faults: {', '.join(known)}; NAME=N makes it happen every N frames."

    def __str__(self) -> str:
        return f"unknown fault {self.text!r}"
