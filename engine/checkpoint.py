"""Checkpoints of the state, keyed by offset: a snapshot now and then, a delta after every chunk.

::

    checkpoints/NNNNNNNNNNNNNNNNNNNN.snapshot   the whole state after that offset
    checkpoints/NNNNNNNNNNNNNNNNNNNN.deltas     the change by each chunk since then

A restore takes the newest valid snapshot and its deltas up to the last whole one; then the log's
tail runs through the loop. Rules:

* A checkpoint names the log's chain value at its offset; that of another history is refused.
* It is written after the log's records are durable, so it is never beyond the log.
* A snapshot is published atomically, and read back before older deltas are deleted.
* Preparing a snapshot takes tens of milliseconds and needs only the state that was taken. A live
  session prepares it ``in_background``. Meanwhile deltas are still appended to the previous
  snapshot. Once the new one is prepared, everything that changed since it was taken becomes its
  first delta, which is durable before the snapshot is renamed into place. So the newest state is
  durable at every moment.
* The first checkpoint after a restore is a new snapshot: no process appends to a file of an earlier
  one, so an interrupted delta never has to be truncated.
* Retention keeps the first snapshot for ever, the newest `KEPT_NEWEST`, and of older ones the
  newest of each hour for a day and the newest of each day (in event time).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine import delta, snapshot
from engine.errors import CheckpointDamaged, ForeignCheckpoint
from engine.parameters import Parameters
from engine.snapshot import Facts, Snapshot
from engine.state import Arrays
from eventlog.frame import LINK_BYTES, Frame, Kind, Link, Stop, build, scan
from eventlog.storage import (
    DISK,
    TEMPORARY,
    File,
    Storage,
    make_directory,
    put_in_place,
    read_all,
    write_temporary,
)

DELTAS_BYTES_MAX = 64 << 20
"""Bytes of deltas on one snapshot, after which a new snapshot is due (I10)."""

SNAPSHOT_RECORDS_MAX = 50_000
"""Records between two snapshots, at most, so that a restore stays fast."""

KEPT_NEWEST = 4
_AHEAD_BYTES = 1 << 20
_ZEROS = bytes(1 << 16)
_HEAD_BYTES = 16 << 10


class History(Protocol):
    """What checkpoints need of the log that they belong to."""

    @property
    def end(self) -> int:
        """The offset after the last durable record."""

    def chain_after(self, offset: int) -> bytes | None:
        """Return the first `LINK_BYTES` of the chain value after a record, if it ends a frame."""


class Stateful(delta.Stateful, Protocol):
    """What checkpoints need of an engine."""

    parameters: Parameters

    def state(self) -> Arrays:
        """Return the whole state."""

    def self_check(self, state: Arrays) -> Arrays:
        """Return samples of a state and its network's logits for them (`engine.self_check`)."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A state, the offset of the last record it includes, and the damage that was skipped.

    ``snapshot`` is the state of the snapshot that it was restored from; its network must repeat the
    logits in ``self_check``.
    """

    state: Arrays
    offset: int
    damaged: tuple[CheckpointDamaged, ...]
    snapshot: Arrays
    self_check: Arrays


@dataclass(frozen=True, slots=True)
class _Taken:
    """A whole state after an offset, with everything else that a snapshot needs of the engine."""

    offset: int
    chain: bytes
    parameters: str
    state: Arrays
    small: delta.Small
    self_check: Arrays


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A snapshot that is durable under a temporary name and was read back."""

    taken: _Taken
    facts: Facts
    name: bytes
    temporary: Path


class Promise(Protocol):
    """A snapshot in preparation; `concurrent.futures.Future` is one."""

    def done(self) -> bool:
        """Return whether the preparation has ended, with success or not."""

    def result(self) -> "_Prepared":
        """Wait for the snapshot and return it, or raise the error of its preparation."""


InBackground = Callable[[Callable[[], _Prepared]], Promise]
"""Runs a call in the background, as `concurrent.futures.Executor.submit` does."""


class Checkpoints:
    """The checkpoints of one journal."""

    def __init__(
        self,
        directory: Path,
        *,
        storage: Storage = DISK,
        in_background: InBackground | None = None,
        check_owner: Callable[[], object] = lambda: None,
    ) -> None:
        """Use a directory, which is created with the first checkpoint.

        With ``in_background``, `keep` prepares snapshots there; without, it waits for them.
        ``check_owner`` raises once the log has another writer, whose checkpoints must not be
        touched (`eventlog.log.Log.check_owner`).
        """
        self._check_owner = check_owner
        self._directory = directory
        self._storage = storage
        self._in_background = in_background
        self._deltas: _Deltas | None = None
        self._preparing: Promise | None = None

    def offsets(self) -> list[int]:
        """Return the offsets of all snapshots, oldest first, damaged ones included."""
        if not self._storage.exists(self._directory):
            return []
        names = self._storage.listdir(self._directory)
        return [offset for name in names if (offset := offset_in(name, ".snapshot")) is not None]

    def path(self, offset: int) -> Path:
        """Return the path of the snapshot at an offset."""
        return self._directory / f"{offset:020}.snapshot"

    def facts(self, offset: int) -> Facts:
        """Return the facts of the snapshot at an offset.

        Raises:
            CheckpointDamaged: if its first frame fails a check.
        """
        head = self._storage.read(self.path(offset), 0, _HEAD_BYTES)
        return snapshot.facts_in(head, self.path(offset), offset=offset)

    def read(self, offset: int) -> Snapshot:
        """Return the snapshot at an offset.

        Raises:
            CheckpointDamaged: if any check of it fails.
        """
        path = self.path(offset)
        return snapshot.decode(read_all(self._storage, path), path, offset=offset)

    def deltas(self, offset: int, name: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (offset, the log's chain value there, change) for each whole delta on a snapshot.

        A last delta that was interrupted is left out: its training is repeated from the log.

        Raises:
            CheckpointDamaged: if the file is damaged in another way.
        """
        path = self._directory / f"{offset:020}.deltas"
        if not self._storage.exists(path):
            return
        link, tag = Link(offset + 1, name, 0), offset.to_bytes(8, "little")
        found = scan(read_all(self._storage, path), link=link, tag=tag, kind=Kind.DELTA)
        for frame in found.frames:
            yield (frame.end_offset - 1, *_split(frame, path))
        if found.stop.name == "BROKEN":
            raise CheckpointDamaged(path, found.position, found.reason)

    def interrupted(self, offset: int, name: bytes) -> str:
        """Return why the last delta on a snapshot is not used, or an empty string.

        A process that was killed leaves such a delta. Its training is repeated from the log.
        """
        path = self._directory / f"{offset:020}.deltas"
        if not self._storage.exists(path):
            return ""
        data = read_all(self._storage, path)
        link, tag = Link(offset + 1, name, 0), offset.to_bytes(8, "little")
        found = scan(data, link=link, tag=tag, kind=Kind.DELTA)
        if found.stop is Stop.TORN:
            return f"its last change was interrupted, byte {found.position}: {found.reason}"
        return "it is cut short" if len(data) % _AHEAD_BYTES else ""

    def restore(self, log: History) -> Restored | None:
        """Return the newest valid state of this log, or ``None`` if there is no checkpoint.

        Raises:
            ForeignCheckpoint: if a valid snapshot belongs to another history than the log.
            CheckpointDamaged: if there are snapshots and all are damaged.
        """
        damaged: list[CheckpointDamaged] = []
        for offset in reversed(self.offsets()):
            try:
                kept = self.read(offset)
            except CheckpointDamaged as error:
                damaged.append(error)
                continue
            if not belongs(log, offset, bytes.fromhex(kept.facts.chain)):
                raise ForeignCheckpoint(self.path(offset), offset)
            state, deltas = delta.copied(kept.state), offset
            try:
                for end, chain, change in self.deltas(deltas, kept.name):
                    if not belongs(log, end, chain):
                        break
                    delta.add(state, change)
                    offset = end
            except CheckpointDamaged as error:
                damaged.append(error)
            except ValueError as error:
                path = self._directory / f"{deltas:020}.deltas"
                damaged.append(CheckpointDamaged(path, 0, str(error)))
            return Restored(state, offset, tuple(damaged), kept.state, kept.self_check)
        if damaged:
            raise damaged[0]
        return None

    def keep(self, engine: Stateful, *, offset: int, chain: bytes) -> None:
        """Make the engine's state durable; it includes all records up to ``offset``.

        ``chain`` is the log's chain value there, of which the first `LINK_BYTES` are stored. The
        state is stored as a delta, or as a snapshot where one is due.
        """
        self._check_owner()
        deltas = self._deltas
        if deltas is not None and not deltas.is_named:
            # Another process removed or replaced the file, so its deltas are lost.
            deltas = None
        if deltas is None:
            self.keep_whole(engine, offset=offset, chain=chain)
        elif offset > deltas.offset:
            due = not deltas.has_room or offset - deltas.base >= SNAPSHOT_RECORDS_MAX
            if self._preparing is not None and self._preparing.done():
                self._publish(self._preparing.result(), engine, offset=offset, chain=chain)
            elif due and self._in_background is None:
                self.keep_whole(engine, offset=offset, chain=chain)
            else:
                deltas.append(engine, offset=offset, chain=chain)
                if due and self._in_background is not None and self._preparing is None:
                    taken = _taken(engine, offset=offset, chain=chain)
                    self._preparing = self._in_background(lambda: self._prepared(taken))

    def keep_whole(self, engine: Stateful, *, offset: int, chain: bytes) -> Facts:
        """Write a snapshot, whether one is due or not; return its facts."""
        self._check_owner()
        make_directory(self._storage, self._directory)
        self.close()
        prepared = self._prepared(_taken(engine, offset=offset, chain=chain))
        self._publish(prepared, engine, offset=offset, chain=chain)
        return prepared.facts

    def close(self) -> None:
        """Wait for a snapshot in preparation, drop it, and close the open file."""
        if self._preparing is not None:
            self._preparing.result()
            self._preparing = None
        if self._deltas is not None:
            self._deltas.close()
            self._deltas = None

    def _prepared(self, taken: _Taken) -> _Prepared:
        """Write a state to a durable file under a temporary name, without use of the engine."""
        state, path = taken.state, self.path(taken.offset)
        facts = snapshot.facts_of(
            state, offset=taken.offset, chain=taken.chain, parameters=taken.parameters
        )
        frames, name = snapshot.encode(state, facts, taken.self_check)
        temporary = write_temporary(self._storage, path, frames)
        self._storage.forget(temporary)
        snapshot.decode(read_all(self._storage, temporary), path, offset=taken.offset)
        return _Prepared(taken, facts, name, temporary)

    def _publish(self, prepared: _Prepared, engine: Stateful, *, offset: int, chain: bytes) -> None:
        """Rename a snapshot into place, after the changes since it was taken are a durable delta.

        A file of deltas that exists already is of another snapshot at this offset, whose
        publication was interrupted just before the rename.
        """
        taken = prepared.taken
        deltas = _Deltas(self._directory, self._storage, taken, prepared.name, engine)
        if offset > taken.offset:
            deltas.append(engine, offset=offset, chain=chain)
        elif self._storage.exists(deltas.path):
            self._storage.unlink(deltas.path)
            self._storage.fsync_dir(self._directory)
        self._check_owner()
        put_in_place(self._storage, prepared.temporary, self.path(taken.offset))
        self._preparing = None
        self.close()
        self._deltas = deltas
        self._retire(taken.offset)

    def _retire(self, newest: int) -> None:
        """Remove the files that the newest snapshot, which was read back, makes dispensable."""
        times: dict[int, int] = {}
        for offset in self.offsets():
            try:
                times[offset] = self.facts(offset).time_ns
            except CheckpointDamaged:
                continue  # kept: it is evidence
        for offset in dispensable(times):
            self._storage.unlink(self.path(offset))
        for name in self._storage.listdir(self._directory):
            base = offset_in(name, ".deltas")
            if (base is not None and base < newest) or name.endswith(TEMPORARY):
                self._storage.unlink(self._directory / name)


def _taken(engine: Stateful, *, offset: int, chain: bytes) -> _Taken:
    state = engine.state()
    return _Taken(
        offset,
        chain[:LINK_BYTES],
        engine.parameters.digest,
        state,
        delta.small(engine),
        engine.self_check(state),
    )


def offset_in(file_name: str, suffix: str) -> int | None:
    """Return the offset in a file name of this suffix, or ``None`` if the name has another form."""
    stem = file_name.removesuffix(suffix)
    ours = stem != file_name and len(stem) == 20 and stem.isascii() and stem.isdecimal()
    return int(stem) if ours else None


def belongs(log: History, offset: int, chain: bytes) -> bool:
    """Return whether a chain value is the log's at an offset."""
    return offset < log.end and log.chain_after(offset) == chain


def dispensable(times_ns: dict[int, int]) -> list[int]:
    """Return the offsets of snapshots that need not be kept, given the event time of each.

    >>> hour = 3_600 * 10**9
    >>> dispensable({0: 0, 10: 1, 20: 2, 30: 2 * hour, 40: 3 * hour, 50: 3 * hour, 60: 3 * hour})
    [10]
    """
    offsets = sorted(times_ns)
    kept = set(offsets[:1] + offsets[-KEPT_NEWEST:])
    last_ns = times_ns[offsets[-1]] if offsets else 0
    hour_ns = 3_600 * 10**9
    periods: dict[tuple[int, int], int] = {}
    for offset in offsets:
        period_ns = hour_ns if last_ns - times_ns[offset] <= 24 * hour_ns else 24 * hour_ns
        periods[(period_ns, times_ns[offset] // period_ns)] = offset
    kept.update(periods.values())
    return [offset for offset in offsets if offset not in kept]


def _split(frame: Frame, path: Path) -> tuple[bytes, bytes]:
    body = frame.body()
    if len(body) < LINK_BYTES:
        raise CheckpointDamaged(path, frame.position, "the delta is too short")
    return body[:LINK_BYTES], body[LINK_BYTES:]


class _Deltas:
    """The file of deltas on one snapshot: filled with zeros ahead, one durable frame a delta."""

    def __init__(
        self, directory: Path, storage: Storage, taken: _Taken, name: bytes, engine: Stateful
    ) -> None:
        self.base = self.offset = taken.offset
        self.path = directory / f"{self.base:020}.deltas"
        self._tag = self.base.to_bytes(8, "little")
        self._link = Link(self.base + 1, name, 0)
        self._before = taken.small
        self._rows = (engine.parameters.memory_rows, engine.parameters.archive_rows)
        self._storage = storage
        self._file: File | None = None
        self._position = self._zeroed = 0

    @property
    def has_room(self) -> bool:
        return self._position < DELTAS_BYTES_MAX

    @property
    def is_named(self) -> bool:
        return self._file is None or self._file.is_named(self.path)

    def append(self, engine: Stateful, *, offset: int, chain: bytes) -> None:
        change, self._before = delta.encode(self._before, engine, rows=self._rows)
        data, self._link = build(
            Kind.DELTA,
            chain[:LINK_BYTES] + change,
            count=offset - self.offset,
            link=self._link,
            tag=self._tag,
        )
        while self._position + len(data) > self._zeroed:
            self._fill()
        if self._file is None:
            self._file = self._storage.open_synced(self.path)
            self._storage.fsync_dir(self.path.parent)
        self._file.pwrite(data, self._position)
        self._position += len(data)
        self.offset = offset

    def _fill(self) -> None:
        # Overwriting zeros is twice as fast as growing the file, and steadier: no new metadata.
        storage = self._storage
        file = storage.open(self.path) if self._zeroed else storage.create(self.path)
        end = self._zeroed + _AHEAD_BYTES
        while self._zeroed < end:
            # In pieces, for the same reason as in `eventlog.segment`.
            piece = _ZEROS[: end - self._zeroed]
            file.pwrite(piece, self._zeroed)
            self._zeroed += len(piece)
        file.fsync()
        file.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
