"""How the connection and each of its markets are, for whoever asks."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """How one market is: ``why`` is what stands in its way, and empty while nothing does.

    ``status`` is what the exchange says of it (``Online``, ``Post Only``, …), if it has said so.

    ``last_record_s`` is on the monotonic clock; a quiet market is no dead one, so its age says
    nothing by itself. ``hole`` says that trades may be missing which are still asked for.
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
    """How the connection is, for a status line and for health.

    ``why`` is what stands in the way while there is no connection, and empty while there is one;
    ``last_frame_s`` is on the monotonic clock. ``loop_lag_s`` is how late the feed's thread came to
    look at the clock last; ``trouble`` is what its work beside the connection failed with last, and
    ``skew_s`` how far the exchange's clock is ahead of ours, if known.
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
    rest_calls: int
    rest_failures: int
    cross_checks: int
    markets: Mapping[str, MarketState]
    trouble: str = ""

    @property
    def reconnects(self) -> int:
        """Return how often the connection was replaced because it was lost."""
        return max(0, self.connections - 1 - self.rotations)
