"""The log, open for reading: takes no lock, writes nothing, shows durable records only.

A reader works while a writer runs, and after one has crashed. It trusts the watermark, which the
writer updates after each commit. After the watermark it relies on the rule that a whole frame
proves that those before it were durable. So the bytes of an interrupted write are not visible. To
open a long segment fast, it follows the headers up to the watermark and checks each body only when
it is read. A writer that opens the log, and `integrity`, check all bodies and their chain.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from eventlog import parts, recovery, watermark
from eventlog.errors import Corrupt
from eventlog.frame import Kind, scan
from eventlog.manifest import Manifest
from eventlog.recovery import Tail
from eventlog.segment import Segment
from eventlog.storage import DISK, Storage
from eventlog.watermark import Slots

_ATTEMPTS = 8
"""How often a reader retries when a writer may have changed the files meanwhile (I10)."""


class Reader:
    """A log, open for reading, as of the last `refresh`. Use `Reader.open`."""

    def __init__(
        self, storage: Storage, directory: Path, *, passing: parts.Passing | None = None
    ) -> None:
        self.directory = directory
        self._passing = passing
        self._storage = storage
        self._load()

    @classmethod
    def open(
        cls, directory: Path, *, storage: Storage = DISK, passing: parts.Passing | None = None
    ) -> "Reader":
        """Return a reader of the records that are durable now.

        With ``passing``, reads skip records whose file is damaged, and ``passing`` is called with
        each such hole. Without, damage is an error.

        Raises:
            NoLog: if there is no log.
            Corrupt: if acknowledged records are missing or damaged.
            Incompatible: if a newer version wrote it.
        """
        return cls(storage, directory, passing=passing)

    @property
    def end(self) -> int:
        """The number of durable records at the last `refresh`."""
        return self._last.end

    @property
    def chain(self) -> bytes:
        """The 32 bytes of the chain value after the last visible frame."""
        return self._last.link.chain

    @property
    def identity(self) -> bytes:
        """The unique identity of the log, 16 bytes."""
        return self._manifest.identity

    def read(
        self,
        from_offset: int = 0,
        to_offset: int | None = None,
        *,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Return an iterator over the records from one offset up to another, like `Log.read`."""
        end = self.end if to_offset is None else to_offset
        parts.check(self.directory, from_offset, end, self.end, columns)
        return parts.read(
            self._part_at,
            self._load,
            first=from_offset,
            end=end,
            columns=columns,
            passing=self._passing,
        )

    def chain_after(self, offset: int) -> bytes | None:
        """Return the link after the frame that ends at ``offset``, like `Log.chain_after`."""
        parts.check(self.directory, 0, offset + 1, self.end)
        try:
            return self._part_at(offset).chain_after(offset)
        except FileNotFoundError:
            self._load()
            return self._part_at(offset).chain_after(offset)

    def refresh(self) -> int:
        """Look for records that became durable since, and return the new end.

        It takes one read of the watermark if there are none.

        Raises:
            Corrupt: if acknowledged records are missing or damaged.
        """
        newest = self._slots().newest
        last = self._last
        if newest is None or newest.segment_offset != last.first:
            self._load()
        elif newest.end > last.end:
            data = self._storage.read(last.path, last.position, newest.position - last.position)
            found = scan(data, link=last.link, tag=last.tag, kind=Kind.DATA)
            if found.link.offset == newest.end and found.link.chain == newest.chain:
                base = last.position
                for frame in found.frames:
                    last.take(frame, base)
            else:
                self._show(*look(self._storage, self.directory))
        return self.end

    @property
    def _last(self) -> Segment:
        return self._open[-1]

    def _part_at(self, offset: int) -> parts.Part:
        return parts.part_at(self._parts, offset)

    def _slots(self) -> Slots:
        """Read the watermark; again if a slot may have been in the middle of a write."""
        for _ in range(_ATTEMPTS):
            slots = watermark.read(self._storage, self.directory)
            if not slots.damage:
                break
        return slots

    def _load(self) -> None:
        """Read manifest and open segments again."""
        self._show(*look(self._storage, self.directory, trusting=True))

    def _show(self, manifest: Manifest, tail: Tail) -> None:
        newest, last = tail.slots.newest, tail.last
        assert newest is not None, "case I refuses"
        self._manifest = manifest
        self._open = list(tail.segments)
        if last.end > max(newest.end, last.first):
            # Whole, but not proven durable: the writer may still be waiting for the disk.
            last.forget_last()
        self._parts = parts.parts_of(self._storage, self.directory, manifest, self._open)


def look(storage: Storage, directory: Path, *, trusting: bool = False) -> tuple[Manifest, Tail]:
    """Return the manifest and the open segments of a log that a writer may be changing.

    A writer that appends, rolls or seals meanwhile can make one reading inconsistent. The next
    reading then differs, while real damage stays. For ``trusting`` see `recovery.examine`.

    Raises:
        NoLog: if there is no log.
        Corrupt: if acknowledged records are missing or damaged.
        Incompatible: if a newer version wrote it.
    """
    for _ in range(_ATTEMPTS - 1):
        manifest = recovery.manifest_of(storage, directory)
        with suppress(Corrupt, FileNotFoundError):
            return manifest, recovery.examine(storage, directory, manifest, trusting=trusting)
    manifest = recovery.manifest_of(storage, directory)
    return manifest, recovery.examine(storage, directory, manifest, trusting=trusting)
