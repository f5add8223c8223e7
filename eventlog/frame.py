"""Bytes to frames and back; everything durable in a log is written as frames. Pure.

A frame is a header of 64 bytes and a body, padded with zeros to a multiple of 64. The header
identifies its records and has a *link* to the frame before it. Header, little-endian:

====  ====  ===========================================================================
at    size  field
====  ====  ===========================================================================
0     4     magic ``EVF1``
4     1     version of this layout, 1
5     1     kind: `Kind`
6     1     codec of the body: 0 as it is, 1 zstd
7     1     flags, all 0
8     8     offset of the first record
16    4     number of records
20    4     bytes of the body as stored
24    4     bytes of the body before compression
28    4     epoch: the number of the opening that wrote it; never decreases
32    8     tag of the file: a frame copied from another file is not accepted
40    16    link: the first 16 bytes of the chain value before this frame
56    4     CRC-32C of the body as stored
60    4     CRC-32C of the 60 bytes before
====  ====  ===========================================================================

The *chain* is ``BLAKE3(chain before || header || body as stored)``: 32 bytes that depend on all
frames and their order. The header has a checksum of its own, so its length is checked before it is
used, and if a body is damaged its header still identifies the lost records.

One frame is written at a time, and the next only when this one is durable. So a whole frame proves
that all frames before it were durable, and only the very last can be an interrupted write. A field
for how far the log was durable is therefore unnecessary: it would equal the first offset.

This module knows nothing of files, segments or the meaning of bodies. It cannot decide either
whether bytes that are no frame had been acknowledged; `recovery` does, with the watermark.

>>> start = Link(offset=7, chain=bytes(32), epoch=1)
>>> data, after = build(Kind.DATA, b"two records", count=2, link=start, tag=b"an-tag-8")
>>> len(data), after.offset
(128, 9)
>>> found = scan(data + bytes(64), link=start, tag=b"an-tag-8", kind=Kind.DATA)
>>> [frame.body() for frame in found.frames], found.stop.name, found.link == after
([b'two records'], 'END', True)
>>> scan(data[:70] + bytes(58), link=start, tag=b"an-tag-8", kind=Kind.DATA).stop.name
'TORN'
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard
from blake3 import blake3
from crc32c import crc32c

Int64s = npt.NDArray[np.int64]

MAGIC = b"EVF1"
VERSION = 1
HEADER = struct.Struct("<4sBBBBQIIII8s16sII")
_FIELDS = struct.Struct("<4sBBBBQIIII8s16sI")
_HEADERS = np.dtype(
    [("like", "V6"), ("codec", "u1"), ("flags", "u1"), ("first_offset", "<u8"), ("records", "<u4"),
     ("stored_bytes", "<u4"), ("raw_bytes", "<u4"), ("epoch", "<u4"), ("tag", "V8"),
     ("link", "V16"), ("body_crc", "<u4"), ("header_crc", "<u4")]
)  # fmt: skip
_LENGTH, _LENGTH_AT = struct.Struct("<I"), 20
HEADER_BYTES = 64
ALIGNMENT_BYTES = 64
TAG_BYTES = 8
LINK_BYTES = 16
BODY_BYTES_MAX = 64 << 20
"""The longest body, before and after compression (I10). CRC-32C still finds every burst in it."""

_ZSTD_LEVEL = 1
_AS_IS_BYTES_MAX = 1 << 10
"""Shorter bodies are not compressed: that would rarely save a sector, and compression takes a third
of the time of a single record's commit, disk excluded."""

_AS_IS, _COMPRESSED = 0, 1

# Unused compressors. Two threads must not use one at once (the result would be wrong bytes or a
# crash, not an error), and making one costs as much as using it. Popping from a list and appending
# to it are atomic.
_compressors: list[zstandard.ZstdCompressor] = []
_decompressors: list[zstandard.ZstdDecompressor] = []

assert HEADER.size == HEADER_BYTES


class Kind(IntEnum):
    """The content of a frame. Never reuse a number."""

    SEGMENT = 1  # the description of a segment, at its beginning; no records
    DATA = 2  # records, as one Arrow record batch message
    DELTA = 3  # a change of the engine's state over these records
    SNAPSHOT = 4  # a part of the engine's whole state; has no records


class Link(NamedTuple):
    """The end that the next frame continues: next offset, chain value and epoch so far."""

    offset: int
    chain: bytes
    epoch: int


class Header(NamedTuple):
    """The fields of a header with a valid checksum, in order."""

    magic: bytes
    version: int
    kind: int
    codec: int
    flags: int
    first_offset: int
    records: int
    stored_bytes: int
    raw_bytes: int
    epoch: int
    tag: bytes
    link: bytes
    body_crc: int
    header_crc: int


class Frame(NamedTuple):
    """A valid frame: its position in the scanned bytes, and the link after it."""

    header: Header
    position: int
    end_position: int
    stored: memoryview
    after: Link

    @property
    def end_offset(self) -> int:
        """The offset after its last record."""
        return self.after.offset

    @property
    def chain(self) -> bytes:
        """The chain value after it."""
        return self.after.chain

    def body(self) -> bytes:
        """Return the body as it was given to `build`.

        Raises:
            ValueError: if the body contradicts its header, which no accident causes.
        """
        if self.header.codec == _AS_IS:
            return bytes(self.stored)
        try:
            raw = _decompressed(self.stored, self.header.raw_bytes)
        except zstandard.ZstdError as error:
            raise ValueError(f"the body does not decompress: {error}") from error
        if len(raw) != self.header.raw_bytes:
            raise ValueError(f"the body has {len(raw)} bytes, not {self.header.raw_bytes}")
        return raw


class Stop(Enum):
    """Why a scan ended."""

    END = "nothing but zeros follows"
    TORN = "bytes follow that are not a whole frame, and no frame comes after them"
    BROKEN = "bytes follow that no interrupted write can have left"


@dataclass(frozen=True, slots=True)
class Scan:
    """The content of a buffer: whole, linked frames, and how they end.

    ``position`` is the place of the next frame, ``used_bytes`` the end of the last byte that is not
    zero; between them are torn bytes. ``reason`` describes the problem where the scan stopped.
    """

    frames: tuple[Frame, ...]
    link: Link
    position: int
    used_bytes: int
    stop: Stop
    reason: str


def build(kind: Kind, body: bytes, *, count: int, link: Link, tag: bytes) -> tuple[bytes, Link]:
    """Return the bytes of the next frame, and the link that the one after it continues.

    Raises:
        ValueError: if the body is longer than `BODY_BYTES_MAX`.
    """
    if len(body) > BODY_BYTES_MAX:
        raise ValueError(f"a body of {len(body)} bytes is longer than {BODY_BYTES_MAX}")
    codec, stored = _AS_IS, body
    if len(body) > _AS_IS_BYTES_MAX:
        compressed = _compressed(body)
        if len(compressed) < len(body):
            codec, stored = _COMPRESSED, compressed
    fields = _FIELDS.pack(
        MAGIC,
        VERSION,
        kind,
        codec,
        0,
        link.offset,
        count,
        len(stored),
        len(body),
        link.epoch,
        tag,
        link.chain[:LINK_BYTES],
        crc32c(stored),
    )
    whole = b"".join((fields, crc32c(fields).to_bytes(4, "little"), stored))
    after = Link(link.offset + count, blake3(link.chain + whole).digest(), link.epoch)
    return whole + bytes(-len(stored) % ALIGNMENT_BYTES), after


def header_at(buffer: bytes, position: int, tag: bytes | None) -> Header | None:
    """Return the header at a position if its magic and checksum are right, and its tag is ``tag``.

    Without ``tag``, any tag is accepted.
    """
    raw = buffer[position : position + HEADER_BYTES]
    if len(raw) < HEADER_BYTES or raw[:4] != MAGIC:
        return None
    header = Header._make(HEADER.unpack(raw))
    if header.header_crc != crc32c(raw[:-4]) or (tag is not None and header.tag != tag):
        return None
    return header


def frame_at(buffer: bytes, position: int, *, header: Header, chain: bytes) -> Frame | str:
    """Return the frame whose header is at a position, or a description of what is wrong with it.

    ``chain`` is the chain value before it. Where only its first bytes are known, the link is still
    checked, but the chain value of the returned frame is meaningless.
    """
    end = position + HEADER_BYTES + header.stored_bytes
    end_position = end + -header.stored_bytes % ALIGNMENT_BYTES
    if end_position > len(buffer):
        return "the frame is longer than what is there"
    whole = buffer[position:end]
    stored = memoryview(whole)[HEADER_BYTES:]
    if crc32c(stored) != header.body_crc:
        return "the checksum of the body is wrong"
    if buffer[end:end_position].strip(b"\0"):
        return "the padding is not zero"
    if header.link != chain[:LINK_BYTES]:
        return "the frame does not follow the one before it"
    after_chain = blake3(chain + whole).digest()
    after = Link(header.first_offset + header.records, after_chain, header.epoch)
    return Frame(header, position, end_position, stored, after)


def scan(buffer: bytes, *, link: Link, tag: bytes, kind: Kind, position: int = 0) -> Scan:
    """Return the frames in the buffer from a position on, and how they end."""
    frames: list[Frame] = []
    found = walk(buffer, frames.append, link=link, tag=tag, kind=kind, position=position)
    return replace(found, frames=tuple(frames))


def walk(
    buffer: bytes,
    take: Callable[[Frame], object],
    *,
    link: Link,
    tag: bytes,
    kind: Kind,
    position: int = 0,
) -> Scan:
    """Like `scan`, but pass each frame to ``take`` and do not collect them."""
    wrong = ""
    while header := header_at(buffer, position, tag):
        wrong = _misfit(header, link, kind)
        if wrong:
            return Scan((), link, position, _used_bytes(buffer, position), Stop.BROKEN, wrong)
        frame = frame_at(buffer, position, header=header, chain=link.chain)
        if isinstance(frame, str):
            wrong = frame
            break
        take(frame)
        link, position = frame.after, frame.end_position
    used_bytes = _used_bytes(buffer, position)
    if used_bytes == position:
        return Scan((), link, position, used_bytes, Stop.END, "")
    later = _later_frame(buffer, position, tag)
    if later is None:
        return Scan((), link, position, used_bytes, Stop.TORN, wrong or "no frame header")
    reason = f"a later frame begins at byte {later}, after bytes that are not a frame"
    return Scan((), link, position, used_bytes, Stop.BROKEN, reason)


class Skimmed(NamedTuple):
    """The headers of consecutive frames, one row a frame.

    ``ends`` are the offsets after the frames, ``positions`` the byte positions after them,
    ``links`` 16 bytes each of the chain values *before* them. ``epoch`` is that of the last.
    """

    ends: Int64s
    positions: Int64s
    links: bytes
    epoch: int


def skim(
    buffer: bytes, *, link: Link, tag: bytes, kind: Kind, position: int, end: int
) -> Skimmed | None:
    """Return the headers of the frames that fill the buffer up to ``end``, without reading bodies.

    ``None`` if a header is invalid or does not follow the one before it. Except for the first, the
    link of a frame is taken as the chain value of the one before, without a check.
    """
    starts = []
    while position < end:
        starts.append(position)
        (stored_bytes,) = _LENGTH.unpack_from(buffer, position + _LENGTH_AT)
        position += HEADER_BYTES + stored_bytes + -stored_bytes % ALIGNMENT_BYTES
    if position != end or not starts:
        return None
    raw = [buffer[start : start + HEADER_BYTES] for start in starts]
    headers = np.frombuffer(b"".join(raw), _HEADERS)
    checks = [crc32c(header[:-4]) for header in raw]
    ends = headers["first_offset"].astype(np.int64) + headers["records"]
    epochs = headers["epoch"]
    first = Header._make(HEADER.unpack(raw[0]))
    whole = (
        not _misfit(first, link, kind)
        and np.array_equal(headers["header_crc"], checks)
        and bool((headers["like"] == headers["like"][0]).all())
        and bool((headers["tag"] == np.frombuffer(tag, "V8")).all())
        and bool((headers["codec"] <= _COMPRESSED).all())
        and not headers["flags"].any()
        and bool((headers["raw_bytes"] <= BODY_BYTES_MAX).all())
        and np.array_equal(headers["first_offset"][1:], ends[:-1])
        and bool((epochs[1:] >= epochs[:-1]).all())
    )
    if not whole:
        return None
    positions = np.array([*starts[1:], end], np.int64)
    return Skimmed(ends, positions, headers["link"].tobytes(), int(epochs[-1]))


def _misfit(header: Header, link: Link, kind: Kind) -> str:
    """Return why a valid header cannot be that of the next frame, or an empty string.

    An interrupted write leaves either a header that fits or an invalid one, so each of these
    reasons is damage.
    """
    if header.version != VERSION or header.flags or header.codec not in (_AS_IS, _COMPRESSED):
        return "the frame is of a kind that this version does not know"
    if header.kind != kind:
        return f"a frame of kind {header.kind} stands where one of kind {kind} belongs"
    if header.first_offset != link.offset:
        return f"the frame begins at offset {header.first_offset}, not at {link.offset}"
    if header.link != link.chain[:LINK_BYTES]:
        return "the frame does not follow the one before it"
    if header.epoch < link.epoch:
        return f"a writer of epoch {header.epoch} wrote after one of epoch {link.epoch}"
    if header.stored_bytes > BODY_BYTES_MAX or header.raw_bytes > BODY_BYTES_MAX:
        return "the header states a length that no frame may have"
    return ""


def _later_frame(buffer: bytes, position: int, tag: bytes) -> int | None:
    """Return the position of the next frame header of this file after a place that has none."""
    hit = buffer.find(MAGIC, position + ALIGNMENT_BYTES)
    while hit >= 0:
        if hit % ALIGNMENT_BYTES == 0 and header_at(buffer, hit, tag):
            return hit
        hit = buffer.find(MAGIC, hit + 1)
    return None


_ZEROS = bytes(1 << 16)


def _used_bytes(buffer: bytes, start: int) -> int:
    """Return the end of the last byte that is not zero; ``start`` if there is none after it."""
    end = len(buffer)
    while end > start:
        size = min(len(_ZEROS), end - start)
        chunk = buffer[end - size : end]
        if chunk != _ZEROS[:size]:
            return end - size + len(chunk.rstrip(b"\0"))
        end -= size
    return start


def _compressed(body: bytes) -> bytes:
    try:
        compressor = _compressors.pop()
    except IndexError:
        compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
    stored = compressor.compress(body)
    _compressors.append(compressor)
    return stored


def _decompressed(stored: memoryview, raw_bytes: int) -> bytes:
    try:
        decompressor = _decompressors.pop()
    except IndexError:
        decompressor = zstandard.ZstdDecompressor()
    raw = decompressor.decompress(stored, max_output_size=raw_bytes)
    # A compressor that raised is not reused.
    _decompressors.append(decompressor)
    return raw
