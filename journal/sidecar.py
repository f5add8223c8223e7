"""What is noted beside a log, a line of JSON each: what is true of it without being part of it.

The last field of a line, ``crc32c``, is the CRC-32C of the line's text before it, after that of the
line before (or, where that has none, of all bytes before): so a changed, lost or moved line shows.
Lines of earlier versions have none; they are read as they are.
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
"""What each verification that ended said."""

SESSIONS = "sessions.jsonl"
"""Each start on a journal that was there already, also one that was then refused (``records`` says
how many there were), and each session that began (its number and offset), so that nobody has to
look for it through days of records."""


FROZEN = "frozen.jsonl"
"""What `analysis.freezing` kept: the size and the digest of its file."""

_FIELD = b', "crc32c": "'
_EARLIER = {"time_ns", "session", "offset", "records", "depth", "verdict", "checkpoints"}
"""What lines without a checksum may hold."""


class Line(NamedTuple):
    """A line of a file: what it says, if it checks; what is wrong with it; its checksum."""

    said: dict[str, object] | None
    problem: str
    check: bytes | None


def note(place: JournalPath, file: str, said: dict[str, object]) -> None:
    """Write it down with the time; nothing where that may not be written."""
    text = json.dumps({"time_ns": clock.now_ns(), **said}).encode()[:-1]
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(place.home / place.name / file, flags, 0o644)
        try:
            # Two verifications may end at once; nobody holds it longer than a line takes.
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
    """Yield what the bytes of a file of notes say, line by line."""
    position, before = 0, None
    for raw in data.split(b"\n"):
        end = position + len(raw)
        if raw:
            line = _line(raw, data[:position], before, whole=end < len(data))
            before = line.check
            yield line
        position = end + 1


def notes(place: JournalPath, file: str) -> Iterator[dict[str, object]]:
    """Yield what is noted, oldest first; a line that does not check is passed over."""
    try:
        data = (place.home / place.name / file).read_bytes()
    except OSError:
        return
    for line in lines(data):
        if line.said is not None:
            yield line.said


def mended(data: bytes) -> bytes:
    """Return the lines that check, with their checksums anew."""
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
    """Return the checksum of a line that is put after so many bytes."""
    before = None
    for line in lines(data):
        before = line.check
    return b"%08x" % crc32c((before or b"%08x" % crc32c(data)) + text)


def path_of(place: JournalPath, file: str) -> Path:
    """Return where a file of notes lies."""
    return place.home / place.name / file


def recoveries(place: JournalPath) -> int:
    """Return how many starts on a journal that was there are noted."""
    return sum(1 for said in notes(place, SESSIONS) if "records" in said)


def newest_session(place: JournalPath, end: int) -> int | None:
    """Return the number of the newest session that is noted before an offset."""
    begun = [
        said["session"]
        for said in notes(place, SESSIONS)
        if isinstance(said.get("session"), int)
        and isinstance(at := said.get("offset"), int)
        and at < end
    ]
    return int(str(begun[-1])) if begun else None


def verified(place: JournalPath) -> dict[str, object] | None:
    """Return what the newest verification that ended said, if one is noted."""
    return next(reversed([*notes(place, VERIFICATIONS)]), None)


def covered(offset: int, verified: dict[str, object] | None) -> str:
    """Say what the newest verification said of a checkpoint."""
    if verified is None or offset >= int(str(verified.get("records", 0))):
        return "not yet"
    if verified.get("depth") == "quick":
        return "not looked at"
    return f"{verified.get('verdict')} ({verified.get('depth')})"
