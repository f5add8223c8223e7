"""Timeouts and limits of a feed, as one value: every venue's client takes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """How long a feed waits, and how much it holds. Times are in seconds.

    A venue without a part of this, such as REST, has no use for that part's figures.
    """

    connect_timeout_s: float = 20.0
    """How long entering the feed may take, retries included."""

    stale_after_s: float = 15.0
    """Silence after which a socket is given up; BTC Markets' heartbeat comes every five seconds."""

    queue_records_max: int = 65_536
    """Arrivals of a market that may wait before the socket is not read."""

    queue_bytes_max: int = 64 * 1024 * 1024
    """The same, in bytes of memory."""

    backoff_first_s: float = 0.5
    """The longest wait before the first reconnect; each failure doubles it."""

    backoff_most_s: float = 60.0
    """The longest wait of all."""

    handshake_window_s: float = 10.0
    """At most three handshakes are made in this time."""

    resync_interval_s: float = 5.0
    """The shortest time between two resyncs of one market."""

    answer_s: float = 5.0
    """How long a subscription may go without a snapshot before it is asked for again."""

    rotate_after_s: float = 86_400.0
    """The age at which a connection is replaced while it still runs."""

    drain_s: float = 1.0
    """How long the replaced connection is still read."""

    settle_s: float = 2.0
    """How long the stream may take to bring a trade that REST already shows."""

    audit_s: float = 300.0
    """How often trades are compared with REST while nothing is known to be missing."""

    cross_check_s: float = 3_600.0
    """How often a book is compared with REST."""

    silent_s: float = 30.0
    """How long a market may be silent before it is looked at by REST."""

    status_s: float = 60.0
    """How often the exchange is asked whether its markets trade, and for its clock."""
