"""A recording of frames as a source: every frame verbatim, in the order of the file.

A recording is JSON lines ``{"at": <time>, "frame": {...}}`` (`feeds.files.frames`), possibly
compressed: market time, and a message of the exchange. It is read as a stream twice: completely
when it is opened, to find damage and the markets in it before playing, and again while it plays. A
time that is plausible in no unit is taken as ns of a synthetic clock.

Book deltas are folded while playing, so a client that subscribes in the middle gets a snapshot that
fits the following deltas. Before the recording's own first snapshot none is sent.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from eventlog.records import BookUpdate
from feeds.book import Book
from feeds.btcmarkets.protocol import FRAME_BYTES_MAX, decode, is_market
from feeds.errors import RecordingUnreadable, TableUnreadable
from feeds.files import frames
from feeds.files.lines import lines
from feeds.files.recordings import AROUND_FRAME_BYTES
from feeds.files.times import time_ns
from feeds.simulator.frames import snapshot_frame, snapshot_id
from feeds.simulator.source import Frame

_CHANNELS = ("tick", "trade", "orderbook", "orderbookUpdate")


class Recording:
    """A `Source` that plays one file.

    Raises on construction:
        RecordingUnreadable: if the file is missing, damaged, or holds no frame.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        markets = dict.fromkeys(frame.market for _, frame in _read(path))
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
        """The time of the next frame; ``None`` after the last."""
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
        """Return the snapshot frame of the book at the present position."""
        return self._books[market].snapshot()


class _Folded:
    """One market's book, and the time of its last update."""

    def __init__(self, market: str) -> None:
        self._market = market
        self._book = Book()
        self._last: BookUpdate | None = None

    def fold(self, frame: Frame) -> None:
        if frame.channel != "orderbookUpdate":
            return
        event = decode(frame.text, 0)
        if not isinstance(event, tuple) or not isinstance(event[1], BookUpdate):
            return  # an undecodable frame is played as recorded
        update = event[1]
        if update.snapshot or self._last is not None:
            self._book.apply(update)
            self._last = update

    def snapshot(self) -> str | None:
        if self._last is None:
            return None
        at_ns = self._last.exchange_ns or 0
        # A version above the last delta's would make the next delta look stale.
        version = self._last.snapshot_id or snapshot_id(at_ns)
        return snapshot_frame(self._market, at_ns, self._book, version=version)


def _read(path: Path) -> Iterator[tuple[int, Frame]]:
    line = 0
    try:
        for block in lines(path, FRAME_BYTES_MAX + AROUND_FRAME_BYTES):
            for text in block:
                line += 1
                if text.strip():
                    yield _parse(path, line, text)
    except TableUnreadable as error:
        raise RecordingUnreadable(path=path, line=line or None, why=error.why) from error


def _parse(path: Path, line: int, text: bytes) -> tuple[int, Frame]:
    try:
        framed = frames.parse(text)
    except ValueError as error:
        raise RecordingUnreadable(path=path, line=line, why=str(error)) from error
    market, channel = framed.message.get("marketId"), framed.message.get("messageType")
    if type(market) is not str or not is_market(market) or channel not in _CHANNELS:
        raise RecordingUnreadable(path=path, line=line, why="a frame of no market or channel")
    at = time_ns(framed.at, None)
    due_ns = int(framed.at) if at is None else at[0]
    if due_ns < 0:
        raise RecordingUnreadable(path=path, line=line, why="its time is negative")
    return due_ns, Frame(market, channel, framed.text)
