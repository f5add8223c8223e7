"""What can be set right without losing anything acknowledged, and only that.

Nothing is deleted: what is cut or taken out of the way is kept in a quarantine directory next to
it, under a name that says its digest.
"""

from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from eventlog import integrity
from eventlog.integrity import Finding
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.storage import DISK, make_directory, publish
from journal import sidecar
from journal.integrity.coverage import QUARANTINE, check_beside
from journal.integrity.verify import check_bytes
from journal.layout import JournalPath
from journal.summaries import Repaired, Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wrong with a journal, by what is to be done about it."""

    place: JournalPath
    torn: tuple[Finding, ...]
    """Ends of the log that a write left unfinished: to be cut."""

    lines: tuple[Path, ...]
    """Files of notes: the lines that check are to be kept."""

    displaced: tuple[Finding, ...]
    """Files that do not check, and that others stand in for: to be moved away."""

    beyond: tuple[Finding, ...]
    """What nothing here mends. While there is any, nothing is done."""

    def actions(self) -> tuple[str, ...]:
        """Return what is to be done, as sentences."""
        return (
            *(
                f"{each.path}: {each.message}: set right, with a copy of what is cut in"
                f" {self.place.log / QUARANTINE}"
                for each in self.torn
            ),
            *(
                f"{path}: keep the lines that check, and it as it is in {path.parent / QUARANTINE}"
                for path in self.lines
            ),
            *(
                f"{each.path}: {each.message}: move to {each.path.parent / QUARANTINE}"
                for each in self.displaced
            ),
        )


def plan(place: JournalPath) -> Plan:
    """Return what would repair a journal. Changes nothing.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
    """
    findings = integrity.check(place.log)
    beyond = [finding for finding in findings if not finding.repairable]
    beside = check_beside(place, None if beyond else Reader.open(place.log))
    beyond += [finding for finding in beside if not finding.repairable]
    frozen = [finding for finding in beside if finding.check == "frozen"]
    return Plan(
        place=place,
        torn=tuple(finding for finding in findings if finding.repairable),
        lines=tuple(sorted({finding.path for finding in beside if finding.check == "notes"})),
        displaced=(*frozen, *check_bytes(place)),
        beyond=tuple(beyond),
    )


def repair(place: JournalPath, *, apply: bool) -> Repaired:
    """Say what would repair a journal; with ``apply`` do it, unless something is beyond repair.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
        Locked: if another process records it.
    """
    found = plan(place)
    actions, done = found.actions(), apply and not found.beyond
    if done:
        _carry_out(found)
    verdict = Verdict.REPAIRABLE if actions and not done else Verdict.CLEAN
    return Repaired(
        verdict=Verdict.CORRUPT if found.beyond else verdict,
        actions=actions,
        applied=done,
        beyond_repair=tuple(f"{each.path}: {each.message}" for each in found.beyond),
    )


def _carry_out(found: Plan) -> None:
    if found.torn:
        Log.open(found.place.log).close()
    for path in found.lines:
        whole = sidecar.mended(path.read_bytes())
        _quarantine(path)
        publish(DISK, path, [whole])
    for finding in found.displaced:
        _quarantine(finding.path)
        finding.path.unlink()
        DISK.fsync_dir(finding.path.parent)


def _quarantine(path: Path) -> None:
    """Put a copy of a file, under a name that says its digest, where nothing is written over."""
    data = path.read_bytes()
    directory = path.parent / QUARANTINE
    make_directory(DISK, directory)
    publish(DISK, directory / f"{path.name}-{blake3(data).hexdigest()[:16]}", [data])
