"""Folding a chunk before its turn, on another thread, changes no result."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.engine import Engine
from tests.support.markets import SMALL, carry, cut, journal

JOURNAL = journal(900, seed=3)


@pytest.mark.parametrize("size", [1, 40, 300])
def test_chunks_that_were_foreseen_end_in_the_same_state(size: int) -> None:
    """Effects and state are those of chunks that were not foreseen."""
    plain, ahead = Engine.initial(SMALL), Engine.initial(SMALL)
    batches = cut(JOURNAL, size)
    expected = carry(plain, batches)

    effects = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ahead.prefetch, batches[0]).result()
        for index, batch in enumerate(batches):
            coming = batches[index + 1 : index + 2]
            waiting = [pool.submit(ahead.prefetch, each) for each in coming]
            effects.append(ahead.advance(batch))
            for each in waiting:
                each.result()

    assert sum(batch.num_rows for batch in effects) == expected.num_rows
    assert ahead.digest == plain.digest


def test_another_chunk_than_the_foreseen_one_forgets_it() -> None:
    """Foresight that does not come true leaves no trace."""
    plain, ahead = Engine.initial(SMALL), Engine.initial(SMALL)
    first, second, third, fourth = cut(JOURNAL, 200)[:4]
    carry(plain, [first, third, fourth])

    ahead.prefetch(first)
    ahead.prefetch(second)
    ahead.advance(first)
    ahead.advance(third)
    ahead.prefetch(fourth)
    ahead.advance(fourth)

    assert ahead.digest == plain.digest
