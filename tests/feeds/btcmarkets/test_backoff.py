"""When to try again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.btcmarkets.backoff import Budget, Handshakes


def test_the_first_handshake_is_made_at_once() -> None:
    """Nothing is waited for before anything was tried."""
    assert Handshakes(first_s=1, most_s=60).wait_s(5.0, failures=0, draw=0.9) == 0


@pytest.mark.parametrize(
    ("failures", "draw", "expected"),
    [(0, 0.0, 0.5), (1, 0.0, 0.5), (1, 0.5, 0.75), (2, 0.0, 1), (5, 0.0, 8), (99999, 0.0, 30)],
)
def test_waits_double_up_to_a_maximum(failures: int, draw: float, expected: float) -> None:
    """Each failure doubles the wait, jitter spreads it over its second half."""
    handshakes = Handshakes(first_s=1, most_s=60)
    handshakes.made(0.0)

    assert handshakes.wait_s(0.0, failures=failures, draw=draw) == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 0.999)), max_size=30))
def test_never_more_than_three_in_ten_seconds(attempts: list[tuple[int, float]]) -> None:
    """Whatever fails how often, any ten seconds hold at most three handshakes."""
    handshakes = Handshakes(first_s=0.01, most_s=60)
    now_s, made_s = 100.0, []
    for failures, draw in attempts:
        now_s += handshakes.wait_s(now_s, failures=failures, draw=draw)
        handshakes.made(now_s)
        made_s.append(now_s)

    assert all(
        later - earlier > 10 - 1e-6 for earlier, later in zip(made_s, made_s[3:], strict=False)
    )


def test_a_budget_that_was_closed_stays_closed() -> None:
    """Whoever keeps the real budget said until when; a shorter word changes nothing."""
    budget = Budget(count=5, window_s=1.0)
    assert budget.untouched

    budget.close(30.0)
    budget.close(20.0)

    assert budget.wait_s(10.0) == 20.0
    assert budget.wait_s(31.0) == 0.0
