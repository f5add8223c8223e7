"""What a feed says of itself, written by hand."""

from feeds.state import FeedState, MarketState


def state(*, streaming: bool = True, why: str = "") -> FeedState:
    market = MarketState(
        streaming=streaming, why=why, last_record_s=1.0, queued=2, gaps=3, backfilled=4,
        repeated=5, hole=False,
    )  # fmt: skip
    return FeedState(
        connected=True, connections=2, rotations=1, frames=9, undecodable=0, queued=2,
        last_frame_s=1.0, why="", loop_lag_s=0.0015, skew_s=None, rest_failures=0,
        cross_checks=0, markets={"A-B": market},
    )  # fmt: skip
