"""One open segment: a file of frames, filled with zeros ahead, named by its first offset.

The first frame describes the file: the identity of the log, the chain value before the first
record, the size of the file and the Arrow schema of the records. It is on the disk, with all the
zeros, before the file has its name. Every other frame holds one record batch (`eventlog.body`). All
frames of the file have its *tag*, the first bytes of that chain value, so that bytes of another
segment are not accepted as frames of this one.

The file is written to its full size at once, because writing into existing blocks is twice as fast
as growing a file and ten times steadier: the filesystem need not journal metadata.

An open segment is *closed* when a later one exists: nothing is appended to it again, and it may be
sealed. This module reads and writes frames; `recovery` decides whether they are all that was
acknowledged.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from eventlog import body, frame
from eventlog.errors import Corrupt, Incompatible
from eventlog.frame import Frame, Kind, Link, Scan, Stop
from eventlog.invariants import hold
from eventlog.schema import SCHEMA, is_known, named_as_now
from eventlog.storage import Storage, publish, read_all
from eventlog.watermark import Watermark

SUFFIX = ".open"
_BODY = struct.Struct("<16s32sQ")
# In pieces: the kernel caches a large write as one large unit, and writing that back takes longer,
# however little of it has changed.
_ZEROS = bytes(1 << 16)
_READ_BYTES = 4 << 20
_DECODED_BYTES = 16 << 20
FRAMES_MAX = 1 << 15
"""Frames after which a segment is closed, full or not, to bound opening and sealing it (I10)."""


def name(first_offset: int) -> str:
    """Return the name of the open segment that begins at an offset."""
    return f"{first_offset:020}{SUFFIX}"


def first_offset_of(file_name: str) -> int | None:
    """Return the offset in a file name, or ``None`` if it is not that of an open segment."""
    stem = file_name.removesuffix(SUFFIX)
    if file_name == stem or len(stem) != 20 or not stem.isdecimal() or not stem.isascii():
        return None
    return int(stem)


def tag_of(chain: bytes) -> bytes:
    """Return the tag of a segment, given the chain value before its first record."""
    return chain[: frame.TAG_BYTES]


@dataclass
class Segment:
    """The index of an open segment's frames.

    The next frame continues ``link`` at ``position``. ``schema`` has the columns of the records; it
    is `SCHEMA` itself where this version wrote the segment. Three columns have one entry a frame:
    the offset after it, the position after it, the first bytes of the chain value after it.
    """

    storage: Storage
    path: Path
    first: int
    chain_before: bytes
    size_bytes: int
    start: int
    link: Link
    position: int
    schema: pa.Schema
    _ends: "array[int]" = field(default_factory=lambda: array("q"))
    _positions: "array[int]" = field(default_factory=lambda: array("q"))
    _links: bytearray = field(default_factory=bytearray)
    _before: tuple[Link, int] = field(init=False, compare=False)

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.link.offset

    @property
    def tag(self) -> bytes:
        """The tag in every frame of this segment."""
        return tag_of(self.chain_before)

    def takes(self, size_bytes: int) -> bool:
        """Return whether a frame of this size with the present schema fits."""
        return (
            self.position + size_bytes <= self.size_bytes
            and len(self._ends) < FRAMES_MAX
            and self.schema is SCHEMA
        )

    def note(self, link: Link, position: int) -> None:
        """Add a frame that was written, by the link and position after it."""
        hold("I1", link.offset > self.link.offset, "frames follow", end=link.offset)
        self._before = self.link, self.position
        self.link, self.position = link, position
        self._ends.append(link.offset)
        self._positions.append(position)
        self._links += link.chain[: frame.LINK_BYTES]

    def take(self, found: Frame, base: int = 0) -> None:
        """Add a frame that was found in bytes that begin at ``base``."""
        self.note(found.after, base + found.end_position)

    def skim(self, data: bytes, watermark: Watermark) -> None:
        """Add the frames up to a watermark of this segment by their headers alone.

        The watermark proves that they were whole when written; damage to a body is found when it is
        read. If the headers do not lead exactly to the watermark, none is added.
        """
        found = frame.skim(
            data,
            link=self.link,
            tag=self.tag,
            kind=Kind.DATA,
            position=self.position,
            end=watermark.position,
        )
        if found is None or found.ends[-1] != watermark.end:
            return
        self._ends.frombytes(found.ends.tobytes())
        self._positions.frombytes(found.positions.tobytes())
        self._links += found.links[frame.LINK_BYTES :] + watermark.chain[: frame.LINK_BYTES]
        self.link, self.position = (
            Link(watermark.end, watermark.chain, found.epoch),
            watermark.position,
        )

    def forget_last(self) -> None:
        """Remove the frame that was added last."""
        self.link, self.position = self._before
        self._ends.pop()
        self._positions.pop()
        del self._links[-frame.LINK_BYTES :]

    def chain_after(self, offset: int) -> bytes | None:
        """Return the link after the frame that ends with ``offset``, or ``None``."""
        if offset == self.first - 1:
            return self.chain_before[: frame.LINK_BYTES]
        row = bisect_right(self._ends, offset)
        if row == len(self._ends) or self._ends[row] != offset + 1:
            return None
        return self._link(row)

    def frame_ends(self) -> Iterator[tuple[int, bytes]]:
        """Yield the offset and the link after each frame."""
        for row, end in enumerate(self._ends):
            yield end, self._link(row)

    def position_of(self, end: int) -> int | None:
        """Return the byte position after the frame that ends before ``end``, or ``None``."""
        if end == self.first:
            return self.start
        row = bisect_right(self._ends, end - 1)
        return self._positions[row] if row < len(self._ends) and self._ends[row] == end else None

    def read(
        self, first: int, end: int, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records from ``first`` up to ``end``, in batches of whole commits.

        Raises:
            Corrupt: if a frame has changed since the segment was scanned.
            FileNotFoundError: if the file is gone.
        """
        row = bisect_right(self._ends, first)
        while row < len(self._ends) and self._first(row) < end:
            start = self._start(row)
            stop = row + 1
            while stop < len(self._ends) and self._positions[stop] - start <= _READ_BYTES:
                if self._first(stop) >= end:
                    break
                stop += 1
            data = self.storage.read(self.path, start, self._positions[stop - 1] - start)
            frames = [self._frame(data, self._start(at) - start, at) for at in range(row, stop)]
            for run in runs(frames):
                batch = decoded(run, self.schema, self.path, columns)
                run_first = run[0].header.first_offset
                lead = max(first - run_first, 0)
                count = min(end, run[-1].end_offset) - run_first - lead
                yield batch.slice(lead, count) if count < batch.num_rows else batch
            row = stop

    def _frame(self, data: bytes, position: int, row: int) -> Frame:
        chain = self._link(row - 1) if row else self.chain_before
        header = frame.header_at(data, position, self.tag)
        found = frame.frame_at(data, position, header=header, chain=chain) if header else "no frame"
        if isinstance(found, str):
            raise Corrupt(found, path=self.path, offset=self._first(row))
        return found

    def _first(self, row: int) -> int:
        return self._ends[row - 1] if row else self.first

    def _start(self, row: int) -> int:
        return self._positions[row - 1] if row else self.start

    def _link(self, row: int) -> bytes:
        return bytes(self._links[row * frame.LINK_BYTES : (row + 1) * frame.LINK_BYTES])


def runs(frames: Sequence[Frame]) -> Iterator[Sequence[Frame]]:
    """Yield the frames in runs that are decoded together, of bounded size (I10)."""
    start, size_bytes = 0, 0
    for number, found in enumerate(frames):
        size_bytes += found.header.raw_bytes
        if size_bytes > _DECODED_BYTES and number > start:
            yield frames[start:number]
            start, size_bytes = number, found.header.raw_bytes
    yield frames[start:]


def decoded(
    frames: Sequence[Frame], schema: pa.Schema, path: Path, columns: Sequence[str] | None = None
) -> pa.RecordBatch:
    """Return the records of consecutive frames in the present schema.

    Raises:
        Corrupt: if the checked bytes are not a batch of these records, which no accident causes.
    """
    try:
        return body.unpack(
            [found.body() for found in frames],
            starts=[found.header.first_offset for found in frames],
            counts=[found.header.records for found in frames],
            schema=schema,
            columns=columns,
        )
    except ValueError as error:
        # Find the frame that is wrong.
        for found in frames if len(frames) > 1 else ():
            decoded([found], schema, path, columns)
        raise Corrupt(str(error), path=path, offset=frames[0].header.first_offset) from error


def create(
    storage: Storage,
    directory: Path,
    *,
    identity: bytes,
    link: Link,
    size_bytes: int,
    check: Callable[[], object] = lambda: None,
) -> Segment:
    """Publish a new segment with room for a number of bytes of frames, and return it.

    ``check`` is called just before the file gets its name, as in `storage.publish`.
    """
    path = directory / name(link.offset)
    about = _BODY.pack(identity, link.chain, size_bytes) + SCHEMA.serialize().to_pybytes()
    tag = tag_of(link.chain)
    head, _ = frame.build(Kind.SEGMENT, about, count=0, link=link, tag=tag)
    publish(storage, path, filled(head, len(head) + size_bytes), check=check)
    return Segment(
        storage,
        path,
        link.offset,
        link.chain,
        len(head) + size_bytes,
        len(head),
        link,
        len(head),
        SCHEMA,
    )


def filled(head: bytes, size_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of a file of this size: the head, then zeros."""
    yield head
    rest = size_bytes - len(head)
    while rest:
        yield _ZEROS[: min(rest, len(_ZEROS))]
        rest -= min(rest, len(_ZEROS))


def opened(
    storage: Storage, data: bytes, path: Path, *, identity: bytes, link: Link, size_bytes: int
) -> Segment:
    """Return the segment of a file by its first frame, without any records yet.

    ``data`` are the first bytes of the file. ``link`` is the end that the segment continues; its
    epoch is ignored.

    Raises:
        Corrupt: if the file does not begin with a whole segment frame of this log, at this place.
        Incompatible: if the records have columns that this version does not know.
    """
    header = frame.header_at(data, 0, tag_of(link.chain))
    missing = "the file does not begin with the frame of this segment"
    found = frame.frame_at(data, 0, header=header, chain=link.chain) if header else missing
    if isinstance(found, str):
        raise Corrupt(found, path=path, offset=link.offset)
    if found.header.kind != Kind.SEGMENT or found.header.first_offset != link.offset:
        raise Corrupt("the first frame is not that of this segment", path=path, offset=link.offset)
    about = found.body()
    log_identity, chain, room_bytes = _BODY.unpack_from(about)
    if log_identity != identity or chain != link.chain:
        raise Corrupt("the segment belongs to another log", path=path, offset=link.offset)
    schema = named_as_now(pa.ipc.read_schema(pa.py_buffer(about[_BODY.size :])))
    if not is_known(schema):
        raise Incompatible("a newer version wrote these records", path=path, offset=link.offset)
    if schema.equals(SCHEMA, check_metadata=True):
        schema = SCHEMA
    start = found.end_position
    if size_bytes != start + room_bytes:
        raise Corrupt(
            "the file does not have its size",
            path=path,
            offset=link.offset,
            expected=start + room_bytes,
            actual=size_bytes,
        )
    joined = Link(link.offset, chain, max(link.epoch, found.header.epoch))
    return Segment(storage, path, link.offset, chain, size_bytes, start, joined, start, schema)


def load(
    storage: Storage, path: Path, *, identity: bytes, link: Link, trusted: Watermark | None = None
) -> tuple[Segment, Scan, bytes]:
    """Return a segment with the whole frames of its file, how they end, and its bytes.

    With a ``trusted`` watermark of this segment, the bodies up to there are not checked. If zeros
    follow it, the rest is not checked either: frames after zeros would be damage and could not be
    read.

    Raises:
        Corrupt: if the file is not the segment that continues ``link``.
        Incompatible: if a newer version wrote it.
        FileNotFoundError: if it does not exist.
    """
    size_bytes = storage.size(path)
    until = None if trusted is None or trusted.segment_offset != link.offset else trusted
    enough = size_bytes if until is None else until.position + frame.HEADER_BYTES
    data = storage.read(path, 0, enough)
    found = opened(storage, data, path, identity=identity, link=link, size_bytes=size_bytes)
    if until is not None:
        found.skim(data, until)
        rest = data[found.position :]
        if found.position == until.position and not any(rest):
            end = Scan((), found.link, found.position, found.position, Stop.END, "")
            return found, end, data
        data += storage.read(path, len(data), size_bytes - len(data))
    scan = frame.walk(
        data, found.take, link=found.link, tag=found.tag, kind=Kind.DATA, position=found.position
    )
    return found, scan, data


def is_empty(storage: Storage, path: Path) -> bool:
    """Return whether a file is a segment, of any log, that has no records yet."""
    data = read_all(storage, path)
    header = frame.header_at(data, 0, None)
    if header is None:
        return False
    found = frame.frame_at(data, 0, header=header, chain=header.link)
    return not isinstance(found, str) and not any(data[found.end_position :])
