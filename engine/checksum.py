"""The exchange's checksum over the best ten levels a side of an order book: pure, no book kept.

BTC Markets signs every delta of ``orderbookUpdate`` with the CRC32 (IEEE, as in zlib) of a text:
the best ten bids, best first, then the best ten asks, best first, each as ``strip(price)`` and
``strip(volume)``, where ``strip`` deletes the dot and then all leading zeros, never trailing ones
(ngin-io/websocket-checksum, README and checksum.js). ``strip(text)`` is therefore the number of
smallest *sent* steps, and a price or volume of zero is the empty text: a count of 1e-8 together
with the decimals as sent (see `eventlog.records`) is all that is needed.

Callers decide which levels are the best ten, and what a mismatch means.
"""

from collections.abc import Iterable
from itertools import islice
from zlib import crc32

LEVELS_SIGNED = 10
"""Levels of each side that the checksum covers."""

_STEP = tuple(10 ** (8 - decimals) for decimals in range(9))


def book_checksum(
    bids: Iterable[tuple[int, int, int, int]], asks: Iterable[tuple[int, int, int, int]]
) -> int:
    """Return the CRC32 of a book's best levels, in 0 … 2**32 - 1.

    A level is ``(price_e8, price_decimals, volume_e8, volume_decimals)`` with non-negative counts
    and at most eight decimals. Both sides come best first; only the first ten of each are read.

    >>> book_checksum([(99_000_000, 2, 100_000_000, 0)], [(101_000_000, 2, 200_000_000, 0)])
    2111165642
    >>> book_checksum([], [])
    0
    """
    return checksum_of(
        signed(level) for side in (bids, asks) for level in islice(side, LEVELS_SIGNED)
    )


def signed(level: tuple[int, int, int, int]) -> str:
    """Return the signed text of a level. A book may cache it until the level changes.

    >>> signed((99_000_000, 2, 100_000_000, 0))
    '991'
    """
    price, price_decimals, volume, volume_decimals = level
    return f"{price // _STEP[price_decimals] or ''}{volume // _STEP[volume_decimals] or ''}"


def checksum_of(texts: Iterable[str]) -> int:
    """Return the checksum of the `signed` texts of the best levels, in order."""
    return crc32("".join(texts).encode("ascii"))
