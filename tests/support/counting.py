"""A log that counts what is read of it, for tests that hold how far a reader looks back."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from eventlog.log import Log


class Counting(Log):
    """A log that counts the records that are read, and how often it is read at all.

    The second matters where a segment is sealed: for a single record its whole file is checked.
    """

    shown = 0
    asked = 0

    def read(
        self,
        from_offset: int = 0,
        to_offset: int | None = None,
        *,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        self.asked += 1
        for batch in super().read(from_offset, to_offset, columns=columns):
            self.shown += batch.num_rows
            yield batch
