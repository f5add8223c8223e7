"""Batches of a log, cut and joined to a size. The cut has no influence on any result (I7)."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa


def chunks(
    batches: Iterable[pa.RecordBatch], size: int, *, stops: Sequence[int] = ()
) -> Iterator[pa.RecordBatch]:
    """Cut and join batches of a log into chunks of ``size`` records; the last may be shorter.

    A log's batches are as small as its commits were; long chunks are merely faster. A chunk also
    ends with the record at each of the offsets ``stops``, which are increasing.
    """
    waiting: list[pa.RecordBatch] = []
    count, stop = 0, 0
    for batch in batches:
        while batch.num_rows:
            first = batch.column("offset")[0].as_py()
            while stop < len(stops) and stops[stop] < first:
                stop += 1
            room = size - count
            if stop < len(stops):
                room = min(room, stops[stop] + 1 - first)
            part, batch = batch.slice(0, room), batch.slice(room)
            waiting.append(part)
            count += part.num_rows
            at_stop = stop < len(stops) and first + part.num_rows == stops[stop] + 1
            if count == size or at_stop:
                yield _joined(waiting)
                waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
