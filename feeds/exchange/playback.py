"""A recording of frames as a source: every frame verbatim, in the order of the file.

A recording is one zstd frame of JSON lines ``{"at": <ns>, "frame": {...}}``: market time, and a
message of the exchange. It is read as a stream, once from end to end on opening, so that damage is
known before anything is played and the markets in it are, and once more while it plays. A file that
was cut between two lines can only be told where its zstd frame states its size.

The book deltas are folded on the way, so that whoever subscribes in the middle gets a snapshot to
which the rest belongs. Until the recording's own first snapshot there is none, and none is sent.
"""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import zstandard

from eventlog.records import BookUpdate
from feeds.btcmarkets.protocol import FRAME_BYTES_MAX, decode
from feeds.errors import RecordingUnreadable
from feeds.exchange.book import Book, snapshot_frame, snapshot_id
from feeds.exchange.source import Frame

_LINE_BYTES_MAX = FRAME_BYTES_MAX + 100
_LINE = re.compile(rb'\{"at":\s?([0-9]{1,19}),\s?"frame":\s?(\{.*\})\}\n?')
_MARKET = re.compile(rb'"marketId":\s?"([A-Z0-9-]{1,40})"')
_CHANNEL = re.compile(rb'"messageType":\s?"(tick|trade|orderbook|orderbookUpdate)"')


class Recording:
    """A `Source` that plays one file.

    Raises on construction:
        RecordingUnreadable: if the file is missing, damaged, or holds no frame.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.frame_count = 0
        markets: dict[str, None] = {}
        for _, frame in _read(path):
            self.frame_count += 1
            markets[frame.market] = None
        if not markets:
            raise RecordingUnreadable(path=path, line=None, why="it holds no frame")
        self._books = {market: _Folded(market) for market in markets}
        self._frames = _read(path)
        self._next = next(self._frames, None)

    @property
    def markets(self) -> tuple[str, ...]:
        """The markets in the recording, in the order of their first frames."""
        return tuple(self._books)

    @property
    def due_ns(self) -> int | None:
        """When the next frame was recorded; ``None`` after the last."""
        return None if self._next is None else self._next[0]

    def advance(self) -> Sequence[Frame]:
        """Return the next frame.

        Raises:
            RecordingUnreadable: if the file was changed since it was opened.
        """
        assert self._next is not None, "a recording that has ended"
        _, frame = self._next
        self._books[frame.market].fold(frame)
        self._next = next(self._frames, None)
        return (frame,)

    def snapshot(self, market: str) -> str | None:
        """Return the book as far as the recording was played."""
        return self._books[market].snapshot()


class _Folded:
    """One market's book, and the moment of the update that made it."""

    def __init__(self, market: str) -> None:
        self._market = market
        self._book = Book()
        self._last: BookUpdate | None = None

    def fold(self, frame: Frame) -> None:
        if frame.channel != "orderbookUpdate":
            return
        event = decode(frame.text, 0)
        if not isinstance(event, tuple) or not isinstance(event[1], BookUpdate):
            return  # recorded as it was received, and played as it was recorded
        update = event[1]
        if update.snapshot or self._last is not None:
            self._book.apply(update)
            self._last = update

    def snapshot(self) -> str | None:
        if self._last is None:
            return None
        at_ns = self._last.exchange_ns or 0
        # A version above the last delta's would make the next one look stale.
        version = self._last.snapshot_id or snapshot_id(at_ns)
        return snapshot_frame(self._market, at_ns, self._book, version=version)


def _read(path: Path) -> Iterator[tuple[int, Frame]]:
    line = 0
    try:
        with path.open("rb") as file:
            promised = _content_bytes(file.read(64))
            file.seek(0)
            reader = zstandard.ZstdDecompressor().stream_reader(file)
            read = 0
            with io.BufferedReader(reader, 1 << 18) as lines:
                while text := lines.readline(_LINE_BYTES_MAX):
                    line += 1
                    read += len(text)
                    yield _parse(path, line, text)
            if promised is not None and read != promised:
                raise RecordingUnreadable(
                    path=path, line=line, why=f"it ends after {read} of {promised} bytes"
                )
    except OSError as error:
        raise RecordingUnreadable(path=path, line=None, why=error.strerror or str(error)) from error
    except zstandard.ZstdError as error:
        raise RecordingUnreadable(path=path, line=line or None, why=str(error)) from error


def _content_bytes(head: bytes) -> int | None:
    """Return how many bytes the zstd frame promises, where it does."""
    size = zstandard.get_frame_parameters(head).content_size
    return None if size == zstandard.CONTENTSIZE_UNKNOWN else size


def _parse(path: Path, line: int, text: bytes) -> tuple[int, Frame]:
    match = _LINE.fullmatch(text)
    if match is None:
        why = "cut short" if not text.endswith(b"}\n") else 'not {"at": ns, "frame": {...}}'
        raise RecordingUnreadable(path=path, line=line, why=why)
    market, channel = _MARKET.search(match[2]), _CHANNEL.search(match[2])
    if market is None or channel is None:
        raise RecordingUnreadable(path=path, line=line, why="a frame of no market or channel")
    try:
        return int(match[1]), Frame(market[1].decode(), channel[1].decode(), match[2].decode())
    except UnicodeDecodeError as error:
        raise RecordingUnreadable(path=path, line=line, why="not UTF-8") from error
