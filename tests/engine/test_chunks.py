"""Cutting and joining: nothing is lost, and each chunk is as long as it was asked to be."""

from itertools import chain

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from engine.chunks import chunks, is_effect

_kinds = st.lists(st.lists(st.sampled_from(["quote", "gap", "decision"]), max_size=9), max_size=12)


def batches(kinds: list[list[str]], *, first: int = 0) -> list[pa.RecordBatch]:
    """Return batches of records of these kinds at dense offsets."""
    made = []
    for part in kinds:
        offsets = pa.array(range(first, first + len(part)), pa.int64())
        made.append(pa.record_batch({"offset": offsets, "kind": pa.array(part, pa.string())}))
        first += len(part)
    return made


def offsets(chunk: pa.RecordBatch) -> list[int]:
    """Return a chunk's offsets."""
    found: list[int] = chunk.column("offset").to_pylist()
    return found


def inputs(chunk: pa.RecordBatch) -> int:
    """Return how many inputs a chunk has."""
    found: int = chunk.num_rows - is_effect(chunk).true_count
    return found


@given(_kinds, st.integers(1, 12), st.integers(0, 5))
def test_every_chunk_but_the_last_is_full(kinds: list[list[str]], size: int, first: int) -> None:
    """However the log's batches were cut; effects come along and do not count."""
    cut = list(chunks(batches(kinds, first=first), size))

    everything = list(range(first, first + sum(map(len, kinds))))
    assert list(chain.from_iterable(map(offsets, cut))) == everything
    assert all(inputs(chunk) == size for chunk in cut[:-1])
    assert all(chunk.num_rows and inputs(chunk) <= size for chunk in cut)


@given(_kinds, st.integers(1, 12), st.integers(0, 5), st.sets(st.integers(0, 60), max_size=6))
def test_a_chunk_ends_at_every_stop(
    kinds: list[list[str]], size: int, first: int, stops: set[int]
) -> None:
    """And otherwise only where it is full; stops outside of the batches say nothing."""
    ordered = sorted(stops)

    cut = list(chunks(batches(kinds, first=first), size, stops=ordered))

    everything = list(range(first, first + sum(map(len, kinds))))
    assert list(chain.from_iterable(map(offsets, cut))) == everything
    ends = {offsets(chunk)[-1] for chunk in cut}
    assert stops & set(everything) <= ends
    assert all(inputs(c) == size or offsets(c)[-1] in stops or c is cut[-1] for c in cut)


def test_a_batch_that_fits_is_not_copied() -> None:
    """Only what is joined is copied."""
    whole = batches([["quote"] * 4])[0]

    (chunk,) = chunks([whole], 9)

    mine, other = (batch.column("offset").buffers()[1].address for batch in (whole, chunk))
    assert mine == other
