"""A filesystem in memory that can lose power, and that can refuse.

It stands in for `eventlog.storage.Disk` under the real code. Every call is counted; at a chosen one
the power fails (`PowerCut`), and `SimFS.after_power_cut` returns a filesystem that holds what a
disk may then hold: all that was synced, and any part of what was not. Writes that were not synced
may be kept or lost, each sector of them by itself; names that were made, moved or removed without a
sync of their directory may be there or not.
"""

import errno
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_UNIQUE = re.compile("^[0-9a-f]{32}[.]")
"""What the names of temporary files begin with; calls are listed without."""


class PowerCut(BaseException):
    """The power failed. Nothing of the program goes on, so no program code may catch it."""


@dataclass(eq=False)
class Inode:
    """A file: what a program reads, what the disk holds, and whether it is a directory."""

    current: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    directory: bool = False


@dataclass(frozen=True)
class Write:
    """Bytes that were written to a file and not synced."""

    inode: Inode
    position: int
    data: bytes


@dataclass(frozen=True)
class Names:
    """Changes to the names of one directory, atomic, not synced: a name → its file, or nothing."""

    parent: Path
    changes: tuple[tuple[Path, Inode | None], ...]


Pending = Write | Names
RecordingSink = Callable[[list[Pending]], list[Pending]]
"""Of the changes that were not synced, in their order, those that reached the disk."""


@dataclass(frozen=True)
class Refusal:
    """From call ``at`` on, once or for ever, calls of these names raise this error.

    A sync that fails leaves the pages as they are read (``drop`` false: later reads see what the
    disk does not hold) or drops them; either way they count as clean and are never written again.
    """

    at: int
    error: int = errno.EIO
    for_ever: bool = False
    drop: bool = False


class SimFS:
    """The simulated filesystem. ``cut_at`` is the number of the call at which the power fails."""

    def __init__(self, *, cut_at: int | None = None, refusal: Refusal | None = None) -> None:
        self.calls: list[str] = []
        self.cut_at = cut_at
        self.refusal = refusal
        self.names: dict[Path, Inode] = {Path("/"): Inode(directory=True)}
        self.durable_names = dict(self.names)
        self.pending: list[Pending] = []
        self.locks: set[Path] = set()
        self.identities = 0
        self.settled = True
        """Whether it is certain that no writer of before is alive; not after a power cut."""

    # --- what `Storage` asks for

    def create(self, path: Path) -> "SimFile":
        self._call("create", path)
        inode = Inode()
        self._name(path.parent, (path, inode))
        self._cut()
        return SimFile(self, path, inode)

    def open(self, path: Path) -> "SimFile":
        self._call("open", path)
        self._cut()
        return SimFile(self, path, self._inode(path))

    def open_synced(self, path: Path) -> "SimFile":
        return SyncedSimFile(self, path, self.open(path)._inode)

    def read(self, path: Path, position: int, size: int) -> bytes:
        self._call("read", path)
        self._cut()
        return bytes(self._inode(path).current[position : position + size])

    def size(self, path: Path) -> int:
        return len(self._inode(path).current)

    def exists(self, path: Path) -> bool:
        return path in self.names

    def forget(self, path: Path) -> None:
        self._inode(path)

    def rename(self, source: Path, target: Path) -> None:
        self._call("rename", target)
        assert source.parent == target.parent
        self._name(source.parent, (target, self._inode(source)), (source, None))
        self._cut()

    def unlink(self, path: Path) -> None:
        self._call("unlink", path)
        self._inode(path)
        self._name(path.parent, (path, None))
        self._cut()

    def listdir(self, path: Path) -> list[str]:
        return sorted(name.name for name in self.names if name.parent == path and name != path)

    def mkdir(self, path: Path) -> None:
        self._call("mkdir", path)
        if path not in self.names:
            self._inode(path.parent)
            self._name(path.parent, (path, Inode(directory=True)))
        self._cut()

    def fsync_dir(self, path: Path) -> None:
        self._call("fsync_dir", path)
        self._cut()
        for change in self._pending_names(path):
            self.durable_names = applied(self.durable_names, change)
            self.pending.remove(change)

    def lock(self, path: Path) -> "SimLock | None":
        if path in self.locks:
            return None
        if path not in self.names:
            self._name(path.parent, (path, Inode()))
        self.locks.add(path)
        settled, self.settled = self.settled, True
        return SimLock(self, path, settled=settled)

    def locked(self, path: Path) -> bool:
        return path in self.locks

    def free_bytes(self, path: Path) -> int:
        return 1 << 40

    def random_identity(self) -> bytes:
        self.identities += 1
        return self.identities.to_bytes(16, "little")

    # --- what may happen to it

    def after_power_cut(self, keep: RecordingSink) -> "SimFS":
        """Return the filesystem that the next boot finds if this much of the rest was kept."""
        after = SimFS()
        after.identities = self.identities + 1
        after.settled = False
        names = self.durable_names
        contents = {inode: bytearray(inode.durable) for inode in self._inodes()}
        for change in keep(list(self.pending)):
            if isinstance(change, Names):
                names = applied(names, change)
            else:
                written(contents[change.inode], change.position, change.data)
        for path in sorted(names):
            if path == Path("/") or path.parent in after.names:
                data = contents[names[path]]
                after.names[path] = Inode(bytearray(data), data, names[path].directory)
        after.durable_names = dict(after.names)
        return after

    def copy(self) -> "SimFS":
        """Return another filesystem that holds what this one shows, all of it durable."""
        other = SimFS()
        other.identities = self.identities + 1
        for path, inode in self.names.items():
            other.put(path, bytes(inode.current), directory=inode.directory)
        return other

    def put(self, path: Path, data: bytes, *, directory: bool = False) -> None:
        """Place a durable file, in place of one that may be there."""
        self.names[path] = Inode(bytearray(data), bytearray(data), directory)
        self.durable_names[path] = self.names[path]

    def after_process_death(self) -> "SimFS":
        """Return this filesystem as another process finds it: nothing is lost, nothing synced."""
        self.locks.clear()
        self.cut_at = self.refusal = None
        self.calls.clear()
        return self

    # --- inside

    def _inodes(self) -> Iterator[Inode]:
        known = [*self.names.values(), *self.durable_names.values()]
        for change in self.pending:
            if isinstance(change, Write):
                known.append(change.inode)
            else:
                known += [inode for _, inode in change.changes if inode is not None]
        return iter(dict.fromkeys(known))

    def _inode(self, path: Path) -> Inode:
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return self.names[path]

    def _name(self, parent: Path, *changes: tuple[Path, Inode | None]) -> None:
        change = Names(parent, changes)
        self.names = applied(self.names, change)
        self.pending.append(change)

    def _pending_names(self, parent: Path) -> list[Names]:
        return [
            change
            for change in self.pending
            if isinstance(change, Names) and change.parent == parent
        ]

    def _call(self, name: str, path: Path) -> None:
        """Count a call, and refuse it if that is planned."""
        self.calls.append(f"{name} {_UNIQUE.sub('', path.name)}")
        refusal, number = self.refusal, len(self.calls)
        if refusal and (number == refusal.at or (refusal.for_ever and number > refusal.at)):
            raise OSError(refusal.error, "refused", str(path))

    def _cut(self) -> None:
        if self.cut_at is not None and len(self.calls) >= self.cut_at:
            raise PowerCut(self.calls[-1])


class SimFile:
    """An open file of a `SimFS`."""

    def __init__(self, fs: SimFS, path: Path, inode: Inode) -> None:
        self._fs, self._path, self._inode = fs, path, inode

    def pwrite(self, data: bytes, position: int) -> None:
        fs = self._fs
        try:
            fs._call("pwrite", self._path)
        except OSError:
            # A disk that is full takes the first part.
            self._write(data[: len(data) // 2], position)
            raise
        self._write(data, position)
        fs._cut()

    def _write(self, data: bytes, position: int) -> None:
        written(self._inode.current, position, data)
        self._fs.pending.append(Write(self._inode, position, bytes(data)))

    def fdatasync(self) -> None:
        self._sync("fdatasync")

    def fsync(self) -> None:
        self._sync("fsync")

    def _sync(self, name: str) -> None:
        fs = self._fs
        mine = [
            change
            for change in fs.pending
            if isinstance(change, Write) and change.inode is self._inode
        ]
        try:
            fs._call(name, self._path)
        except OSError:
            fs.pending = [change for change in fs.pending if change not in mine]
            if fs.refusal and fs.refusal.drop:
                self._inode.current[:] = self._inode.durable
            raise
        fs._cut()
        fs.pending = [change for change in fs.pending if change not in mine]
        # Not all that can be read: what an earlier sync failed to write counts as clean.
        for change in mine:
            written(self._inode.durable, change.position, change.data)

    def is_named(self, path: Path) -> bool:
        return self._fs.names.get(path) is self._inode

    def close(self) -> None:
        pass


class SyncedSimFile(SimFile):
    """One of which each write is a write and a sync, and either may be the last or be refused."""

    def pwrite(self, data: bytes, position: int) -> None:
        super().pwrite(data, position)
        self._sync("dsync")


class SimLock:
    """A lock on a path of a `SimFS`."""

    def __init__(self, fs: SimFS, path: Path, *, settled: bool) -> None:
        self._fs, self._path, self.settled = fs, path, settled
        self._inode = fs.names[path]

    def is_named(self, path: Path) -> bool:
        return self._fs.names.get(path) is self._inode

    def release(self) -> None:
        self._fs.locks.discard(self._path)


def applied(names: dict[Path, Inode], change: Names) -> dict[Path, Inode]:
    """Return the names after a change."""
    after = dict(names)
    for path, inode in change.changes:
        if inode is None:
            after.pop(path, None)
        else:
            after[path] = inode
    return after


def written(content: bytearray, position: int, data: bytes) -> None:
    """Write into a file's bytes, with zeros where it was shorter."""
    content.extend(bytes(max(position - len(content), 0)))
    content[position : position + len(data)] = data


def torn(rng: random.Random, sector_bytes: int) -> RecordingSink:
    """Return a policy that keeps a random half of the changes, and of the sectors of each write."""

    def keep(pending: list[Pending]) -> list[Pending]:
        kept: list[Pending] = []
        for change in pending:
            if isinstance(change, Names):
                kept += [change] if rng.random() < 0.5 else []
                continue
            at, end = change.position, change.position + len(change.data)
            while at < end:
                stop = min(end, at - at % sector_bytes + sector_bytes)
                if rng.random() < 0.5:
                    data = change.data[at - change.position : stop - change.position]
                    kept.append(Write(change.inode, at, data))
                at = stop
        return kept

    return keep


def first(count: int) -> RecordingSink:
    """Return a policy that keeps so many of the changes, the oldest."""
    return lambda pending: pending[:count]


def policies(seed: int, pending: int, samples: int) -> Iterator[tuple[str, RecordingSink]]:
    """Yield ways for so many unsynced changes to end: none, all, every prefix, random parts."""
    for count in range(pending + 1):
        yield f"first {count} of {pending}", first(count)
    for sample in range(samples):
        for sector_bytes in (512, 4096):
            rng = random.Random(f"{seed} {sample} {sector_bytes}")
            yield f"sample {sample} of seed {seed}, {sector_bytes} B", torn(rng, sector_bytes)
