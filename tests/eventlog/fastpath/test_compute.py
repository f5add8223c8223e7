"""Arrow's functions by name do what their wrappers do."""

import pyarrow as pa
import pyarrow.compute as pc

from eventlog.fastpath import compute

NUMBERS = pa.array([3, None, 1, 3])
WORDS = pa.array(["buy", "hold", "hold", None])


def test_they_are_the_same_functions() -> None:
    """Also of nulls, and of whole batches."""
    batch = pa.record_batch({"number": NUMBERS, "word": WORDS})
    mask = compute.equal(WORDS, "hold")

    assert mask == pc.equal(WORDS, "hold")
    assert compute.at_least(NUMBERS, 3) == pc.greater_equal(NUMBERS, 3)
    assert compute.is_valid(NUMBERS) == pc.is_valid(NUMBERS)
    wanted = pa.array(["buy", "sell"])
    assert compute.is_in(WORDS, wanted) == pc.is_in(WORDS, value_set=wanted)
    assert compute.where(batch, mask) == batch.filter(mask)
    assert compute.where(NUMBERS, mask) == NUMBERS.filter(mask)
    assert compute.index_in(WORDS, wanted) == pc.index_in(WORDS, value_set=wanted)
    assert compute.and_not(mask, compute.is_valid(WORDS)) == pc.and_not(mask, pc.is_valid(WORDS))
    order = pa.array([2, 0])
    assert compute.ordered(NUMBERS, order) == NUMBERS.take(order)


def test_sums_and_counts() -> None:
    """Of truths, too; nothing of nothing is nought."""
    assert compute.total(NUMBERS) == 7
    assert compute.total(compute.equal(WORDS, "hold")) == 2
    assert compute.total(pa.array([], pa.int64())) == 0
    assert compute.counts(WORDS) == {"buy": 1, "hold": 2, None: 1}


def test_nulls_are_filled() -> None:
    """With a value of the column's type; a column without nulls is the same one."""
    whole = pa.array([1, 2])

    assert compute.filled(NUMBERS, 7) == pa.array([3, 7, 1, 3])
    assert compute.filled(WORDS, "") == pa.array(["buy", "hold", "hold", ""])
    assert compute.filled(whole, 7) is whole


def test_lists_are_flattened() -> None:
    """Also empty ones, and a part of a column."""
    lists = pa.array([[1, 2], [], None, [3]])

    for column in (lists, lists.slice(1)):
        assert compute.flattened(column) == column.flatten()
        assert compute.lengths_of(column) == column.value_lengths()
