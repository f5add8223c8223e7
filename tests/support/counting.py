"""A log that counts what is read of it, for tests that hold how far a reader looks back."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from eventlog.log import Log


class Counting(Log):
    """A log that counts the records that are read."""

    shown = 0

    def read(
        self,
        from_offset: int = 0,
        to_offset: int | None = None,
        *,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        for batch in super().read(from_offset, to_offset, columns=columns):
            self.shown += batch.num_rows
            yield batch
