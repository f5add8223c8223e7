"""What is said of the connection."""

import pytest

from feeds.state import FeedState


@pytest.mark.parametrize(
    ("connections", "rotations", "reconnects"), [(0, 0, 0), (1, 0, 0), (4, 0, 3), (4, 2, 1)]
)
def test_a_planned_replacement_is_no_reconnect(
    connections: int, rotations: int, reconnects: int
) -> None:
    state = FeedState(
        connected=True,
        connections=connections,
        rotations=rotations,
        frames=0,
        undecodable=0,
        queued=0,
        last_frame_s=None,
        why="",
        loop_lag_s=0.0,
        skew_s=None,
        rest_failures=0,
        cross_checks=0,
        markets={},
    )

    assert state.reconnects == reconnects
