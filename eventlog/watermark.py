"""The watermark: a small durable record of how far the log was durable, in a file of its own.

A checksum alone cannot distinguish an interrupted write from damage to the last frame; a second
witness is needed (Alagappan et al., "Protocol-Aware Recovery", FAST 2018). After each commit the
watermark holds the number of records, the segment and byte position of their end, and the chain
value there. It is written *after* the commit was synced, so it is never ahead of the log.

There are two slots, 4096 bytes apart. Commits write to one slot without waiting for the disk, which
survives the death of the process; `sync` makes that slot durable and switches to the other one. So
at every moment one slot is durable and not being written. A power cut can lose the updates since
the last `sync`. The log is then ahead of the watermark, which is normal, but damage to its very
last frame would be taken for an interrupted write. `sync` ends that window.

A slot, little-endian, followed by zeros:

====  ====  ===============================================
at    size  field
====  ====  ===============================================
0     4     magic ``EVM1``
4     4     version, 1
8     8     counter: the slot with the higher one is newer
16    16    identity of the log
32    8     end: the number of durable records
40    8     first offset of the segment that holds the last
48    8     byte position in that segment after it
56    32    chain value there
88    4     epoch of the writer
92    4     CRC-32C of the 92 bytes before
====  ====  ===============================================
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from crc32c import crc32c

from eventlog.errors import Displaced
from eventlog.storage import File, Storage, publish, put_in_place, read_all, write_temporary

NAME = "mark"
MAGIC = b"EVM1"
VERSION = 1
SLOT = struct.Struct("<4sIQ16sQQQ32sI")
SLOT_STRIDE_BYTES = 4096
SLOTS = 2
_ATTEMPTS = 8


class Watermark(NamedTuple):
    """How far the log was durable."""

    identity: bytes
    end: int
    segment_offset: int
    position: int
    chain: bytes
    epoch: int
    counter: int = 0


@dataclass(frozen=True, slots=True)
class Slots:
    """The content of both slots: the newest valid watermark, and the problems of damaged slots.

    ``slot`` is the number of the newest one's slot.
    """

    newest: Watermark | None
    slot: int
    damage: tuple[str, ...]


def to_bytes(watermark: Watermark, counter: int | None = None) -> bytes:
    """Return the bytes of a slot; ``counter`` replaces that of the watermark if given."""
    fields = SLOT.pack(
        MAGIC,
        VERSION,
        watermark.counter if counter is None else counter,
        watermark.identity,
        watermark.end,
        watermark.segment_offset,
        watermark.position,
        watermark.chain,
        watermark.epoch,
    )
    return fields + crc32c(fields).to_bytes(4, "little")


def from_bytes(data: bytes) -> Slots:
    """Return the slots in the bytes of a watermark file."""
    watermarks: list[tuple[int, int, Watermark]] = []
    damage: list[str] = []
    size_bytes = SLOTS * SLOT_STRIDE_BYTES
    if len(data) != size_bytes:
        damage.append(f"it has {len(data)} bytes, not {size_bytes}")
    for slot in range(SLOTS):
        raw = data[slot * SLOT_STRIDE_BYTES : (slot + 1) * SLOT_STRIDE_BYTES]
        fields, check = raw[: SLOT.size], raw[SLOT.size : SLOT.size + 4]
        if len(check) < 4 or crc32c(fields) != int.from_bytes(check, "little"):
            damage.append(f"the checksum of slot {slot} is wrong")
            continue
        if any(raw[SLOT.size + 4 :]) or len(raw) < SLOT_STRIDE_BYTES:
            damage.append(f"the bytes after slot {slot} are not zero")
        magic, version, counter, identity, end, first, position, chain, epoch = SLOT.unpack(fields)
        if magic != MAGIC or version != VERSION:
            damage.append(f"slot {slot} is of another version")
            continue
        found = Watermark(identity, end, first, position, chain, epoch, counter)
        watermarks.append((counter, slot, found))
    if not watermarks:
        return Slots(None, 0, tuple(damage))
    _, slot, newest = max(watermarks, key=lambda entry: entry[0])
    return Slots(newest, slot, tuple(damage))


def read(storage: Storage, directory: Path) -> Slots:
    """Return the slots of a log's watermark file; none, with the reason, if there is no file."""
    path = directory / NAME
    if not storage.exists(path):
        return Slots(None, 0, ("the watermark file is missing",))
    return from_bytes(read_all(storage, path))


def create(
    storage: Storage,
    directory: Path,
    watermark: Watermark,
    *,
    check: Callable[[], object] = lambda: None,
) -> None:
    """Publish a watermark file atomically and durably, after a last ``check``."""
    publish(storage, directory / NAME, _slots(watermark), check=check)


def _claimed(storage: Storage, directory: Path, parts: list[bytes]) -> File:
    path = directory / NAME
    temporary = write_temporary(storage, path, parts)
    ours = storage.open(temporary)
    try:
        put_in_place(storage, temporary, path)
        file = storage.open(path)
        # If the name is still ours now, the file that was opened before is ours too.
        if ours.is_named(path):
            return file
        file.close()
        raise Displaced("another writer has claimed this log at the same time", path=path)
    finally:
        ours.close()


def _slots(watermark: Watermark) -> list[bytes]:
    slots = [to_bytes(watermark), to_bytes(watermark, watermark.counter + 1)]
    return [slot.ljust(SLOT_STRIDE_BYTES, b"\0") for slot in slots]


class WatermarkFile:
    """The watermark file, open for the writer. Use `WatermarkFile.claim`, then `begin`."""

    def __init__(self, storage: Storage, directory: Path, file: File) -> None:
        self._storage, self._directory = storage, directory
        self._path = directory / NAME
        self._file = file
        self._counter = self._slot = 0

    @classmethod
    def claim(cls, storage: Storage, directory: Path) -> "WatermarkFile | None":
        """Replace the file by a copy, and return the copy; ``None`` if there is no file.

        The writer is the process whose file has the name. An earlier writer sees that its file was
        replaced and acknowledges nothing from then on (`is_named`). The claim precedes all reading
        of the log, so that everything that was acknowledged is read.

        Raises:
            Displaced: if another writer did the same at the same time.
        """
        path = directory / NAME
        if not storage.exists(path):
            return None
        for _ in range(_ATTEMPTS):
            data = read_all(storage, path)
            if not from_bytes(data).damage:
                break  # otherwise a slot may be in the middle of a write
        return cls(storage, directory, _claimed(storage, directory, [data]))

    def begin(self, watermark: Watermark, found: Slots) -> None:
        """Write both slots, durably, in place of the slots ``found``.

        Recovery has already considered any problem with those.
        """
        newest = found.newest
        assert newest is not None, "case I refuses"
        slots = _slots(watermark._replace(counter=newest.counter + 1))
        self._counter = newest.counter + 3
        if found.damage:
            claimed = _claimed(self._storage, self._directory, slots)
            self._file.close()
            self._file = claimed
            return
        # In place, and the older slot first: another file would be another claim, which must
        # precede all reading.
        self._slot = (found.slot + 1) % SLOTS
        for slot, data in zip((self._slot, found.slot), slots, strict=True):
            self._file.pwrite(data, slot * SLOT_STRIDE_BYTES)
            self._file.fdatasync()

    def is_named(self) -> bool:
        """Return whether the log's watermark file is still this one, that is, not claimed since."""
        return self._file.is_named(self._path)

    def check_named(self) -> None:
        """Raise `Displaced` unless the log's watermark file is still this one."""
        if not self.is_named():
            raise Displaced(
                "another writer has claimed this log; nothing more is acknowledged here",
                path=self._path,
            )

    def write(self, watermark: Watermark) -> None:
        """Write how far the log is durable, without waiting for the disk."""
        data = to_bytes(watermark, self._counter)
        self._file.pwrite(data, self._slot * SLOT_STRIDE_BYTES)
        self._counter += 1

    def sync(self) -> None:
        """Return when the last write is durable."""
        self._file.fdatasync()
        self._slot = (self._slot + 1) % SLOTS

    def close(self) -> None:
        """Close the file."""
        self._file.close()
