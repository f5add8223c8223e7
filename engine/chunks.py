"""Batches of a log, cut and joined into chunks. The chunking changes no result (I7)."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.records import EFFECT_KINDS

_EFFECT_KINDS = pa.array(EFFECT_KINDS)


def is_effect(batch: pa.RecordBatch) -> pa.Array:
    """Return for every record whether it is an effect, bool[records]."""
    return pc.is_in(batch.column("kind"), _EFFECT_KINDS)


def chunks(
    batches: Iterable[pa.RecordBatch], size: int, *, stops: Sequence[int] = ()
) -> Iterator[pa.RecordBatch]:
    """Cut and join batches of a log into chunks of ``size`` inputs; the last may have fewer.

    A log's batches are as small as its commits were; longer chunks are only faster. Effects between
    the inputs are included and not counted, since nothing is computed on them. A chunk also ends
    after the record at each of the offsets ``stops``, which must increase.
    """
    waiting: list[pa.RecordBatch] = []
    count, stop = 0, 0
    for batch in batches:
        inputs = np.cumsum(pc.invert(is_effect(batch)).to_numpy(zero_copy_only=False))
        first = batch.column("offset")[0].as_py() if batch.num_rows else 0
        start = 0
        while start < batch.num_rows:
            done = int(inputs[start - 1]) if start else 0
            end = int(np.searchsorted(inputs, done + size - count)) + 1
            while stop < len(stops) and stops[stop] < first + start:
                stop += 1
            if stop < len(stops):
                end = min(end, stops[stop] + 1 - first)
            end = min(end, batch.num_rows)
            waiting.append(batch.slice(start, end - start))
            count += int(inputs[end - 1]) - done
            start = end
            at_stop = stop < len(stops) and first + end == stops[stop] + 1
            if count == size or at_stop:
                yield _joined(waiting)
                waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
