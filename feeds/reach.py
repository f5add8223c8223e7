"""Measures whether and how fast the exchange can be reached, and the difference of clocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from websockets.sync.client import connect

from feeds import trust, urls
from feeds.clock import monotonic_s, now_ns
from feeds.errors import ExchangeUnreachable, UrlInvalid
from feeds.loss import is_final, reason_of


@dataclass(frozen=True, slots=True)
class Reached:
    """The result of a handshake."""

    seconds: float
    """Seconds until the websocket was open: name, connection, TLS, handshake."""
    skew_s: float | None
    """Our clock minus theirs, in seconds, to about a second; ``None`` if they send no time."""


def reach(url: str, *, timeout_s: float) -> Reached:
    """Open a websocket and close it again; nothing is subscribed to.

    Raises:
        UrlInvalid: if the URL is not one of a websocket.
        TrustInvalid: if the environment names certificates that cannot be read.
        ExchangeUnreachable: if there was no handshake in time.
    """
    try:
        parts = urls.checked(url, urls.SOCKET_SCHEMES)
    except ValueError as error:
        raise UrlInvalid(url=url, why=str(error)) from error
    tls = trust.tls() if parts.scheme == "wss" else None
    started_s = monotonic_s()
    try:
        with connect(
            url, ssl=tls, proxy=None, open_timeout=timeout_s, close_timeout=1.0
        ) as connection:
            seconds = monotonic_s() - started_s
            response = connection.response
            dates = [] if response is None else response.headers.get_all("Date")
    except Exception as error:
        if is_final(error):
            raise
        raise ExchangeUnreachable(url=url, timeout_s=timeout_s, why=reason_of(error)) from error
    return Reached(seconds, _skew_s(dates, now_ns()))


def _skew_s(dates: Sequence[str], moment_ns: int) -> float | None:
    """Return our clock minus that of an HTTP date, which is truncated to whole seconds."""
    if not dates:
        return None
    ours = datetime.fromtimestamp(moment_ns / 10**9, UTC)
    try:
        theirs = parsedate_to_datetime(dates[0]).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return round((ours - theirs).total_seconds() - 0.5, 1)
