"""Records that a command could not show because their file is damaged.

A command that only reads opens its log here. Damaged records are skipped and reported: when the
command is done, its last sentence names the file and the offsets, and it exits with 5.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from journal.errors import CommandError, JournalCorrupt

if TYPE_CHECKING:
    from eventlog.parts import Hole
    from eventlog.reader import Reader

_met: "dict[Path, Hole]" = {}
"""By file: holes of the same file are joined into one."""


def opened(directory: Path) -> "Reader":
    """Return a reader that skips damaged records, which are reported at the end.

    Raises:
        NoLog: if there is no log.
        Corrupt: if the manifest, watermark or open segments do not hold what was acknowledged.
    """
    from eventlog.reader import Reader  # which takes a moment, and --help does not need it

    return Reader.open(directory, passing=_pass)


def met() -> CommandError | None:
    """Return the error with which the command ends; ``None`` if all records could be shown."""
    if not _met:
        return None
    sentences = [
        f"{hole.path}: offsets {hole.first:,} to {hole.end - 1:,} cannot be shown: {hole.why}"
        for hole in sorted(_met.values())
    ]
    hint = "The rest is as it was recorded. Restore the file from a copy; trader verify says more."
    return JournalCorrupt("\n  ".join(sentences), hint=hint)


def forget() -> None:
    """Forget the holes of an earlier command."""
    _met.clear()


def _pass(hole: "Hole") -> None:
    known = _met.get(hole.path, hole)
    first, end = min(hole.first, known.first), max(hole.end, known.end)
    _met[hole.path] = hole._replace(first=first, end=end)
