"""Checks of a journal's files besides its log and checkpoints, and the files that no check covers.

Every byte of a journal is under a checksum, or follows from bytes that are, or has no meaning.
Files that have no meaning, or cannot be checked, are listed as not covered, so that *clean* is not
taken for more than it is.
"""

import re
from collections.abc import Iterator

from blake3 import blake3

from engine.checkpoint import offset_in
from eventlog import manifest, recovery, segment, watermark
from eventlog.errors import EventLogError
from eventlog.integrity import Finding
from eventlog.reader import Reader
from eventlog.storage import TEMPORARY
from journal import frozen, sidecar
from journal.layout import JournalPath

FILES = (sidecar.SESSIONS, sidecar.VERIFICATIONS, sidecar.FROZEN)
QUARANTINE = "quarantine"
_KEPT = re.compile("(.+)-([0-9a-f]{16})")
"""The name of a quarantined file: its former name and the beginning of its digest."""


def check_beside(place: JournalPath, log: Reader | None) -> list[Finding]:
    """Return what is wrong with the files next to the log; with a log, also compare them to it."""
    findings = [*_lines(place), *_kept(place)]
    if frozen.is_there(place) and frozen.is_whole(place) is False:
        path = sidecar.path_of(place, frozen.FILE)
        message = "it is not what was kept; trader report --frozen makes it again"
        findings.append(Finding("frozen", path, None, message, repairable=True))
    if log is not None:
        findings += _ahead(place, log)
        findings += _sessions(place, log)
    return findings


def uncovered(place: JournalPath) -> list[str]:
    """Return the files of a journal that no check covers, each with the reason."""
    root = place.home / place.name
    texts = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(root))
            why = _why_uncovered(place, name)
            if why:
                texts.append(f"{name}: {why}")
    return texts


def _why_uncovered(place: JournalPath, name: str) -> str:
    where, _, file = name.rpartition("/")
    if file.endswith(TEMPORARY):
        return "it was never given its name, and goes when the journal is next opened"
    if _is_checked(place, where, file):
        return ""
    if where == "checkpoints" and offset_in(file, ".deltas") is not None:
        return "it belongs to no snapshot that is there"
    if where == "" and file == frozen.FILE:
        return "an earlier version kept it, without a checksum"
    if where == "" and file in FILES:
        return "lines of an earlier version have no checksum"
    return "it is no file of a journal"


def _is_checked(place: JournalPath, where: str, file: str) -> bool:
    if where == "log":
        named = {recovery.LOCK, watermark.NAME, manifest.NAME}
        return (
            file in named
            or segment.first_offset_of(file) is not None
            or offset_in(file, ".parquet") is not None
        )
    if where == "checkpoints":
        base = offset_in(file, ".deltas")
        there = base is not None and (place.checkpoints / f"{base:020}.snapshot").exists()
        return there or offset_in(file, ".snapshot") is not None
    if where.endswith(QUARANTINE):
        return bool(_KEPT.fullmatch(file) or recovery.digest_in(file))
    if where:
        return False
    if file == frozen.FILE:
        return frozen.is_whole(place) is not None
    data = sidecar.path_of(place, file).read_bytes() if file in FILES else b""
    # Lines without a checksum are covered by the first line after them that has one.
    return file in FILES and all(line.check for line in [*sidecar.lines(data)][-1:])


def _lines(place: JournalPath) -> Iterator[Finding]:
    for file in FILES:
        path = sidecar.path_of(place, file)
        data = path.read_bytes() if path.is_file() else b""
        for number, line in enumerate(sidecar.lines(data), 1):
            if line.problem:
                message = f"line {number}: {line.problem}"
                yield Finding("notes", path, None, message, repairable=True)


def _kept(place: JournalPath) -> Iterator[Finding]:
    for where in (place.home / place.name / QUARANTINE, place.checkpoints / QUARANTINE):
        for path in sorted(where.iterdir()) if where.is_dir() else ():
            match = _KEPT.fullmatch(path.name)
            if match and blake3(path.read_bytes()).hexdigest()[:16] != match[2]:
                message = "it is not the file that was moved here"
                yield Finding("quarantine", path, None, message, repairable=False)


def _ahead(place: JournalPath, log: Reader) -> Iterator[Finding]:
    """Find notes of more records than the log holds: the log was replaced by an older copy."""
    for file in (sidecar.SESSIONS, sidecar.VERIFICATIONS):
        counts = [line.get("records") for line in sidecar.notes(place, file)]
        most = max((count for count in counts if isinstance(count, int)), default=0)
        if most > log.end:
            message = (
                f"{file} knows of {most:,} records and the log holds {log.end:,}:"
                " an older copy of it is in its place"
            )
            yield Finding("notes.ahead", place.log, log.end, message, repairable=False)


def _sessions(place: JournalPath, log: Reader) -> Iterator[Finding]:
    """Find noted sessions that do not begin at the noted offset of the log."""
    for line in sidecar.notes(place, sidecar.SESSIONS):
        offset, session = line.get("offset"), line.get("session")
        if not isinstance(offset, int) or not isinstance(session, int):
            continue
        begun = _begun(log, offset)
        if begun is not None and begun != ("session_started", session):
            path = sidecar.path_of(place, sidecar.SESSIONS)
            message = f"session {session} does not begin at offset {offset}, as it says"
            yield Finding("notes.session", path, offset, message, repairable=False)


def _begun(log: Reader, offset: int) -> tuple[object, object] | None:
    """Return the kind and the session of a record; ``None`` if its segment is damaged."""
    if not 0 <= offset < log.end:
        return ("", -1)
    try:
        for batch in log.read(offset, offset + 1, columns=("kind", "session")):
            return batch.column(0)[0].as_py(), batch.column(1)[0].as_py()
    except EventLogError:
        pass
    return None
