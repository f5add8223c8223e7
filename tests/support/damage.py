"""Ways to hurt a file: bytes in, bytes out. Each says where, so that a failure names it."""

from collections.abc import Iterator

SECTOR_BYTES = 512

Hurt = tuple[str, bytes]


def flipped(data: bytes, bit: int) -> Hurt:
    """Flip one bit."""
    hurt = bytearray(data)
    hurt[bit // 8] ^= 1 << bit % 8
    return f"bit {bit % 8} of byte {bit // 8} flipped", bytes(hurt)


def truncations(data: bytes, step: int = 1) -> Iterator[Hurt]:
    """Cut the file off, at every so many bytes."""
    for size in range(0, len(data), step):
        yield f"cut off at byte {size}", data[:size]


def lengthened(data: bytes) -> Iterator[Hurt]:
    """Put something behind the end."""
    yield "a zero byte behind the end", data + b"\0"
    yield "its own beginning behind the end", data + data[:SECTOR_BYTES]


def zeroed_sectors(data: bytes) -> Iterator[Hurt]:
    """Lose one sector's content."""
    for at in range(0, len(data), SECTOR_BYTES):
        if any(data[at : at + SECTOR_BYTES]):
            hurt = data[:at] + bytes(len(data[at : at + SECTOR_BYTES])) + data[at + SECTOR_BYTES :]
            yield f"zeros in the sector at byte {at}", hurt


def misdirected_sectors(data: bytes) -> Iterator[Hurt]:
    """Write one sector over its neighbour, as a misdirected write does."""
    for at in range(0, len(data) - 2 * SECTOR_BYTES + 1, SECTOR_BYTES):
        sector = data[at : at + SECTOR_BYTES]
        if sector != data[at + SECTOR_BYTES : at + 2 * SECTOR_BYTES]:
            hurt = data[: at + SECTOR_BYTES] + sector + data[at + 2 * SECTOR_BYTES :]
            yield f"the sector at byte {at} also over the next", hurt


def rearranged(data: bytes, pieces: list[tuple[int, int]]) -> Iterator[Hurt]:
    """Drop, repeat and swap pieces of a file, keeping its size. ``pieces`` are (start, end)."""
    end = pieces[-1][1]
    parts = [data[start:stop] for start, stop in pieces]
    for index, _ in enumerate(parts):
        kept = parts[:index] + parts[index + 1 :]
        if index < len(parts) - 1:
            yield f"piece {index} dropped", _refit(data, pieces[0][0], kept, end)
        yield (
            f"piece {index} repeated",
            _refit(data, pieces[0][0], [*parts[: index + 1], *parts[index:]], end),
        )
        if index + 1 < len(parts):
            swapped = [*parts[:index], parts[index + 1], parts[index], *parts[index + 2 :]]
            yield (
                f"pieces {index} and {index + 1} swapped",
                _refit(data, pieces[0][0], swapped, end),
            )


def _refit(data: bytes, start: int, parts: list[bytes], end: int) -> bytes:
    middle = b"".join(parts)
    rest = data[end:]
    hurt = data[:start] + middle + rest
    return hurt[: len(data)].ljust(len(data), b"\0")
