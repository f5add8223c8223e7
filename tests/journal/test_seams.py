"""A few seeds of the campaign of seams."""

import pytest

from tests.journal.seams import campaign


@pytest.mark.parametrize("seed", [14, 442])
def test_history_and_life_join_without_overlap_or_hole(seed: int) -> None:
    assert campaign(range(seed, seed + 1)).wrong == []
