"""Files of any known kind as records of one market, merged by time.

Files are merged by the times of receipt of their rows. The rows of one file keep their order, and
at equal times the file that is named first comes first. So the days of a market may be named in any
order, and quotes and trades may be in separate files.

Files may overlap: a trade whose id, price and volume occurred before is a duplicate, which is left
out and counted. Trades without ids are never taken for duplicates.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventlog.body import int64s
from eventlog.schema import counts_e8, encode
from feeds.files.survey import Survey
from feeds.files.tables import Reading
from feeds.files.times import Flags, Int64s

TRADES_REMEMBERED_MAX = 1 << 18
"""The latest trades among which duplicates are searched: in files merged by time, the copies of a
trade are close together."""

DUPLICATES = "repeated trades, by their id"
_SAME_ID = "a trade with the id of another trade"


def readings(surveys: Sequence[Survey]) -> Iterator[Reading]:
    """Yield the records of files in the order of their times.

    Raises:
        TableUnreadable: if a file cannot be read, or was changed since it was surveyed.
    """
    known = _Known()
    is_one = len(surveys) == 1
    for reading in surveys[0].readings() if is_one else _merged([_File(each) for each in surveys]):
        yield known.without_duplicates(reading)


class _Known:
    """The trades of the latest rows."""

    def __init__(self) -> None:
        self._trades: dict[int, tuple[int, int]] = {}

    def without_duplicates(self, reading: Reading) -> Reading:
        """Return a reading without duplicate trades."""
        places = np.flatnonzero(reading.identified)
        if not len(places):
            return reading
        again = same_id = 0
        kept = np.ones(reading.batch.num_rows, np.bool_)
        rows = reading.batch.take(pa.array(places))
        facts = zip(
            int64s(rows.column("trade_id")).tolist(),
            counts_e8(rows.column("price")).tolist(),
            counts_e8(rows.column("volume")).tolist(),
            strict=True,
        )
        for place, (trade_id, price_e8, volume_e8) in zip(places.tolist(), facts, strict=True):
            before = self._trades.get(trade_id)
            if before == (price_e8, volume_e8):
                kept[place] = False
                again += 1
                continue
            same_id += before is not None
            self._trades[trade_id] = price_e8, volume_e8
            if len(self._trades) > TRADES_REMEMBERED_MAX:
                del self._trades[next(iter(self._trades))]
        if same_id:
            reading = reading._replace(noted={**reading.noted, _SAME_ID: same_id})
        if not again:
            return reading
        return reading._replace(
            batch=reading.batch.filter(pa.array(kept)),
            identified=reading.identified[kept],
            left_out={**reading.left_out, DUPLICATES: again},
        )


class _File:
    """The rows of a file that wait to be merged.

    A file is not read before the others have reached its first row, so of many days only one is
    open and in memory.
    """

    def __init__(self, survey: Survey) -> None:
        self._source = survey.readings()
        self._first_ns = survey.first_ns
        self._started = False
        self._waiting: list[tuple[pa.RecordBatch, Flags]] = []
        self.times_ns = np.zeros(0, np.int64)
        self.ended = False

    @property
    def reached_ns(self) -> int:
        """The time up to which its rows are known."""
        if len(self.times_ns):
            return int(self.times_ns[-1])
        return -1 if self._started else self._first_ns

    def read(self) -> Reading | None:
        """Read on; return what was read, or ``None`` at the end."""
        self._started = True
        reading = next(self._source, None)
        if reading is None:
            self.ended = True
            return None
        self._waiting.append((reading.batch, reading.identified))
        times_ns = np.concatenate([self.times_ns, int64s(reading.batch.column("received_ns"))])
        self.times_ns = np.maximum.accumulate(times_ns)
        return reading

    def take(self, before_ns: int | None) -> tuple[list[tuple[pa.RecordBatch, Flags]], Int64s]:
        """Remove and return the rows before a time, or all, and their times."""
        count = len(self.times_ns)
        if before_ns is not None:
            count = int(np.searchsorted(self.times_ns, before_ns, side="left"))
        taken, self.times_ns = self.times_ns[:count], self.times_ns[count:]
        parts = []
        while count:
            batch, identified = self._waiting.pop(0)
            parts.append((batch.slice(0, count), identified[:count]))
            if batch.num_rows > count:
                self._waiting.insert(0, (batch.slice(count), identified[count:]))
            count -= parts[-1][0].num_rows
        return parts, taken


def _merged(files: list[_File]) -> Iterator[Reading]:
    unreported = _Unreported()
    limit_ns: int | None = -1
    while limit_ns is not None:
        # Rows at the time up to which a file was read may not be the last of that time.
        for file in files:
            while not file.ended and file.reached_ns <= limit_ns:
                if (reading := file.read()) is not None:
                    unreported.add(reading)
        limit_ns = min((file.reached_ns for file in files if not file.ended), default=None)
        taken = [file.take(limit_ns) for file in files]
        parts = [part for waiting, _ in taken for part in waiting]
        if parts:
            order = np.argsort(np.concatenate([times_ns for _, times_ns in taken]), kind="stable")
            rows = pa.concat_batches([batch for batch, _ in parts]).take(pa.array(order))
            yield unreported.take(rows, np.concatenate([flags for _, flags in parts])[order])
    if unreported.holds:  # of lines at the end of a file that became no record
        yield unreported.take(encode([], first_offset=0), np.zeros(0, np.bool_))


class _Unreported:
    """Counts of odd rows that were read, until they are reported."""

    def __init__(self) -> None:
        self._counts: tuple[Counter[str], Counter[str], Counter[str]] = (
            Counter(), Counter(), Counter(),
        )  # fmt: skip

    @property
    def holds(self) -> bool:
        return any(self._counts)

    def add(self, reading: Reading) -> None:
        parts = reading.refused, reading.noted, reading.left_out
        for counts, part in zip(self._counts, parts, strict=True):
            counts.update(part)

    def take(self, batch: pa.RecordBatch, identified: npt.NDArray[np.bool_]) -> Reading:
        refused, noted, left_out = map(dict, self._counts)
        for counts in self._counts:
            counts.clear()
        return Reading(batch, refused, noted, left_out, identified, {})
