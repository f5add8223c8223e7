"""The frames of a market's book, as the exchange writes them, each delta with a checksum.

The checksum is computed from the texts that are sent, by the exchange's published rule, and not
with the engine's code that verifies it. So an error in either of the two is detected.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from zlib import crc32

from eventlog.records import Level, format_e8
from feeds.book import Book, BookSide

_LEVELS_SIGNED = 10


def checksum_of(book: Book) -> int:
    """Return the exchange's CRC32 of the ten best levels a side, bids first.

    Every price and volume counts as its text without the dot and without leading zeros
    (ngin-io/websocket-checksum, README).
    """
    return crc32("".join((*_signed(book.bids), *_signed(book.asks))).encode("ascii"))


def _signed(side: BookSide) -> Iterable[str]:
    for level in islice(side, _LEVELS_SIGNED):
        yield _strip(format_e8(level.price_e8, level.price_decimals))
        yield _strip(format_e8(level.volume_e8, level.volume_decimals))


def _strip(text: str) -> str:
    return text.replace(".", "", 1).lstrip("0")


text_of = json.JSONEncoder(separators=(",", ":")).encode
"""Return a message as the exchange writes it, without blanks."""


def timestamp(at_ns: int) -> str:
    """Return a time as the websocket says it: ISO 8601 UTC with 3 decimals, rounded down.

    >>> timestamp(1790137869259_999_999)
    '2026-09-23T04:31:09.259Z'
    """
    at_ms = at_ns // 1_000_000
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}"


def snapshot_id(at_ns: int) -> int:
    """Return the exchange's version of a moment: milliseconds since 1970, times 1000."""
    return at_ns // 1_000_000 * 1000


def snapshot_frame(market: str, at_ns: int, book: Book, *, version: int) -> str:
    """Return the whole book as one frame, which carries no checksum.

    ``version`` is its ``snapshotId``: a later delta must not have a smaller one.
    """
    return text_of(
        {
            "marketId": market,
            "snapshot": True,
            "timestamp": timestamp(at_ns),
            "snapshotId": version,
            "bids": _rows(book.bids),
            "asks": _rows(book.asks),
            "channel": "orderbookUpdate",
            "messageType": "orderbookUpdate",
        }
    )


def delta_frame(
    market: str, at_ns: int, *, bids: Iterable[Level], asks: Iterable[Level], checksum: int
) -> str:
    """Return changed levels as one frame, with the checksum of the book after them."""
    return text_of(
        {
            "marketId": market,
            "timestamp": timestamp(at_ns),
            "snapshotId": snapshot_id(at_ns),
            "bids": _rows(bids),
            "asks": _rows(asks),
            "messageType": "orderbookUpdate",
            "checksum": str(checksum),
        }
    )


def _rows(levels: Iterable[Level]) -> list[tuple[str, str, int]]:
    return [
        (
            format_e8(level.price_e8, level.price_decimals),
            format_e8(level.volume_e8, level.volume_decimals),
            level.order_count,
        )
        for level in levels
    ]
