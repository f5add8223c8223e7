"""The timeouts and limits of a feed, as one value that every venue's client takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """How long a feed waits, and how much it buffers. Times are in seconds.

    A venue ignores the fields of parts that it lacks, such as REST.
    """

    connect_timeout_s: float = 20.0
    """How long entering the feed may take, retries included."""

    stale_after_s: float = 15.0
    """Silence after which a socket is closed; BTC Markets sends a heartbeat every five seconds."""

    queue_records_max: int = 65_536
    """Records of a market that may wait; beyond that the socket is not read."""

    queue_bytes_max: int = 64 * 1024 * 1024
    """The same, in bytes of memory."""

    backoff_first_s: float = 0.5
    """The longest wait before the first reconnect; each failure doubles it."""

    backoff_most_s: float = 60.0
    """The longest wait before any reconnect."""

    handshake_window_s: float = 10.0
    """The time in which at most three handshakes are made."""

    resync_interval_s: float = 5.0
    """The shortest time between two resyncs of one market."""

    answer_s: float = 5.0
    """How long a subscription may wait for its snapshot before it is requested again."""

    rotate_after_s: float = 86_400.0
    """The age at which a connection is replaced while it still runs."""

    drain_s: float = 1.0
    """How long a replaced connection is still read."""

    settle_s: float = 2.0
    """How long the stream may take to bring a trade that REST already shows."""

    audit_s: float = 300.0
    """Time between two comparisons of trades with REST while none is known to be missing."""

    cross_check_s: float = 3_600.0
    """Time between two comparisons of a book with REST."""

    silent_s: float = 30.0
    """How long a market may be silent before it is checked by REST."""

    status_s: float = 60.0
    """Time between two requests of the markets' status and of the exchange's clock."""
