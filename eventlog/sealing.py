"""Sealing: a closed segment becomes a Parquet file, readable by DuckDB, Polars and pandas.

Each row is a record, with the columns of `schema` and one more: ``chain``, the first 16 bytes of
the chain value after each commit, on the commit's last record and null elsewhere. Checkpoints refer
to these values, and they show where the commits were.

Sealing has six steps, and after a crash between any two of them opening the log continues
correctly. The first three take most of the time and change nothing; `prepare` does them, also in
another process. The others are done by the writer and take milliseconds; they first check that the
file has not changed since.

==  ============================================================  ==================================
S1  read the closed segment back: every checksum, link, row       the open segment is the log
S2  write the Parquet file under a temporary name, fsync          as S1; the file is not in the log
S3  read it back from the device: same bytes, same rows           as S2
S4  rename, fsync the directory                                   as S1; the manifest does not name
                                                                  the file, sealing writes it again
S5  publish the manifest that names it, with its digest           **the Parquet file is the log**
S6  unlink the open segment                                       as S5; opening unlinks it again
==  ============================================================  ==================================

Page checksums do not cover the file's footer, and a damaged statistic there would make a filtered
read drop rows without an error. So a sealed file is read only after its digest was compared with
the manifest's. That is done once for a `SealedSegment`; of each piece of the file that was digested
a checksum is remembered, and every byte that is read later is compared with it. So a question about
one record reads a few pieces, not the file. Page checksums are verified as well.
"""

import io
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from blake3 import blake3
from crc32c import crc32c

from eventlog import frame
from eventlog.body import Int64s, int64s
from eventlog.errors import Corrupt, Unprepared, WriteFailed
from eventlog.frame import Frame, Kind
from eventlog.manifest import Manifest, Sealed, write
from eventlog.schema import FORMERLY, LEVELS, SCHEMA, nulls_of
from eventlog.segment import Segment, decoded, opened, runs
from eventlog.storage import DISK, Storage, put_in_place, read_all, write_temporary

if TYPE_CHECKING:
    from pyarrow import parquet

SUFFIX = ".parquet"
CHAIN_COLUMN = "chain"
SEALED_SCHEMA = SCHEMA.append(pa.field(CHAIN_COLUMN, pa.binary(frame.LINK_BYTES)))
ROW_GROUP_ROWS = 64 << 10
PIECE_BYTES = 256 << 10
"""The unit in which a sealed file is digested and read."""

_ZSTD_LEVEL = 3


def _leaves(field: pa.Field) -> Iterator[tuple[str, pa.DataType]]:
    if field.type == LEVELS:
        for leaf in field.type.value_type:
            yield f"{field.name}.list.element.{leaf.name}", leaf.type
    else:
        yield field.name, field.type


_LEAVES = [leaf for field in SEALED_SCHEMA for leaf in _leaves(field)]
# Prices and volumes of book levels often repeat: on recorded books dictionary encoding makes a file
# a quarter smaller than delta encoding. All other integer columns are delta-encoded.
_REPEATED = [name for name, kind in _LEAVES if pa.types.is_string(kind) or "." in name]
_NUMBERS = [
    name
    for name, kind in _LEAVES
    if (pa.types.is_integer(kind) or pa.types.is_decimal(kind)) and name not in _REPEATED
]


@dataclass(frozen=True, slots=True)
class SealWork:
    """A closed segment to be sealed: the input of `prepare`, picklable.

    ``chain_before`` and ``chain`` are the chain values before its first record and after its last.
    """

    path: Path
    identity: bytes
    first: int
    end: int
    chain_before: bytes
    chain: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A Parquet file with the records of a closed segment, under a temporary name; picklable."""

    work: SealWork
    entry: Sealed
    temporary_name: str

    @property
    def temporary(self) -> Path:
        """The path of the file."""
        return self.work.path.with_name(self.temporary_name)


class VerifiedFile(io.RawIOBase):
    """A file whose digest was compared, open for reading; every byte that it returns is checked.

    ``checks`` are the CRC-32C of each piece of `PIECE_BYTES`, as they were digested.
    """

    def __init__(self, storage: Storage, path: Path, checks: Sequence[int], size: int) -> None:
        self._storage, self._path = storage, path
        self._checks, self._size = checks, size
        self._position = 0
        # The piece that was read last: columns lie next to each other and share it.
        self._number, self._held = -1, b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that any position can be read."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another position, and return it."""
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = starts[whence] + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes from the position on, fewer only at the end of the file.

        Raises:
            Corrupt: if the file has changed since its digest was compared.
            FileNotFoundError: if it is not there any more.
        """
        start = self._position
        end = self._size if size < 0 else min(start + size, self._size)
        numbers = range(start // PIECE_BYTES, -(-end // PIECE_BYTES))
        lead = numbers.start * PIECE_BYTES
        data = b"".join(map(self._piece, numbers))[start - lead : end - lead]
        self._position = max(start, end)
        return data

    def _piece(self, number: int) -> bytes:
        if number != self._number:
            piece = self._storage.read(self._path, number * PIECE_BYTES, PIECE_BYTES)
            if crc32c(piece) != self._checks[number]:
                raise Corrupt("the sealed file has changed since it was verified", path=self._path)
            self._number, self._held = number, piece
        return self._held


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """A sealed segment as a readable part of the log."""

    storage: Storage
    path: Path
    entry: Sealed
    _verified: "list[tuple[tuple[int, ...], parquet.FileMetaData]]" = field(
        default_factory=list, repr=False, compare=False
    )
    """Once the digest was compared: the checksums of the file's pieces, and its footer."""

    @property
    def first(self) -> int:
        """The offset of the first record."""
        return self.entry.first

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.entry.end

    def read(
        self, first: int, end: int, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records from ``first`` up to ``end``.

        Raises:
            Corrupt: if the file is not what was sealed.
            FileNotFoundError: if it is not there.
        """
        names = list(SCHEMA.names if columns is None else columns)
        schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in names])
        for arrays in self._arrays(first, end, names):
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def chain_after(self, offset: int) -> bytes | None:
        """Return the link after the frame that ends with ``offset``; ``None`` if none ends there.

        Raises:
            Corrupt: if the file is not what was sealed.
            FileNotFoundError: if it is not there.
        """
        if offset == self.first - 1:
            return self.entry.chain_before[: frame.LINK_BYTES]
        if offset == self.end - 1:
            return self.entry.chain[: frame.LINK_BYTES]
        return self.stored_link(offset)

    def stored_link(self, offset: int) -> bytes | None:
        """Return the value of the column ``chain`` at ``offset``, like `chain_after`."""
        ((column,),) = self._arrays(offset, offset + 1, [CHAIN_COLUMN])
        link: bytes | None = column[0].as_py()
        return link

    def verify(self) -> tuple[int, ...]:
        """Compare the file's digest with the manifest's; return the CRC-32C of each piece.

        Every call reads the whole file.

        Raises:
            Corrupt: if the file is not what was sealed.
            FileNotFoundError: if it is not there.
        """
        checks, hasher = [], blake3()
        for position in range(0, self.storage.size(self.path), PIECE_BYTES):
            piece = self.storage.read(self.path, position, PIECE_BYTES)
            checks.append(crc32c(piece))
            hasher.update(piece)
        digest = hasher.digest()
        if digest != self.entry.blake3:
            raise Corrupt(
                "the sealed file is not the one that was sealed",
                path=self.path,
                offset=self.first,
                expected=self.entry.blake3,
                actual=digest,
            )
        return tuple(checks)

    def parquet(self) -> "parquet.ParquetFile":
        """Return the file, verified, for Parquet to read.

        Raises:
            Corrupt: if the file is not what was sealed.
            FileNotFoundError: if it is not there.
        """
        # Imported late: it takes time, and a log without sealed segments does not need it.
        from pyarrow import parquet

        checks, footer = self._verified[0] if self._verified else (self.verify(), None)
        size_bytes = self.entry.size_bytes
        file = parquet.ParquetFile(
            pa.PythonFile(VerifiedFile(self.storage, self.path, checks, size_bytes), mode="r"),
            metadata=footer,
            page_checksum_verification=True,
        )
        if not self._verified:
            self._verified.append((checks, file.metadata))
        return file

    def _arrays(self, first: int, end: int, names: list[str]) -> Iterator[list[pa.Array]]:
        """Yield the columns of these names, row group by row group."""
        file = self.parquet()
        there = set(file.schema_arrow.names)
        stored = {name: name if name in there else FORMERLY.get(name, name) for name in names}
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            start = self.first + number * ROW_GROUP_ROWS
            if start >= end or start + group.num_rows <= first:
                continue
            filled = _filled(group)
            wanted = [stored[name] for name in names if stored[name] in filled]
            table = file.read_row_group(number, columns=wanted, use_threads=False)
            lead = max(first - start, 0)
            count = min(end - start, group.num_rows) - lead
            yield [
                table.column(stored[name]).combine_chunks().slice(lead, count)
                if stored[name] in filled
                else nulls_of(SEALED_SCHEMA.field(name).type, count)
                for name in names
            ]


def _filled(group: "parquet.RowGroupMetaData") -> set[str]:
    """Return the columns of a row group that are not all null.

    Most kinds of records leave most columns empty, and files of earlier versions lack some. The
    statistics can be trusted because the digest of the file was checked.
    """
    filled = set()
    for index in range(group.num_columns):
        column = group.column(index)
        name, _, inner = column.path_in_schema.partition(".")
        # In the statistics of a list column, an empty list counts as null.
        if inner or column.statistics is None or column.statistics.null_count != group.num_rows:
            filled.add(name)
    return filled


def to_parquet(
    groups: Iterable[pa.Table], frame_ends: Iterable[tuple[int, bytes]], about: dict[str, str]
) -> bytes:
    """Return the Parquet file of dense records, one row group a table, with their links.

    ``frame_ends`` are the offset and the link after each frame.
    """
    from pyarrow import parquet

    buffer = io.BytesIO()
    numbers, stored = zip(*frame_ends, strict=True)
    ends = np.array(numbers, np.int64)
    links = np.frombuffer(b"".join(stored), np.uint8).reshape(len(ends), frame.LINK_BYTES)
    field = SEALED_SCHEMA.field(CHAIN_COLUMN)
    with parquet.ParquetWriter(
        buffer,
        SEALED_SCHEMA,
        version="2.6",
        data_page_version="2.0",
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        use_dictionary=_REPEATED,
        column_encoding=dict.fromkeys(_NUMBERS, "DELTA_BINARY_PACKED"),
        store_decimal_as_integer=True,
        write_page_checksum=True,
        write_page_index=True,
        sorting_columns=[parquet.SortingColumn(0)],
    ) as writer:
        for table in groups:
            offsets = int64s(table.column("offset").combine_chunks())
            column = _links_at(offsets, ends, links)
            writer.write_table(table.append_column(field, column), row_group_size=ROW_GROUP_ROWS)
        writer.add_key_value_metadata(about)
    return buffer.getvalue()


def _links_at(offsets: Int64s, ends: Int64s, links: np.ndarray[Any, Any]) -> pa.Array:
    """Return for each offset the link of the frame that ends with it, or null."""
    last = np.isin(offsets, ends - 1)
    values = np.zeros((len(offsets), frame.LINK_BYTES), np.uint8)
    values[last] = links[np.searchsorted(ends, offsets[last] + 1)]
    valid = np.packbits(last, bitorder="little")
    buffers = [pa.py_buffer(valid.tobytes()), pa.py_buffer(values.tobytes())]
    return pa.Array.from_buffers(pa.binary(frame.LINK_BYTES), len(offsets), buffers)


def check_size(storage: Storage, directory: Path, sealed: Sealed) -> None:
    """Raise `Corrupt` unless a sealed file exists and has its size."""
    path = directory / sealed.name
    actual = storage.size(path) if storage.exists(path) else None
    if actual is None:
        raise Corrupt("the sealed file is missing", path=path, offset=sealed.first)
    if actual != sealed.size_bytes:
        raise Corrupt(
            "the sealed file has another size",
            path=path,
            offset=sealed.first,
            expected=sealed.size_bytes,
            actual=actual,
        )


def prepare(work: SealWork, *, storage: Storage = DISK) -> Prepared:
    """Do S1 to S3 for a closed segment: the slow steps, which do not change the log.

    It may run in another process than the writer's, for several segments at once, and may be
    killed.

    Raises:
        Corrupt: if the segment has changed, or the file differs from it.
        Unprepared: if the segment, or the file that was made from it, is missing.
        WriteFailed: if the device refuses.
    """
    try:
        return _prepared(storage, work)
    except FileNotFoundError as error:
        raise Unprepared("it is not there any more", path=Path(error.filename)) from error
    except OSError as error:
        raise WriteFailed(f"the device refused: {error}", path=work.path) from error


def _prepared(storage: Storage, work: SealWork) -> Prepared:
    # S1
    data = read_all(storage, work.path)
    join = frame.Link(work.first, work.chain_before, 0)
    found = opened(
        storage, data, work.path, identity=work.identity, link=join, size_bytes=len(data)
    )
    scan = frame.scan(data, link=found.link, tag=found.tag, kind=Kind.DATA, position=found.position)
    for each in scan.frames:
        found.take(each)
    if scan.stop is not frame.Stop.END or (found.end, found.link.chain) != (work.end, work.chain):
        reason = scan.reason or "the segment ends elsewhere than it did"
        raise Corrupt(reason, path=work.path, offset=scan.link.offset)
    # S2
    about = {
        "trader.identity": work.identity.hex(),
        "trader.first": str(work.first),
        "trader.end": str(work.end),
        "trader.chain_before": work.chain_before.hex(),
        "trader.chain": work.chain.hex(),
    }
    # The last group is kept: a segment of many small commits is a single group, and slow to build.
    group = lru_cache(maxsize=1)(partial(_group, scan.frames, found))
    firsts = range(work.first, work.end, ROW_GROUP_ROWS)
    parquet = to_parquet(map(group, firsts), found.frame_ends(), about)
    entry = Sealed(
        first=work.first,
        end=work.end,
        size_bytes=len(parquet),
        blake3=blake3(parquet).digest(),
        chain_before=work.chain_before,
        chain=work.chain,
    )
    temporary = write_temporary(storage, work.path.with_name(entry.name), [parquet])
    # S3
    storage.forget(temporary)
    _check_same(SealedSegment(storage, temporary, entry), map(group, firsts))
    return Prepared(work, entry, temporary.name)


def misfit(storage: Storage, prepared: Prepared) -> str:
    """Return why a prepared file cannot be published (missing or changed), or an empty string."""
    work, entry = prepared.work, prepared.entry
    if (entry.first, entry.end, entry.chain_before, entry.chain) != (
        work.first,
        work.end,
        work.chain_before,
        work.chain,
    ):
        return "the prepared file holds other records than its segment"
    try:
        SealedSegment(storage, prepared.temporary, entry).verify()
    except FileNotFoundError:
        return "the prepared file is missing"
    except Corrupt:
        return "the prepared file is not the one that was prepared"
    return ""


def publish(
    storage: Storage,
    directory: Path,
    prepared: Prepared,
    manifest: Manifest,
    *,
    check: Callable[[], object],
) -> Manifest:
    """Do S4 and S5 for the file of the next segment; return the new manifest.

    The file must have passed `misfit`. ``check`` is called before the manifest is replaced.
    """
    sealed = manifest.with_sealed(prepared.entry)
    # S4
    put_in_place(storage, prepared.temporary, directory / prepared.entry.name)
    # S5
    write(storage, directory, sealed, check=check)
    return sealed


def _group(frames: Sequence[Frame], source: Segment, first: int) -> pa.Table:
    """Return the records of these frames, from ``first`` on, as a row group."""
    end = min(first + ROW_GROUP_ROWS, source.end)
    start = bisect_right(frames, first, key=attrgetter("end_offset"))
    stop = bisect_left(frames, end, key=attrgetter("end_offset")) + 1
    batches = [decoded(run, source.schema, source.path) for run in runs(frames[start:stop])]
    lead = first - frames[start].header.first_offset
    return pa.Table.from_batches(batches, schema=SCHEMA).slice(lead, end - first).combine_chunks()


def _check_same(sealed: SealedSegment, groups: Iterable[pa.Table]) -> None:
    """Compare a file with its source bit by bit: NaN equals itself, -0.0 differs from 0.0."""
    file = sealed.parquet()
    first = sealed.first
    for number, expected in enumerate(groups):
        found = file.read_row_group(number, columns=SCHEMA.names, use_threads=False)
        if _bits(found) != _bits(expected):
            message = "the Parquet file does not say what the segment says"
            raise Corrupt(message, path=sealed.path, offset=first)
        first += expected.num_rows
    if file.metadata.num_rows != first - sealed.first:
        raise Corrupt("the Parquet file has other rows than the segment", path=sealed.path)


def _bits(table: pa.Table) -> list[pa.Array]:
    """Return the columns, floats as the integers of their bits."""
    columns = [column.combine_chunks() for column in table.columns]
    return [
        pa.Array.from_buffers(
            pa.int32(), len(column), column.buffers(), column.null_count, column.offset
        )
        if column.type == pa.float32()
        else column
        for column in columns
    ]
