"""Uniform reading of all files of a log: the sealed segments, then the open ones.

The parts are dense and in order, so a record is found by bisection and a range is read part by
part. If a part is sealed while it is being read, reading continues in its Parquet file.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from eventlog.errors import Corrupt, OffsetOutOfRange
from eventlog.manifest import Manifest
from eventlog.schema import SCHEMA
from eventlog.sealing import SealedSegment
from eventlog.segment import Segment
from eventlog.storage import Storage

Part = SealedSegment | Segment


class Hole(NamedTuple):
    """Records from ``first`` up to ``end`` that cannot be read, with their file and the reason."""

    first: int
    end: int
    path: Path
    why: str


Passing = Callable[[Hole], object]
"""Is called with each hole that a reader skips."""


def parts_of(
    storage: Storage, directory: Path, manifest: Manifest, opened: Sequence[Segment]
) -> list[Part]:
    """Return the parts of a log, in order."""
    sealed = [SealedSegment(storage, directory / entry.name, entry) for entry in manifest.sealed]
    return [*sealed, *opened]


def part_at(parts: Sequence[Part], offset: int) -> Part:
    """Return the part that holds an offset; the first or last part for one outside of all."""
    return parts[max(bisect_right(parts, offset, key=lambda part: part.first) - 1, 0)]


def check(
    path: Path, first: int, end: int, known_end: int, columns: Sequence[str] | None = None
) -> None:
    """Raise if these records or columns cannot be read.

    Raises:
        OffsetOutOfRange: unless it holds ``first`` up to ``end``.
        ValueError: if a column is not in the schema, or if there are none: rows without columns
            could not be counted.
    """
    if not 0 <= first <= end <= known_end:
        raise OffsetOutOfRange(
            "the log does not hold these offsets",
            path=path,
            expected=f"0 to {known_end}",
            actual=f"{first} to {end}",
        )
    unknown = set(columns or ()) - set(SCHEMA.names)
    if unknown or (columns is not None and not columns):
        raise ValueError(f"unknown columns {sorted(unknown)}" if unknown else "no columns")


def read(
    find: Callable[[int], Part],
    reload: Callable[[], object],
    *,
    first: int,
    end: int,
    columns: Sequence[str] | None,
    passing: Passing | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the records from ``first`` up to ``end``.

    ``find`` returns the part that holds an offset. ``reload`` is called when the part's file is
    gone, so that ``find`` returns the new one. With ``passing``, damage is no error: ``passing`` is
    called with the hole, and the records after it follow.

    Raises:
        Corrupt: if a file is missing or has changed.
    """
    position = first
    while position < end:
        part = find(position)
        stop = min(end, part.end)
        try:
            for batch in part.read(position, stop, columns):
                yield batch
                position += batch.num_rows
        except FileNotFoundError as error:
            reload()
            if find(position).path != part.path:
                continue
            missing = Corrupt("the file is missing", path=part.path, offset=position)
            if passing is None:
                raise missing from error
            passing(_hole(part, position, missing.what))
            position = stop
        except (Corrupt, OSError) as error:
            if passing is None:
                raise
            why = error.what if isinstance(error, Corrupt) else str(error.strerror)
            passing(_hole(part, position, why))
            position = stop


def _hole(part: Part, position: int, why: str) -> Hole:
    """Return the lost records of a part: all of a sealed file, the rest of an open one."""
    first = part.first if isinstance(part, SealedSegment) else position
    return Hole(first, part.end, part.path, why)
