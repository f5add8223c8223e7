"""Recorded frames as records: those that the feed would have made when they were received.

A recording is JSON lines, compressed or not, each with a time of receipt and a message of the
exchange (`feeds.files.frames`). Frames go through the same decoder as those of a socket, so one
that cannot be decoded is an `Undecodable`; so is an invalid line. Frames of other markets, and
heartbeats, are skipped and counted. The unit of a time of receipt is detected as in a table.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eventlog.records import Record, Trade, Undecodable
from eventlog.schema import encode
from feeds.errors import TableUnreadable
from feeds.files import frames
from feeds.files.layout import Layout
from feeds.files.lines import lines
from feeds.files.tables import Reading
from feeds.files.times import time_ns, why_not
from feeds.undecodable import RAW_BYTES_KEPT_MAX
from feeds.venue import BTC_MARKETS, Venue, venue

BATCH_FRAMES = 1_024
AROUND_FRAME_BYTES = 100
"""What a line may have besides its frame: the time of receipt and the keys."""

_BATCH_BYTES = 32 << 20
_NO_LINE = f"not {frames.LINE}"
_OTHER = "frames of other markets"
_CONTROL = "heartbeats and other frames of no market"
_BLANK = "blank lines"
_OTHERS_MAX = 32
_CONTROLS = frozenset(("heartbeat", "error"))


def is_recording(path: Path) -> bool:
    """Return whether a file is a recording, by its name."""
    return any(path.name.lower().endswith(f".jsonl{end}") for end in ("", ".zst", ".gz", ".bz2"))


def readings(
    path: Path, market: str, layout: Layout, first_ns: int = 0, *, of: str = BTC_MARKETS
) -> Iterator[Reading]:
    """Yield a recording's frames of one market as records.

    ``first_ns`` is the time of the first frame; invalid lines before it get this time. ``of`` names
    the venue whose frames they are.

    Raises:
        TableUnreadable: if it is missing or damaged, or has no frame of this market.
    """
    fold = _Fold(venue(of), market, layout.time_unit, first_ns)
    for block in lines(path, fold.line_bytes_max):
        for line in block:
            fold.add(line)
            if fold.lines >= BATCH_FRAMES or fold.size_bytes >= _BATCH_BYTES:
                yield fold.take()
    if not fold.found:
        others = sorted(fold.others)
        there = f"there are: {', '.join(others)}" if others else "there is none"
        raise TableUnreadable(path=path, why=f"no frame of market {market}; {there}")
    yield fold.take()


class _Fold:
    """Lines to records."""

    def __init__(self, place: Venue, market: str, time_unit: str | None, first_ns: int) -> None:
        self._venue = place
        self._market = market
        self.line_bytes_max = place.facts.frame_bytes_max + AROUND_FRAME_BYTES
        self._time_unit = time_unit
        self._received_ns = first_ns
        self.found = False
        self.others: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self._records: list[Record] = []
        self._refused: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._units: Counter[str] = Counter()
        self.lines = 0
        self.size_bytes = 0

    def add(self, line: bytes) -> None:
        """Add the next line."""
        self.lines += 1
        self.size_bytes += len(line)
        if not line.strip():
            self._left_out[_BLANK] += 1
            return
        if len(line) > self.line_bytes_max:
            self._refuse(line, f"a line of more than {self.line_bytes_max:,} bytes")
            return
        try:
            framed = frames.parse(line)
        except ValueError as error:
            self._refuse(line, f"{_NO_LINE}: {error}")
            return
        found = time_ns(framed.at, self._time_unit)
        if found is None:
            self._refuse(line, why_not(framed.at, "at", self._time_unit))
            return
        self._received_ns = found[0]
        self._units[found[1]] += 1
        self._decode(framed.text)

    def _decode(self, text: str) -> None:
        event = self._venue.decode(text, self._received_ns)
        if event is None:
            self._left_out[_CONTROL] += 1
            return
        market, record = event
        if market not in (self._market, None):
            self._left_out[_OTHER] += 1
            if len(self.others) < _OTHERS_MAX:
                self.others.add(market)
            return
        self.found |= market == self._market
        if isinstance(record, Undecodable):
            self._refused["a frame that cannot be decoded"] += 1
        self._records.append(record)

    def _refuse(self, line: bytes, why: str) -> None:
        self._refused[_NO_LINE if why.startswith(_NO_LINE) else why] += 1
        raw = line[:RAW_BYTES_KEPT_MAX]
        self._records.append(Undecodable(received_ns=self._received_ns, raw=raw, why=why))

    def take(self) -> Reading:
        """Return the records of the lines that were added since the last call."""
        reading = Reading(
            encode(self._records, first_offset=0),
            dict(self._refused),
            {},
            dict(self._left_out),
            np.array([isinstance(record, Trade) for record in self._records], np.bool_),
            {"at": self._units},
        )
        self._begin()
        return reading
