"""After whatever an exchange may send for a while, the learner goes on as without it."""

import pytest

from tests.engine.adversity import ALL, KINDS, WORSE_MAX, hour, without


@pytest.mark.parametrize("kind", [*KINDS, ALL])
def test_the_next_hour_is_no_worse(kind: str) -> None:
    """The state is finite; the log-loss of the hour after a stretch is that of an hour without."""
    after, before = hour(1, kind), without(1)

    assert after.is_finite
    assert after.labels > 0.98 * before.labels
    assert after.log_loss <= before.log_loss + WORSE_MAX


@pytest.mark.parametrize("ahead_s", [29, 31, 300, 1_800, 3_599, 3_601])
def test_one_stamp_ahead_of_time_holds_nothing_up(ahead_s: int) -> None:
    """Whatever one wrong stamp says: event time goes on with the exchange, and so does learning."""
    after, before = hour(1, None, ahead_s=ahead_s), without(1)

    assert after.labels > 0.98 * before.labels
    assert after.log_loss <= before.log_loss + WORSE_MAX
