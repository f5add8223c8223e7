"""The manifest: the format and identity of a log, and its sealed files.

A text of JSON lines, replaced atomically as a whole after a segment is sealed. The first line has
the format, its version and the log's identity; one line follows for each sealed segment, in order;
the last is the BLAKE3 digest of all lines before. That last line has the same form in every
version, so that a damaged version number is never mistaken for a newer program's.

::

    {"format": "trader.eventlog", "version": 1, "identity": "8c7d…"}
    {"first": 0, "end": 1200, "bytes": 40211, "blake3": "…", "chain_before": "…", "chain": "…"}
    {"blake3": "…"}

A file that the manifest does not name is not part of the log.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from eventlog.errors import Corrupt, Incompatible, NoLog
from eventlog.invariants import hold
from eventlog.storage import Storage, publish, read_all

NAME = "MANIFEST"
FORMAT = "trader.eventlog"
VERSION = 1
HEAD = b'{"format": "%b"' % FORMAT.encode()
"""The beginning of the file in every version."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed segment: records ``first`` up to ``end``, the file's size and digest.

    ``chain_before`` and ``chain`` are the chain values before its first record and after its last.
    """

    first: int
    end: int
    size_bytes: int
    blake3: bytes
    chain_before: bytes
    chain: bytes

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.first:020}.parquet"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The identity of a log and its sealed segments, in order and without a gap.

    ``lines`` are the lines of the text without the last, kept because a log of years has many and
    each seal adds only one.
    """

    identity: bytes
    sealed: tuple[Sealed, ...]
    lines: bytes = field(repr=False, compare=False)

    @classmethod
    def empty(cls, identity: bytes) -> "Manifest":
        """Return the manifest of a new log."""
        head = {"format": FORMAT, "version": VERSION, "identity": identity.hex()}
        return cls(identity, (), _line(head))

    @property
    def end(self) -> int:
        """The offset after the last sealed record."""
        return self.sealed[-1].end if self.sealed else 0

    @property
    def chain(self) -> bytes:
        """The chain value after the last sealed record."""
        return self.sealed[-1].chain if self.sealed else first_chain(self.identity)

    def with_sealed(self, sealed: Sealed) -> "Manifest":
        """Return the manifest with one more segment."""
        follows = sealed.first == self.end
        hold("I1", follows, "a segment follows the last", first=sealed.first, end=self.end)
        hold("I1", sealed.chain_before == self.chain, "a segment continues the chain")
        return Manifest(self.identity, (*self.sealed, sealed), self.lines + _line_of(sealed))


def first_chain(identity: bytes) -> bytes:
    """Return the chain value before the first record of a log (a hash of its identity)."""
    return blake3(FORMAT.encode() + identity).digest()


def to_bytes(manifest: Manifest) -> bytes:
    """Return the text of a manifest."""
    return manifest.lines + _last_line(manifest.lines)


def from_bytes(data: bytes, path: Path) -> Manifest:
    """Return the manifest of a text.

    Raises:
        Corrupt: if the digest is wrong, or the segments do not follow each other.
        Incompatible: if a newer version wrote it.
    """
    cut = data.rfind(b"\n", 0, len(data) - 1) + 1
    text = data[:cut]
    if data[cut:] != _last_line(text):
        raise Corrupt("the digest of the manifest is wrong", path=path)
    head, *rest = [json.loads(line) for line in text.splitlines()]
    if head.get("format") != FORMAT or head.get("version") != VERSION:
        raise Incompatible(
            "the log is of another format",
            path=path,
            expected=f"{FORMAT} {VERSION}",
            actual=f"{head.get('format')} {head.get('version')}",
        )
    identity = bytes.fromhex(head["identity"])
    sealed: list[Sealed] = []
    end, chain = 0, first_chain(identity)
    for line in rest:
        entry = Sealed(
            first=line["first"],
            end=line["end"],
            size_bytes=line["bytes"],
            blake3=bytes.fromhex(line["blake3"]),
            chain_before=bytes.fromhex(line["chain_before"]),
            chain=bytes.fromhex(line["chain"]),
        )
        if entry.first != end or entry.chain_before != chain:
            raise Corrupt("a sealed segment does not follow the one before", path=path)
        sealed.append(entry)
        end, chain = entry.end, entry.chain
    return Manifest(identity, tuple(sealed), text)


def read(storage: Storage, directory: Path) -> Manifest:
    """Return the manifest of a log.

    Raises:
        NoLog: if there is none.
        Corrupt: if it is damaged.
        Incompatible: if a newer version wrote it.
    """
    path = directory / NAME
    if not storage.exists(path):
        raise NoLog("there is no log", path=directory)
    return from_bytes(read_all(storage, path), path)


def write(
    storage: Storage,
    directory: Path,
    manifest: Manifest,
    *,
    check: Callable[[], object] = lambda: None,
) -> None:
    """Replace the manifest, atomically and durably, after a last ``check``."""
    publish(storage, directory / NAME, [to_bytes(manifest)], check=check)


def _line_of(sealed: Sealed) -> bytes:
    return _line(
        {
            "first": sealed.first,
            "end": sealed.end,
            "bytes": sealed.size_bytes,
            "blake3": sealed.blake3.hex(),
            "chain_before": sealed.chain_before.hex(),
            "chain": sealed.chain.hex(),
        }
    )


def _last_line(text: bytes) -> bytes:
    return _line({"blake3": blake3(text).hexdigest()})


def _line(content: dict[str, object]) -> bytes:
    return json.dumps(content).encode() + b"\n"
