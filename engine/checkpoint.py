"""The states that are kept, keyed by offset: a snapshot now and then, a delta after every chunk.

::

    checkpoints/NNNNNNNNNNNNNNNNNNNN.snapshot   the whole state after that offset
    checkpoints/NNNNNNNNNNNNNNNNNNNN.deltas     what each chunk since then has changed

Restoring takes the newest snapshot that checks, its deltas up to the last whole one, and then the
log's tail goes through the loop. Rules:

* A checkpoint names the log's chain value at its offset. One of another history is refused.
* It is written after the log's records are durable, so it is never beyond the log.
* A snapshot is published atomically and read back before older deltas go.
* Preparing one takes tens of milliseconds, and needs nothing but the state that was taken. Whoever
  has a stream to keep up with has it done ``beside``: meanwhile changes go on behind the snapshot
  before, and when it is prepared, all that changed since it was taken becomes its first delta,
  which is durable before the snapshot has its name. So no moment is without the newest state.
* The first checkpoint after a restore is a new snapshot: nobody appends to a file of an earlier
  process, so an interrupted delta never has to be cut.
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
"""Deltas on one snapshot; then there is a new snapshot (I10)."""

SNAPSHOT_RECORDS_MAX = 50_000
"""Records between two snapshots, at most, so that a restore stays short."""

KEPT_NEWEST = 4
_AHEAD_BYTES = 1 << 20
_ZEROS = bytes(1 << 16)
_HEAD_BYTES = 16 << 10


class History(Protocol):
    """What a checkpoint has to know of the log that it belongs to."""

    @property
    def end(self) -> int:
        """The offset after the last durable record."""

    def chain_after(self, offset: int) -> bytes | None:
        """Return the first `LINK_BYTES` of the chain value after a record that ends a frame."""


class Stateful(delta.Stateful, Protocol):
    """An engine, as far as keeping its state goes."""

    parameters: Parameters

    def state(self) -> Arrays:
        """Return the whole state."""

    def self_check(self, state: Arrays) -> Arrays:
        """Return samples of a state, and what its network says to them (`engine.self_check`)."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A state, the offset after which it stands, and the snapshots that were passed over.

    ``snapshot`` is the state of the snapshot below it, to be asked again what ``self_check`` holds.
    """

    state: Arrays
    offset: int
    damaged: tuple[CheckpointDamaged, ...]
    snapshot: Arrays
    self_check: Arrays


@dataclass(frozen=True, slots=True)
class _Taken:
    """A whole state after an offset, with all that has to be asked of the engine at that moment."""

    offset: int
    chain: bytes
    parameters: str
    state: Arrays
    small: delta.Small
    self_check: Arrays


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A snapshot that is durable, and was read back, under a temporary name."""

    taken: _Taken
    facts: Facts
    name: bytes
    temporary: Path


class Promise(Protocol):
    """A snapshot that is being prepared, as `concurrent.futures.Future` is one."""

    def done(self) -> bool:
        """Say whether it is prepared, or failed."""

    def result(self) -> "_Prepared":
        """Return it, or raise what it failed of; wait for it if need be."""


Beside = Callable[[Callable[[], _Prepared]], Promise]
"""Has something done while one goes on, as `concurrent.futures.Executor.submit` does."""


class Checkpoints:
    """The checkpoints of one journal."""

    def __init__(
        self,
        directory: Path,
        *,
        storage: Storage = DISK,
        beside: Beside | None = None,
        check_owner: Callable[[], object] = lambda: None,
    ) -> None:
        """Use a directory, which is made when the first checkpoint is.

        With ``beside``, `keep` has snapshots prepared there; without, it waits for them.
        ``check_owner`` raises once the log that the states belong to has another writer: what is
        kept and removed here is then that one's (`eventlog.log.Log.check_owner`).
        """
        self._check_owner = check_owner
        self._directory = directory
        self._storage = storage
        self._beside = beside
        self._deltas: _Deltas | None = None
        self._coming: Promise | None = None

    def offsets(self) -> list[int]:
        """Return the offsets of all snapshots, oldest first, whether they check or not."""
        if not self._storage.exists(self._directory):
            return []
        names = self._storage.listdir(self._directory)
        return [offset for name in names if (offset := offset_in(name, ".snapshot")) is not None]

    def path(self, offset: int) -> Path:
        """Return where the snapshot at an offset stands."""
        return self._directory / f"{offset:020}.snapshot"

    def facts(self, offset: int) -> Facts:
        """Return what the snapshot at an offset says of itself.

        Raises:
            CheckpointDamaged: if its beginning does not check.
        """
        head = self._storage.read(self.path(offset), 0, _HEAD_BYTES)
        return snapshot.facts_in(head, self.path(offset), offset=offset)

    def read(self, offset: int) -> Snapshot:
        """Return the snapshot at an offset.

        Raises:
            CheckpointDamaged: if anything in it does not check.
        """
        path = self.path(offset)
        return snapshot.decode(read_all(self._storage, path), path, offset=offset)

    def deltas(self, offset: int, name: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (offset, the log's chain value there, change) for each whole delta on a snapshot.

        A last delta that was interrupted is not there: its training is repeated from the log.

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
        """Return why the last delta on a snapshot does not count, or nothing.

        A process that was killed leaves that. Its training is repeated from the log.
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
        """Return the newest state of this log that checks, or ``None`` if there is no checkpoint.

        Raises:
            ForeignCheckpoint: if a snapshot that checks is of another history than the log.
            CheckpointDamaged: if there are snapshots and none checks.
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
        """Keep the engine's state, which includes all records up to ``offset``; then it is durable.

        ``chain`` is the log's chain value there, of which the first `LINK_BYTES` are kept. It is
        kept as a delta, or as a snapshot where one is due.
        """
        self._check_owner()
        deltas = self._deltas
        if deltas is not None and not deltas.is_named:
            # Somebody removed or replaced the file: what went there is not kept.
            deltas = None
        if deltas is None:
            self.keep_whole(engine, offset=offset, chain=chain)
        elif offset > deltas.offset:
            due = not deltas.has_room or offset - deltas.base >= SNAPSHOT_RECORDS_MAX
            if self._coming is not None and self._coming.done():
                self._publish(self._coming.result(), engine, offset=offset, chain=chain)
            elif due and self._beside is None:
                self.keep_whole(engine, offset=offset, chain=chain)
            else:
                deltas.append(engine, offset=offset, chain=chain)
                if due and self._beside is not None and self._coming is None:
                    taken = _taken(engine, offset=offset, chain=chain)
                    self._coming = self._beside(lambda: self._prepared(taken))

    def keep_whole(self, engine: Stateful, *, offset: int, chain: bytes) -> Facts:
        """Keep a snapshot, whether one is due or not; return what it says of itself."""
        self._check_owner()
        make_directory(self._storage, self._directory)
        self.close()
        prepared = self._prepared(_taken(engine, offset=offset, chain=chain))
        self._publish(prepared, engine, offset=offset, chain=chain)
        return prepared.facts

    def close(self) -> None:
        """Let go of the open file, and of a snapshot that is being prepared, once it is."""
        if self._coming is not None:
            self._coming.result()
            self._coming = None
        if self._deltas is not None:
            self._deltas.close()
            self._deltas = None

    def _prepared(self, taken: _Taken) -> _Prepared:
        """Make a state a durable file that has not its name yet. Needs nothing of the engine."""
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
        """Give a snapshot its name, once what has changed since it was taken is durable behind it.

        Deltas of its name that are there are of another snapshot, whose publication was interrupted
        just before it had its name.
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
        self._coming = None
        self.close()
        self._deltas = deltas
        self._retire(taken.offset)

    def _retire(self, newest: int) -> None:
        """Remove what the newest snapshot, which was read back, makes dispensable."""
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
    """Return the offset in the name of a file of that suffix, or ``None`` if it is none of ours."""
    stem = file_name.removesuffix(suffix)
    ours = stem != file_name and len(stem) == 20 and stem.isascii() and stem.isdecimal()
    return int(stem) if ours else None


def belongs(log: History, offset: int, chain: bytes) -> bool:
    """Say whether a chain value is the log's at an offset."""
    return offset < log.end and log.chain_after(offset) == chain


def dispensable(times_ns: dict[int, int]) -> list[int]:
    """Return which snapshots need not be kept, given each one's offset and event time.

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
    """The file of deltas on one snapshot, zero-filled ahead, one durable frame a delta."""

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
        # Appending to a file that was written before is twice as fast and steadier: no metadata.
        storage = self._storage
        file = storage.open(self.path) if self._zeroed else storage.create(self.path)
        end = self._zeroed + _AHEAD_BYTES
        while self._zeroed < end:
            # In pieces, as a segment is filled, and for the same reason.
            piece = _ZEROS[: end - self._zeroed]
            file.pwrite(piece, self._zeroed)
            self._zeroed += len(piece)
        file.fsync()
        file.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
