"""The state of the connection and of each of its markets, for status lines and health."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """The state of one market: ``why`` is its present problem, empty if there is none.

    ``status`` is the exchange's status (``Online``, ``Post Only``, …), if known. ``last_record_s``
    is on the monotonic clock; its age alone proves nothing, because a market may be quiet. ``hole``
    is whether trades may be missing that are still being fetched.
    """

    streaming: bool
    why: str
    last_record_s: float | None
    queued: int
    gaps: int
    backfilled: int
    repeated: int
    hole: bool
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """The state of the connection.

    ``why`` is the problem while there is no connection, and empty while there is one.
    ``last_frame_s`` is on the monotonic clock. ``loop_lag_s`` is the last delay of the feed's event
    loop; ``trouble`` is the last failure of its work other than the connection; ``skew_s`` is how
    far the exchange's clock is ahead of ours, if known.
    """

    connected: bool
    connections: int
    rotations: int
    frames: int
    undecodable: int
    queued: int
    last_frame_s: float | None
    why: str
    loop_lag_s: float
    skew_s: float | None
    rest_failures: int
    cross_checks: int
    markets: Mapping[str, MarketState]
    trouble: str = ""

    @property
    def reconnects(self) -> int:
        """The number of times that the connection was lost and replaced."""
        return max(0, self.connections - 1 - self.rotations)
