"""The decompressed bytes of a file, and its lines, in bounded memory for any content.

Only regular files are read. A directory, a pipe or a device is refused before it is opened, so that
nothing waits for a writer that never comes. The compression is detected from the first bytes. No
other thread is used.

Bounds (I10): a piece in memory has at most `_PIECE_BYTES_MAX` bytes, a line is cut at the bound
that its reader sets, and a file that decompresses to more than `UNPACKED_FREE_BYTES` may grow by a
factor of at most `UNPACKED_TIMES_MAX`: a larger factor indicates a decompression bomb.
"""

import bz2
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import zstandard

from feeds.errors import TableUnreadable

UNPACKED_FREE_BYTES = 256 << 20
UNPACKED_TIMES_MAX = 200

_BLOCK_BYTES = 1 << 20
_ZSTD_CHUNK_BYTES = 1_024
_ZSTD_WINDOW_BYTES_MAX = 128 << 20
"""The largest window that zstd's own command decompresses by default."""

_PIECE_BYTES_MAX = _ZSTD_CHUNK_BYTES // 4 * (128 << 10)
"""A block of zstd takes at least four bytes and holds at most 128 KiB: so 32 MiB."""

_REFUSED_STARTS = (
    (b"PK\x03\x04", "it is a zip archive: unpack it first"),
    (b"\xff\xfe", "its text is UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "its text is UTF-16: save it as UTF-8"),
    (b"\xfd7zXZ", "it is packed with xz: unpack it first"),
    (b"\x04\x22\x4d\x18", "it is packed with lz4: unpack it first"),
    (b"PAR1", "it is Parquet: name it .parquet"),
)


class Identity(NamedTuple):
    """The identity of a file's content: another file, or a changed one, has another identity."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int


def identity(path: Path) -> Identity:
    """Return the identity of a regular file.

    Raises:
        TableUnreadable: if it is missing, or something else.
    """
    with reading(path):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise TableUnreadable(path=path, why=f"it is {_kind(found.st_mode)}, not a file")
        if not found.st_size:
            raise TableUnreadable(path=path, why="it is empty")
        return Identity(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a pipe" if stat.S_ISFIFO(mode) else "a socket or a device"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of reading a file into `TableUnreadable`, with a reason for a person."""
    try:
        yield
    except MemoryError as error:
        why = "reading it would take more memory than there is"
        raise TableUnreadable(path=path, why=why) from error
    except UnicodeError as error:
        raise TableUnreadable(path=path, why="it holds text that is not UTF-8") from error
    except (
        pa.ArrowException, OSError, EOFError, OverflowError, zlib.error, zstandard.ZstdError
    ) as error:  # fmt: skip
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise TableUnreadable(path=path, why=why[:500] or type(error).__name__) from error


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file, without blocking."""
    identity(path)
    with reading(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        yield file


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the decompressed bytes of a file.

    Raises:
        TableUnreadable: if it cannot be read to its end, or holds no text.
    """
    with opened(path) as file, reading(path):
        size_bytes = os.fstat(file.fileno()).st_size
        most = max(UNPACKED_FREE_BYTES, UNPACKED_TIMES_MAX * size_bytes)
        unpacked_bytes = 0
        for piece in _unpacked(file):
            if not unpacked_bytes:
                _check_start(path, piece)
            unpacked_bytes += len(piece)
            if unpacked_bytes > most:
                why = (
                    f"its {size_bytes:,} bytes unpack to more than {most:,}, as no recording would"
                )
                raise TableUnreadable(path=path, why=why)
            yield piece


def check_unpacks(path: Path) -> None:
    """Decompress a file to its end, which is fast, before it is used.

    Raises:
        TableUnreadable: if that fails.
    """
    for _ in pieces(path):
        pass


def _check_start(path: Path, piece: bytes) -> None:
    for start, why in _REFUSED_STARTS:
        if piece.startswith(start):
            raise TableUnreadable(path=path, why=why)


def _unpacked(file: IO[bytes]) -> Iterator[bytes]:
    start = file.read(4)
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield from _blocks(unpacked)
    elif start[:3] == b"BZh":
        with bz2.BZ2File(file) as unpacked:
            yield from _blocks(unpacked)
    elif start == b"\x28\xb5\x2f\xfd":
        yield from _zstd(file)
    else:
        yield from _blocks(file)


def _blocks(file: IO[bytes] | gzip.GzipFile | bz2.BZ2File) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _zstd(file: IO[bytes]) -> Iterator[bytes]:
    """Decompress zstd frames, each to its end; zstandard's reader accepts an incomplete one."""
    unpacker = None
    while chunk := file.read(_ZSTD_CHUNK_BYTES):
        while chunk:
            if unpacker is None:
                made = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX)
                unpacker = made.decompressobj()
            if piece := unpacker.decompress(chunk):
                yield piece
            chunk = unpacker.unused_data if unpacker.eof else b""
            unpacker = None if unpacker.eof else unpacker
    if unpacker is not None:
        raise EOFError("it is cut short: its last zstd frame has no end")


def lines(path: Path, line_bytes_max: int) -> Iterator[list[bytes]]:
    r"""Yield some lines at a time, without their ends, which are ``\n``, ``\r\n`` or ``\r``.

    A longer line is cut to one byte more than ``line_bytes_max``.

    Raises:
        TableUnreadable: if the file cannot be read to its end, or holds no text.
    """
    count = 0
    try:
        for found in _lines(path, line_bytes_max + 1):
            yield found
            count += len(found)
    except TableUnreadable as error:
        if not count:
            raise
        raise TableUnreadable(path=path, why=f"after line {count:,}: {error.why}") from error


def _lines(path: Path, most: int) -> Iterator[list[bytes]]:
    rest, after_cr = b"", False
    for piece in pieces(path):
        for start in range(0, len(piece), _BLOCK_BYTES):
            block = piece[start : start + _BLOCK_BYTES]
            if after_cr and block.startswith(b"\n"):
                block = block[1:]  # of the line that ended with the block before
            if not block:
                after_cr = False
                continue
            after_cr = block.endswith(b"\r")
            found = (rest + block).splitlines()
            rest = b"" if block.endswith((b"\r", b"\n")) else found.pop()[:most]
            yield [line if len(line) <= most else line[:most] for line in found]
    if rest:
        yield [rest]
