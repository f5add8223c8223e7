"""The golden run: the same bits each time, and another digest for another arithmetic."""

import numpy as np

from engine.executor.golden import golden_digest, probe_rows
from engine.executor.selection import executor_of
from engine.market import WIDTH
from tests.support.markets import SMALL


def test_it_gives_the_same_bits_each_time() -> None:
    executor = executor_of(SMALL.shape)

    assert golden_digest(executor, SMALL) == golden_digest(executor, SMALL)


def test_its_rows_are_those_of_always() -> None:
    """From integers alone; a beginning is the beginning of a longer one."""
    rows = probe_rows(1024)

    assert rows.shape == (1024, WIDTH)
    assert np.array_equal(probe_rows(10), rows[:10])
    assert (rows[:, 6] < rows[:, 7]).all()
    assert rows[-1, 8] == 99_997_000 * 10**6 or rows[-1, 8] > 0
