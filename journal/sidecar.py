"""Notes next to a log, one JSON object a line: facts about the log that are not part of it.

The last field of a line, ``crc32c``, is the CRC-32C of the previous line's checksum followed by the
line's text before this field. If the previous line has no checksum, the CRC-32C of all earlier
bytes takes its place. So a changed, lost or moved line is detected. Lines of earlier versions have
no checksum and are read as they are.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from crc32c import crc32c

from feeds import clock
from journal.layout import JournalPath

VERIFICATIONS = "verified.jsonl"
"""The outcome of each finished verification."""

SESSIONS = "sessions.jsonl"
"""Each start on an existing journal, also one that was then refused (with ``records``, the number
of its records), and each session that began (with its number and offset), so that a session is
found without reading days of records."""

FROZEN = "frozen.jsonl"
"""The size and the digest of each file that `analysis.freezing` wrote."""

_FIELD = b', "crc32c": "'
_EARLIER = {"time_ns", "session", "offset", "records", "depth", "verdict", "checkpoints"}
"""The fields that a line without a checksum may have."""


class Line(NamedTuple):
    """A line: its fields, ``None`` if it is damaged; what is wrong with it; its checksum."""

    said: dict[str, object] | None
    problem: str
    check: bytes | None


def note(place: JournalPath, file: str, said: dict[str, object]) -> None:
    """Append a line with these fields and the time; do nothing if the file cannot be written."""
    text = json.dumps({"time_ns": clock.now_ns(), **said}).encode()[:-1]
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(place.home / place.name / file, flags, 0o644)
        try:
            # Two verifications may end at once; the lock is held only while a line is written.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            start = b"" if data.endswith(b"\n") or not data else b"\n"
            check = _check(data + start, text)
            os.write(descriptor, start + text + _FIELD + check + b'"}\n')
        finally:
            os.close(descriptor)
    except OSError:
        return


def lines(data: bytes) -> Iterator[Line]:
    """Yield the lines in the bytes of a file of notes, damaged ones too."""
    position, before = 0, None
    for raw in data.split(b"\n"):
        end = position + len(raw)
        if raw:
            line = _line(raw, data[:position], before, whole=end < len(data))
            before = line.check
            yield line
        position = end + 1


def notes(place: JournalPath, file: str) -> Iterator[dict[str, object]]:
    """Yield the fields of each line, oldest first; damaged lines are skipped."""
    try:
        data = (place.home / place.name / file).read_bytes()
    except OSError:
        return
    for line in lines(data):
        if line.said is not None:
            yield line.said


def mended(data: bytes) -> bytes:
    """Return the undamaged lines, with new checksums."""
    whole = b""
    for line in lines(data):
        if line.said is not None:
            text = json.dumps(line.said).encode()[:-1]
            whole += text + _FIELD + _check(whole, text) + b'"}\n'
    return whole


def _line(raw: bytes, above: bytes, before: bytes | None, *, whole: bool) -> Line:
    text, field, rest = raw.rpartition(_FIELD)
    check = rest[:8] if field else None
    try:
        said = json.loads(text + b"}" if field else raw)
    except ValueError:
        return Line(None, "it is no line of JSON", check)
    if not isinstance(said, dict) or not whole:
        return Line(None, "it is cut short", check)
    if field:
        expected = b"%08x" % crc32c((before or b"%08x" % crc32c(above)) + text)
        wrong = rest != expected + b'"}'
        return Line(None if wrong else said, "its checksum is wrong" * wrong, check)
    if before is not None or not set(said) <= _EARLIER:
        return Line(None, "it has lost its checksum", None)
    return Line(said, "", None)


def _check(data: bytes, text: bytes) -> bytes:
    """Return the checksum of a line ``text`` that is appended to the bytes ``data``."""
    before = None
    for line in lines(data):
        before = line.check
    return b"%08x" % crc32c((before or b"%08x" % crc32c(data)) + text)


def path_of(place: JournalPath, file: str) -> Path:
    """Return where a file of notes lies."""
    return place.home / place.name / file


def recoveries(place: JournalPath) -> int:
    """Return how many starts on the existing journal are noted."""
    return sum(1 for line in notes(place, SESSIONS) if "records" in line)


def newest_session(place: JournalPath, end: int) -> int | None:
    """Return the number of the newest session that is noted before an offset."""
    begun = [
        line["session"]
        for line in notes(place, SESSIONS)
        if isinstance(line.get("session"), int)
        and isinstance(at := line.get("offset"), int)
        and at < end
    ]
    return int(str(begun[-1])) if begun else None


def verified(place: JournalPath) -> dict[str, object] | None:
    """Return the outcome of the newest finished verification, if one is noted."""
    return next(reversed([*notes(place, VERIFICATIONS)]), None)


def covered(offset: int, verified: dict[str, object] | None) -> str:
    """Return, in words, whether the newest verification covers a checkpoint, and its verdict."""
    if verified is None or offset >= int(str(verified.get("records", 0))):
        return "not yet"
    if verified.get("depth") == "quick":
        return "not looked at"
    return f"{verified.get('verdict')} ({verified.get('depth')})"
