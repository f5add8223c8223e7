"""The short form of the fuzzer."""

import pytest

from tests.feeds.fuzz import run


@pytest.mark.parametrize("seed", [0, 1])
def test_no_frame_raises(seed: int) -> None:
    """A few thousand changed frames go the whole way, and some of every kind are understood."""
    found = run(4_000, seed=seed)

    assert {"Quote", "Trade", "BookUpdate", "Undecodable", "Heartbeat"} <= set(found.kinds)
    assert found.kinds["Undecodable"] > 500
