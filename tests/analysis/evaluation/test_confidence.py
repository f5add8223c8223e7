"""The confidence sequence covers what is true, also where labels overlap."""

import numpy as np

from analysis.evaluation.confidence import interval

SECOND_NS = 10**9


def test_it_covers_zero_at_all_times_on_nearly_all_streams() -> None:
    """Looked at after every tenth block of streams without a difference, in overlapping labels."""
    draws = np.random.default_rng(3)
    missed = 0
    for _ in range(120):
        # Ten rows a horizon; a row shares its label with those of the same horizon.
        shared = np.repeat(draws.normal(size=401), 10)
        rows = 0.5 * (shared[:-10] + shared[10:]) + draws.normal(size=4_000)
        time_ns = np.arange(4_000) * SECOND_NS // 10
        looks = [interval(rows[:end], time_ns[:end], block_ns=SECOND_NS) for end in LOOKS]
        missed += any(look is not None and not look.low <= 0 <= look.high for look in looks)

    assert missed <= 6 + 7, "5 % are allowed; with three deviations on top"


LOOKS = range(400, 4_001, 400)


def test_it_finds_a_difference_that_is_there() -> None:
    rows = 0.3 + np.random.default_rng(4).normal(size=2_000)
    found = interval(rows, np.arange(2_000) * SECOND_NS, block_ns=SECOND_NS)

    assert found is not None
    assert 0 < found.low < 0.3 < found.high
    assert found.blocks == 2_000


def test_rows_of_one_moment_are_no_evidence() -> None:
    """A thousand times the same label says as much as one."""
    labels = np.random.default_rng(5).normal(size=100)
    once = interval(labels, np.arange(100) * SECOND_NS, block_ns=SECOND_NS)
    often = interval(
        np.repeat(labels, 1_000), np.repeat(np.arange(100), 1_000) * SECOND_NS, block_ns=SECOND_NS
    )

    assert once is not None
    assert often is not None
    assert abs((once.high - once.low) - (often.high - often.low)) < 1e-9


def test_few_blocks_say_nothing() -> None:
    assert interval(np.ones(10), np.arange(10) * SECOND_NS, block_ns=SECOND_NS) is None
    assert interval(np.ones(0), np.arange(0), block_ns=SECOND_NS) is None
