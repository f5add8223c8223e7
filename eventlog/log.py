"""The log, open for its single writer.

``Log.open`` takes the lock and recovers the log. From then on an ``append`` is one record batch,
one frame, one synchronous write. It returns only when the records are on stable storage (I2), at
dense offsets (I1). After a failed write the writer is dead: nothing is retried or acknowledged any
more, and the next opening determines what the disk holds.

Three mechanisms ensure a single writer:

* A lock of the operating system excludes a second writer while the first lives.
* A process may get past the lock, if the lock file was deleted, the directory moved or restored
  from a copy, or if the filesystem keeps no locks. It then *claims* the log before it reads any of
  it, by replacing the file of the watermark. Before every acknowledgement a writer checks that
  lock, watermark and segment are still its own. So the earlier writer acknowledges nothing more and
  raises `Displaced`.
* Every opening raises an epoch that each frame carries, so readers know which opening wrote it.

There is no background thread or process here. The caller decides when and where to seal, and when
to force the watermark to the disk.
"""

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from eventlog import body, frame, parts, recovery, sealing, segment, watermark
from eventlog import manifest as manifests
from eventlog.errors import (
    Corrupt,
    Displaced,
    Locked,
    NoLog,
    TooLarge,
    Unprepared,
    Unwritable,
    WriteFailed,
)
from eventlog.fastpath import row
from eventlog.frame import Kind, Link
from eventlog.lock import WITHOUT_LOCKS
from eventlog.manifest import Manifest, Sealed
from eventlog.parts import Part
from eventlog.records import Record
from eventlog.recovery import Recovery
from eventlog.schema import NAMES, REQUIRED_NUMBERS, SCHEMA, batch_of, columns_of, renumber
from eventlog.sealing import Prepared, SealedSegment, SealWork
from eventlog.segment import Segment
from eventlog.storage import DISK, TEMPORARY, Lock, Storage, make_directory
from eventlog.watermark import Watermark, WatermarkFile

SEGMENT_BYTES = 64 << 20
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS, *WITHOUT_LOCKS}
COMMITS_PER_WATERMARK_SYNC = 256
"""Commits after which the watermark is forced to the disk, also without `sync_watermark`."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Records that are durable, at dense offsets from ``first`` on."""

    records: Sequence[Record]
    first: int
    _columns: Callable[[], Mapping[str, pa.Array]] = field(repr=False, compare=False)

    @property
    def end(self) -> int:
        """The offset after the last."""
        return self.first + len(self.records)

    def batch(self) -> pa.RecordBatch:
        """Return the records as rows, which are built on demand."""
        return batch_of(self._columns(), len(self.records))


class Log:
    """An append-only log, open for writing. Use `Log.open`, and close it."""

    def __init__(
        self,
        storage: Storage,
        directory: Path,
        *,
        lock: Lock,
        manifest: Manifest,
        opened: Sequence[Segment],
        found: Recovery,
        watermark_file: WatermarkFile,
        epoch: int,
        segment_bytes: int,
    ) -> None:
        self.directory = directory
        self.recovery = found
        self._storage = storage
        self._lock = lock
        self._lock_path = directory / recovery.LOCK
        self._manifest = manifest
        self._open = list(opened)
        self._epoch = epoch
        self._last.link = self._last.link._replace(epoch=epoch)
        self._segment_bytes = segment_bytes
        self._watermark_file = watermark_file
        self._file = storage.open_synced(self._last.path)
        self._commits = 0
        self._dead: str | None = None
        self._closed = False
        self._parts = parts.parts_of(storage, directory, manifest, self._open)

    @classmethod
    def open(
        cls, directory: Path, *, storage: Storage = DISK, segment_bytes: int = SEGMENT_BYTES
    ) -> "Log":
        """Return the log of a directory, after recovery; a new one if there is none.

        Args:
            directory: created if missing, with its parents.
            storage: the filesystem.
            segment_bytes: room for frames in each new segment. A larger append gets a segment of
                its own.

        Raises:
            Locked: if another writer has the log.
            Corrupt: if acknowledged records are missing or damaged. Nothing was changed.
            Incompatible: if a newer version wrote it. Nothing was changed.
            Unwritable: if there is no permission, or the filesystem is read-only or keeps no locks.
            WriteFailed: if the device refuses a write.
        """
        with _writing(directory):
            make_directory(storage, directory)
            lock = storage.lock(directory / recovery.LOCK)
        if lock is None:
            raise Locked("another process writes to this log", path=directory / recovery.LOCK)
        try:
            with _writing(directory):
                return cls._opened(storage, directory, lock, segment_bytes)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _opened(cls, storage: Storage, directory: Path, lock: Lock, segment_bytes: int) -> "Log":
        settled = lock.settled
        try:
            manifest = recovery.manifest_of(storage, directory)
        except NoLog:
            manifest, settled = _create(storage, directory, segment_bytes), True
        watermark_file = WatermarkFile.claim(storage, directory)
        try:
            return cls._claimed(
                storage, directory, lock, watermark_file, manifest, segment_bytes, settled=settled
            )
        except BaseException:
            if watermark_file is not None:
                watermark_file.close()
            raise

    @classmethod
    def _claimed(
        cls,
        storage: Storage,
        directory: Path,
        lock: Lock,
        watermark_file: WatermarkFile | None,
        manifest: Manifest,
        segment_bytes: int,
        *,
        settled: bool,
    ) -> "Log":
        for sealed in manifest.sealed:
            sealing.check_size(storage, directory, sealed)
        tail = recovery.examine(storage, directory, manifest)
        assert watermark_file is not None, "case I refuses"
        found = recovery.repair(
            storage, directory, tail, settled=settled, check=watermark_file.check_named
        )
        _tidy(storage, directory, manifest)
        newest = tail.slots.newest
        epoch = max(tail.scan.link.epoch, newest.epoch if newest else 0) + 1
        log = cls(
            storage,
            directory,
            lock=lock,
            manifest=manifest,
            opened=tail.segments,
            found=found,
            watermark_file=watermark_file,
            epoch=epoch,
            segment_bytes=segment_bytes,
        )
        try:
            watermark_file.begin(log._watermark(), tail.slots)
        except BaseException:
            log._file.close()
            raise
        return log

    @property
    def end(self) -> int:
        """The next offset: the number of durable records."""
        return self._last.end

    @property
    def chain(self) -> bytes:
        """The 32 bytes of the chain value after the last frame."""
        return self._last.link.chain

    @property
    def identity(self) -> bytes:
        """The unique identity of the log, 16 bytes."""
        return self._manifest.identity

    def append(self, records: Sequence[Record]) -> Commit:
        """Append records as one commit, and return it when it is durable.

        Without records nothing is written.

        Raises:
            TooLarge: if they exceed one frame. Nothing was written; append them in parts.
            WriteFailed: if the device refuses, now or ever before.
        """
        first = self.end
        if len(records) == 1:
            packed = row.packed(records[0], offset=first)
            self._commit(packed, 1)
            return Commit(records, first, partial(body.columns, packed))
        columns = columns_of(records, first_offset=first)
        if records:
            self._commit(body.pack_columns(columns), len(records))
        return Commit(records, first, lambda: columns)

    def append_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Append rows in the schema of records; their offsets are replaced.

        Raises:
            ValueError: if the batch is not in the schema, or has a null in a required column.
            TooLarge: if it exceeds one frame. Nothing was written; append it in parts.
            WriteFailed: if the device refuses, now or ever before.
        """
        if not batch.schema.equals(SCHEMA):
            raise ValueError("the batch is not in the schema of the log")
        for number in REQUIRED_NUMBERS:
            if batch.column(number).null_count:
                raise ValueError(f"a record without {NAMES[number]}")
        if batch.num_rows:
            batch = renumber(batch, first_offset=self.end)
            self._commit(body.pack(batch), batch.num_rows)
        return batch

    def read(
        self,
        from_offset: int = 0,
        to_offset: int | None = None,
        *,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Return an iterator over the durable records from one offset up to another.

        The sizes of the batches are those that are cheap to read and have no meaning.

        Raises:
            OffsetOutOfRange: at once, if the log does not hold the range.
            ValueError: at once, if a column is not in the schema, or the columns are empty.
            Corrupt: while reading, if a file has changed. The writer is dead then.
        """
        end = self.end if to_offset is None else to_offset
        parts.check(self.directory, from_offset, end, self.end, columns)
        return self._read(from_offset, end, columns)

    def chain_after(self, offset: int) -> bytes | None:
        """Return the first 16 bytes of the chain value after the frame that ends at ``offset``.

        ``None`` if the record there is not the last of a frame. For -1, the value before the first.

        Raises:
            OffsetOutOfRange: if the log does not hold the offset.
            Corrupt: if the file that holds it has changed. The writer is dead then.
        """
        parts.check(self.directory, 0, offset + 1, self.end)
        try:
            return self._part_at(offset).chain_after(offset)
        except Corrupt as error:
            self._die_of(error, self.directory)
            raise

    def check_owner(self) -> None:
        """Raise unless this is still the log's writer. Every append calls it; code that writes
        other files of the same journal should, too.

        Raises:
            Displaced: if another writer claimed the log, or its files were replaced. The writer is
                dead then.
            WriteFailed: if the writer was dead before.
        """
        with self._fatal(self.directory):
            self._check_owner()

    def sync_watermark(self) -> None:
        """Return when the durable watermark is at the end of the log.

        Until then damage to the very last frame, after a power cut, would be taken for an
        interrupted write. Call it when idle; it costs nothing if nothing was appended since. A
        watermark as durable as each commit would double the time of a commit. `close` calls it.

        Raises:
            WriteFailed: if the device refuses, now or ever before.
        """
        with self._fatal(self.directory / watermark.NAME):
            if self._commits:
                self._watermark_file.sync()
        self._commits = 0

    def sealable(self) -> tuple[SealWork, ...]:
        """Return the work of sealing each closed segment, oldest first.

        A segment stays in this list until it is sealed, also while it is being prepared.
        """
        return tuple(
            SealWork(
                closed.path,
                self.identity,
                closed.first,
                closed.end,
                closed.chain_before,
                closed.link.chain,
            )
            for closed in self._open[:-1]
        )

    def commit_seal(self, prepared: Prepared) -> Sealed:
        """Publish the prepared file of the oldest closed segment, in milliseconds.

        Raises:
            Unprepared: if it is of another segment, is missing or has changed. The log is unchanged
                and usable; prepare what is `sealable` again.
            WriteFailed: if the device refuses, now or ever before.
        """
        with self._fatal(prepared.temporary):
            if prepared.work not in self.sealable()[:1]:
                why = "the prepared file is not of the oldest closed segment"
            else:
                why = sealing.misfit(self._storage, prepared)
            if not why:
                return self._publish(prepared)
        raise Unprepared(why, path=prepared.temporary, offset=prepared.work.first)

    def seal(self) -> tuple[Sealed, ...]:
        """Seal all closed segments to Parquet, one after the other, and return what was sealed.

        It may take long. While recording a stream, call `sealing.prepare` for what is `sealable` in
        another process, and then `commit_seal`.

        Raises:
            Corrupt: if a closed segment has changed. The writer is dead then.
            WriteFailed: if the device refuses, now or ever before.
        """
        with self._fatal(self.directory):
            return tuple(
                self._publish(sealing.prepare(work, storage=self._storage))
                for work in self.sealable()
            )

    def close(self) -> None:
        """Make the watermark durable, close the files and release the lock."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._dead is None:
                self.sync_watermark()
        finally:
            # Descriptors of closed files are reused, so nothing may be written to them any more.
            self._dead = "it was closed"
            self._watermark_file.close()
            self._file.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _last(self) -> Segment:
        return self._open[-1]

    def _read(
        self, first: int, end: int, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        try:
            yield from parts.read(self._part_at, _nothing, first=first, end=end, columns=columns)
        except Corrupt as error:
            # Nothing may be appended after records that are not what was acknowledged.
            self._die_of(error, self.directory)
            raise

    def _commit(self, packed: bytes, count: int) -> None:
        """Write the body of ``count`` records as a frame, and return when it is durable."""
        data, after = self._framed(packed, count)
        self._refuse_if_dead(self._last.path)
        try:
            if not self._last.takes(len(data)):
                self._roll(len(data))
                data, after = self._framed(packed, count)
            # Before the write, and after the file was opened: then the file is not another
            # writer's, which would have claimed the log first.
            self._watermark_file.check_named()
            last = self._last
            self._file.pwrite(data, last.position)
            last.note(after, last.position + len(data))
            self._watermark_file.write(self._watermark())
            # After the write: a writer that claims the log from here on will find the frame.
            self._check_owner()
        except BaseException as error:
            self._die_of(error, self._last.path)
            raise
        self._commits += 1
        if self._commits == COMMITS_PER_WATERMARK_SYNC:
            self.sync_watermark()

    def _publish(self, prepared: Prepared) -> Sealed:
        """Do S4 to S6 with the oldest closed segment."""
        self._check_owner()
        self._manifest = sealing.publish(
            self._storage, self.directory, prepared, self._manifest, check=self._check_sealer
        )
        closed = self._open.pop(0)
        sealed = self._manifest.sealed
        path = self.directory / prepared.entry.name
        self._parts[len(sealed) - 1] = SealedSegment(self._storage, path, prepared.entry)
        self._check_owner()
        # S6, not synced: if a power cut brings the file back, opening removes it again.
        self._storage.unlink(closed.path)
        return prepared.entry

    def _framed(self, packed: bytes, count: int) -> tuple[bytes, Link]:
        try:
            last = self._last
            return frame.build(Kind.DATA, packed, count=count, link=last.link, tag=last.tag)
        except ValueError as error:
            raise TooLarge(str(error), path=self.directory, offset=self.end) from error

    def _roll(self, needed_bytes: int) -> None:
        """Close the last segment and publish the next.

        A segment without records has the same name as the next, and is replaced by it.
        """
        made = segment.create(
            self._storage,
            self.directory,
            identity=self.identity,
            link=self._last.link,
            size_bytes=max(self._segment_bytes, needed_bytes),
            check=self._check_owner,
        )
        if made.path == self._last.path:
            self._open.pop()
            self._parts.pop()
        self._open.append(made)
        self._parts.append(made)
        before, self._file = self._file, self._storage.open_synced(self._last.path)
        before.close()
        self._watermark_file.write(self._watermark())
        self._watermark_file.sync()

    def _check_owner(self) -> None:
        self._watermark_file.check_named()
        if not self._file.is_named(self._last.path):
            raise Displaced(
                "this is not the file any more that was being written;"
                " nothing more is acknowledged here",
                path=self._last.path,
            )
        if not self._lock.is_named(self._lock_path):
            raise Displaced(
                "the lock was deleted or replaced, so there may be another writer;"
                " nothing more is acknowledged here",
                path=self._lock_path,
            )

    def _check_sealer(self) -> None:
        if manifests.read(self._storage, self.directory) != self._manifest:
            raise Displaced("another writer has sealed", path=self.directory / manifests.NAME)
        self._check_owner()

    def _watermark(self) -> Watermark:
        last = self._last
        return Watermark(
            self.identity, last.end, last.first, last.position, last.link.chain, self._epoch
        )

    def _part_at(self, offset: int) -> Part:
        return parts.part_at(self._parts, offset)

    @contextmanager
    def _fatal(self, path: Path) -> Iterator[None]:
        """Refuse if the writer is dead; mark it dead after any error inside."""
        self._refuse_if_dead(path)
        try:
            yield
        except BaseException as error:
            self._die_of(error, path)
            raise

    def _refuse_if_dead(self, path: Path) -> None:
        if self._dead is not None:
            raise WriteFailed(f"this writer is dead: {self._dead}", path=path)

    def _die_of(self, error: BaseException, path: Path) -> None:
        """Mark the writer dead after any error, and raise `WriteFailed` for an error of the device.

        An interrupt from the keyboard counts too: only recovery can assess a half-written frame.
        """
        self._dead = str(error) or type(error).__name__
        if isinstance(error, OSError):
            raise WriteFailed(f"the device refused: {error}", path=path) from error


def _create(storage: Storage, directory: Path, segment_bytes: int) -> Manifest:
    """Create an empty log. The manifest is written last: without it there is no log.

    A crash before that leaves an empty segment and perhaps a watermark, which are replaced here.

    Raises:
        Displaced: if another writer creates the log at the same time.
    """

    def check() -> None:
        if storage.exists(directory / manifests.NAME):
            raise Displaced("another writer has begun this log", path=directory)

    identity = storage.random_identity()
    link = Link(0, manifests.first_chain(identity), 0)
    made = segment.create(
        storage, directory, identity=identity, link=link, size_bytes=segment_bytes, check=check
    )
    start = Watermark(identity, 0, 0, made.position, link.chain, 0)
    watermark.create(storage, directory, start, check=check)
    manifest = Manifest.empty(identity)
    manifests.write(storage, directory, manifest, check=check)
    return manifest


def _tidy(storage: Storage, directory: Path, manifest: Manifest) -> None:
    """Remove what an interrupted publication or sealing (S6) left behind.

    Raises:
        Corrupt: if a sealed file that replaces an open segment is damaged: the open one is then the
            better copy.
    """
    sealed = {entry.first: entry for entry in manifest.sealed}
    for file_name in storage.listdir(directory):
        path = directory / file_name
        first = segment.first_offset_of(file_name)
        if first is not None and first < manifest.end:
            if first not in sealed:
                raise Corrupt("an open segment overlaps the sealed ones", path=path, offset=first)
            entry = sealed[first]
            sealing.SealedSegment(storage, directory / entry.name, entry).verify()
        elif not file_name.endswith(TEMPORARY):
            continue
        storage.unlink(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn errors of the device into `WriteFailed`, missing permissions into `Unwritable`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_ALLOWED:
            where = path if error.filename is None else Path(error.filename)
            raise Unwritable(f"it cannot be written to: {error.strerror}", path=where) from error
        raise WriteFailed(f"the device refused: {error}", path=path) from error


def _nothing() -> None:
    """Do nothing: the parts that the writer knows are always current."""
