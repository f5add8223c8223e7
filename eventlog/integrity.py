"""Check a log for damage, without changes and without a lock.

`check_quick` checks the manifest, the sizes of the sealed files, the watermark, and every frame of
the open segments. `check` also reads every byte of the sealed files: digests, page checksums, rows,
offsets and kinds. Both return a list of findings. An empty list means that every acknowledged
record is present and unchanged.

While a writer runs, an unfinished last write is normal and no finding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from blake3 import blake3

from eventlog import frame, lock, recovery, sealing, segment, watermark
from eventlog import manifest as manifests
from eventlog.errors import Corrupt, EventLogError, TornTail
from eventlog.manifest import Manifest
from eventlog.parts import Part
from eventlog.reader import look
from eventlog.records import KINDS
from eventlog.recovery import Outcome, Tail
from eventlog.sealing import SealedSegment
from eventlog.storage import DISK, Storage, read_all


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: the check that found it, its place, and whether opening the log repairs it.

    ``offset`` is the record at which it is, or the last one before it, where that is known.
    """

    check: str
    path: Path
    offset: int | None
    message: str
    repairable: bool


def _ignore(path: Path, records: int) -> None:
    """Ignore the progress."""


def check_quick(directory: Path, *, storage: Storage = DISK) -> list[Finding]:
    """Return the problems of the manifest, the files' sizes, the watermark and the open segments.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
    """
    return list(_structure(storage, directory))


def check(
    directory: Path, *, storage: Storage = DISK, progress: Callable[[Path, int], None] = _ignore
) -> list[Finding]:
    """Return all problems of a log. Reads every byte.

    ``progress`` is called with each file that is read and the number of records read since.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
    """
    findings = list(_structure(storage, directory))
    damaged = {finding.path for finding in findings}
    for part in _parts(storage, directory):
        if part.path in damaged:
            continue
        try:
            _check_rows(part, progress)
        except FileNotFoundError:
            # A running writer has sealed it since, and compared the Parquet file with it.
            continue
        except EventLogError as error:
            findings.append(_finding("rows", error))
        except OSError as error:
            findings.append(_unreadable(part.path, part.first, error))
    findings += _quarantined(storage, directory / recovery.QUARANTINE)
    return findings


def _unreadable(path: Path, offset: int | None, error: OSError) -> Finding:
    """Report a file that the device cannot read: its bytes are lost."""
    message = f"the device refused to read it: {error.strerror}"
    return Finding("device", path, offset, message, repairable=False)


def _quarantined(storage: Storage, directory: Path) -> Iterator[Finding]:
    """Find quarantined copies whose content does not match the digest in their names."""
    for file_name in storage.listdir(directory) if storage.exists(directory) else ():
        path = directory / file_name
        digest = recovery.digest_in(file_name)
        if digest and blake3(read_all(storage, path)).hexdigest()[: len(digest)] != digest:
            message = "its content does not match the digest in its name"
            yield Finding("quarantine", path, None, message, repairable=False)


def _structure(storage: Storage, directory: Path) -> Iterator[Finding]:
    try:
        manifest = recovery.manifest_of(storage, directory)
    except Corrupt as error:
        yield _finding("manifest", error)
        return
    for sealed in manifest.sealed:
        try:
            sealing.check_size(storage, directory, sealed)
        except Corrupt as error:
            yield _finding("sealed", error)
    yield from _strays(storage, directory, manifest)
    yield from _lock(storage, directory)
    try:
        _, tail = look(storage, directory)
    except Corrupt as error:
        yield _finding("open", error)
        return
    except OSError as error:
        path = directory if error.filename is None else Path(error.filename)
        yield _unreadable(path, None, error)
        return
    yield from _tail(storage, directory, tail)


def _tail(storage: Storage, directory: Path, tail: Tail) -> Iterator[Finding]:
    for damage in tail.slots.damage:
        yield Finding("mark", directory / watermark.NAME, None, damage, repairable=True)
    if tail.case.outcome is Outcome.CUT and not storage.locked(directory / recovery.LOCK):
        scan = tail.scan
        message = (
            f"case {tail.case.letter}: {tail.case.why}: {scan.reason}, "
            f"bytes {scan.position} to {scan.used_bytes}"
        )
        torn = TornTail(message, path=tail.last.path, offset=scan.link.offset)
        yield _finding("open", torn)


def _lock(storage: Storage, directory: Path) -> Iterator[Finding]:
    """Find a lock file that no process holds and whose content no writer leaves."""
    path = directory / recovery.LOCK
    if storage.exists(path) and not storage.locked(path):
        problem = lock.problem(read_all(storage, path))
        if problem:
            yield Finding("lock", path, None, problem, repairable=True)


def _strays(storage: Storage, directory: Path, manifest: Manifest) -> Iterator[Finding]:
    """Find record files that no interrupted sealing explains."""
    named = {entry.name for entry in manifest.sealed}
    firsts = {entry.first for entry in manifest.sealed}
    names = storage.listdir(directory)
    for file_name in names:
        first = segment.first_offset_of(file_name)
        if first is not None and first < manifest.end and first not in firsts:
            message = "an open segment overlaps the sealed ones"
            yield Finding("stray", directory / file_name, first, message, repairable=False)
        if not file_name.endswith(sealing.SUFFIX) or file_name in named:
            continue
        # Between S4 and S5 the open segment that it was made from still exists.
        twin = file_name.removesuffix(sealing.SUFFIX) + segment.SUFFIX
        if twin not in names:
            message = f"{manifests.NAME} does not name this file"
            yield Finding("stray", directory / file_name, None, message, repairable=False)


def _parts(storage: Storage, directory: Path) -> Iterator[Part]:
    """Yield the readable parts: the sealed segments, and the open ones if they are sound."""
    try:
        manifest = recovery.manifest_of(storage, directory)
    except Corrupt:
        return
    for entry in manifest.sealed:
        yield SealedSegment(storage, directory / entry.name, entry)
    try:
        yield from recovery.examine(storage, directory, manifest).segments
    except (Corrupt, OSError):
        return


def _check_rows(part: Part, progress: Callable[[Path, int], None]) -> None:
    """Read all records of a part; raise `Corrupt` if one has a wrong offset or unknown kind."""
    position = part.first
    for batch in part.read(part.first, part.end):
        offsets = pa.array(range(position, position + batch.num_rows), pa.int64())
        if batch.column("offset") != offsets:
            raise Corrupt("the offsets are not dense (I1)", path=part.path, offset=position)
        unknown = set(batch.column("kind").unique().to_pylist()) - set(KINDS)
        if unknown:
            raise Corrupt(f"unknown kinds {sorted(unknown)}", path=part.path, offset=position)
        position += batch.num_rows
        progress(part.path, batch.num_rows)
    if position != part.end:
        raise Corrupt("records are missing", path=part.path, offset=position)
    if isinstance(part, SealedSegment):
        _check_links(part)


def _check_links(part: SealedSegment) -> None:
    """Compare the last link that a sealed file holds with the manifest's chain value."""
    last = part.stored_link(part.end - 1)
    if last != part.entry.chain[: frame.LINK_BYTES]:
        raise Corrupt(
            "the file ends with another chain value than the manifest says",
            path=part.path,
            offset=part.end - 1,
            expected=part.entry.chain[: frame.LINK_BYTES],
            actual=last,
        )


def _finding(check_name: str, error: EventLogError) -> Finding:
    return Finding(check_name, error.path, error.offset, error.what, isinstance(error, TornTail))
