"""Repairs a journal, where that is possible without losing anything acknowledged.

Nothing is deleted: bytes that are cut and files that are moved away are kept in a quarantine
directory next to them, under a name with their digest.
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
    """The findings of a journal, grouped by how they are repaired."""

    place: JournalPath
    torn: tuple[Finding, ...]
    """Ends of the log that a write left unfinished: to be cut."""

    lines: tuple[Path, ...]
    """Files of notes: only their undamaged lines are to be kept."""

    displaced: tuple[Finding, ...]
    """Damaged files that others can replace: to be moved away."""

    beyond: tuple[Finding, ...]
    """Findings that cannot be repaired. While there is one, nothing is changed."""

    def actions(self) -> tuple[str, ...]:
        """Return the actions, a sentence each."""
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
    """Return the plan that would repair a journal. Changes nothing.

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
    """Return what would repair a journal; with ``apply`` do it, unless something is beyond repair.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
        Locked: if another process records it.
    """
    repairs = plan(place)
    actions, done = repairs.actions(), apply and not repairs.beyond
    if done:
        _carry_out(repairs)
    verdict = Verdict.REPAIRABLE if actions and not done else Verdict.CLEAN
    return Repaired(
        verdict=Verdict.CORRUPT if repairs.beyond else verdict,
        actions=actions,
        applied=done,
        beyond_repair=tuple(f"{each.path}: {each.message}" for each in repairs.beyond),
    )


def _carry_out(repairs: Plan) -> None:
    if repairs.torn:
        Log.open(repairs.place.log).close()
    for path in repairs.lines:
        whole = sidecar.mended(path.read_bytes())
        _quarantine(path)
        publish(DISK, path, [whole])
    for finding in repairs.displaced:
        _quarantine(finding.path)
        finding.path.unlink()
        DISK.fsync_dir(finding.path.parent)


def _quarantine(path: Path) -> None:
    """Copy a file into the quarantine next to it, under a name with its digest."""
    data = path.read_bytes()
    directory = path.parent / QUARANTINE
    make_directory(DISK, directory)
    publish(DISK, directory / f"{path.name}-{blake3(data).hexdigest()[:16]}", [data])
