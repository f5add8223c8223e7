"""Cutting and joining: nothing is lost, and each chunk is as long as it was asked to be."""

from itertools import chain

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from engine.chunks import chunks

_sizes = st.lists(st.integers(0, 9), max_size=12)


def batches(sizes: list[int], *, first: int = 0) -> list[pa.RecordBatch]:
    """Return batches of these sizes at dense offsets."""
    made = []
    for size in sizes:
        offsets = pa.array(range(first, first + size), pa.int64())
        made.append(pa.record_batch({"offset": offsets}))
        first += size
    return made


def offsets(chunk: pa.RecordBatch) -> list[int]:
    """Return a chunk's offsets."""
    found: list[int] = chunk.column("offset").to_pylist()
    return found


@given(_sizes, st.integers(1, 12), st.integers(0, 5))
def test_every_chunk_but_the_last_is_full(sizes: list[int], size: int, first: int) -> None:
    """However the log's batches were cut."""
    cut = [offsets(chunk) for chunk in chunks(batches(sizes, first=first), size)]

    assert list(chain.from_iterable(cut)) == list(range(first, first + sum(sizes)))
    assert all(len(chunk) == size for chunk in cut[:-1])
    assert all(1 <= len(chunk) <= size for chunk in cut)


@given(
    _sizes,
    st.integers(1, 12),
    st.integers(0, 5),
    st.sets(st.integers(0, 60), max_size=6),
)
def test_a_chunk_ends_at_every_stop(
    sizes: list[int], size: int, first: int, stops: set[int]
) -> None:
    """And otherwise only where it is full; stops outside of the batches say nothing."""
    ordered = sorted(stops)

    cut = [offsets(c) for c in chunks(batches(sizes, first=first), size, stops=ordered)]

    everything = list(range(first, first + sum(sizes)))
    assert list(chain.from_iterable(cut)) == everything
    ends = {chunk[-1] for chunk in cut}
    assert stops & set(everything) <= ends
    assert all(len(c) == size or c[-1] in stops or c is cut[-1] for c in cut)


def test_a_batch_that_fits_is_not_copied() -> None:
    """Only what is joined is copied."""
    whole = batches([4])[0]

    (chunk,) = chunks([whole], 9)

    mine, other = (batch.column("offset").buffers()[1].address for batch in (whole, chunk))
    assert mine == other
