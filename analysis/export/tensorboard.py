"""Curves as a TensorBoard event file, written without TensorFlow.

An event file is a sequence of records ``length, its checksum, bytes, their checksum`` (TFRecord:
little-endian, CRC-32C rotated by 15 bits with a constant added), each holding one ``Event`` message
of protocol buffers (tensorflow/core/util/event.proto: wall_time = 1, step = 2, file_version = 3,
summary = 5, of which value = 1 has tag = 1 and simple_value = 2).
"""

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from crc32c import crc32c


def write(path: Path, points: Iterable[tuple[float, int, Mapping[str, float]]]) -> int:
    """Write (wall time in s, step, values by tag) points into a new event file; return how many."""
    count = 0
    with path.open("wb") as file:
        file.write(_record(_double(1, 0.0) + _bytes(3, b"brain.Event:2")))
        for wall_s, step, values in points:
            summary = b"".join(
                _bytes(1, _bytes(1, tag.encode()) + _float(2, value))
                for tag, value in values.items()
            )
            file.write(_record(_double(1, wall_s) + _whole(2, step) + _bytes(5, summary)))
            count += 1
    return count


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    value = crc32c(data)
    rotated = (value >> 15 | value << 17) & 0xFFFFFFFF
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value
