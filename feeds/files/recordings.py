"""Recorded frames as records: what the feed would have made of them when they were received.

A recording is one zstd frame of JSON lines ``{"at": <ns>, "frame": {...}}``, the time of receipt
and a message of the exchange. Frames go through the same decoder as those of a socket, so one that
cannot be understood is an `Undecodable`, as is a line that is none. Frames of other markets, and
heartbeats, are passed over and counted.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import zstandard

from eventlog.records import Record, Undecodable
from eventlog.schema import encode
from feeds.btcmarkets.protocol import FRAME_BYTES_MAX, RAW_BYTES_KEPT_MAX, decode
from feeds.errors import TableUnreadable
from feeds.files.tables import Reading

BATCH_FRAMES = 1_024
_LINE_BYTES_MAX = FRAME_BYTES_MAX + 100
_LINE = re.compile(rb'\{"at":\s?([0-9]{1,19}),\s?"frame":\s?(\{.*\})\}\s*', re.DOTALL)
_TIME_NS_MAX = 4 * 10**18


def is_recording(path: Path) -> bool:
    """Say whether a file is a recording by its name."""
    return path.name.endswith(".jsonl.zst")


def frames_in(path: Path) -> int:
    """Return how many lines a recording has.

    Raises:
        TableUnreadable: if it is missing or damaged.
    """
    return sum(1 for _ in _lines(path))


def readings(path: Path, market: str) -> Iterator[Reading]:
    """Yield a recording's frames of one market as records.

    Raises:
        TableUnreadable: if it is missing or damaged, or has no frame of this market.
    """
    received_ns = 0
    found = False
    others: set[str] = set()
    records: list[Record] = []
    passed = refused = 0
    for line in _lines(path):
        record: Record | None
        match = _LINE.fullmatch(line)
        if match is None or int(match[1]) > _TIME_NS_MAX:
            why = 'not {"at": ns, "frame": {...}}'
            record = Undecodable(received_ns=received_ns, raw=line[:RAW_BYTES_KEPT_MAX], why=why)
        else:
            received_ns = int(match[1])
            event = decode(match[2], received_ns)
            of, record = event if isinstance(event, tuple) else ("", None)
            if of not in (market, None):
                others |= {of} if of else set()
                record = None
            found |= of == market
        if record is None:
            passed += 1
        else:
            refused += isinstance(record, Undecodable)
            records.append(record)
        if len(records) + passed >= BATCH_FRAMES:
            yield _reading(records, passed, refused)
            records, passed, refused = [], 0, 0
    if not found:
        there = f"there are: {', '.join(sorted(others))}" if others else "there is none"
        raise TableUnreadable(path=path, why=f"no frame of market {market}; {there}")
    yield _reading(records, passed, refused)


def _reading(records: list[Record], passed: int, refused: int) -> Reading:
    return Reading(
        encode(records, first_offset=0),
        {"a frame that cannot be decoded": refused} if refused else {},
        {"frames of other markets, passed over": passed} if passed else {},
    )


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            with io.BufferedReader(reader, 1 << 18) as lines:
                while line := lines.readline(_LINE_BYTES_MAX):
                    yield line
    except OSError as error:
        raise TableUnreadable(path=path, why=error.strerror or str(error)) from error
    except zstandard.ZstdError as error:
        raise TableUnreadable(path=path, why=str(error)) from error
