"""All checks of a journal, to a chosen depth, and the verdict over their findings."""

from enum import StrEnum

from engine.checkpoint import Checkpoints
from engine.executor.choice import Choice
from engine.executor.selection import executor_of
from eventlog.errors import Corrupt, TornTail
from eventlog.integrity import Finding
from eventlog.reader import Reader
from journal import compile_cache
from journal.header import JournalHeader, header_of
from journal.integrity.coverage import check_beside, uncovered
from journal.integrity.inspection import inspect
from journal.integrity.verify import check_checkpoints, check_step, intervals, rerun_all
from journal.layout import JournalPath
from journal.progress import progress, stage
from journal.reading import sessions
from journal.sidecar import VERIFICATIONS, note
from journal.summaries import FindingSaid, Verdict, Verification


class Depth(StrEnum):
    """How much of a journal is checked; see `verify`."""

    QUICK = "quick"
    DEFAULT = "default"
    DEEP = "deep"


def verify(place: JournalPath, depth: Depth, executor: Choice = Choice.AUTO) -> Verification:
    """Check a journal, and note the verdict next to its log. Changes nothing else.

    The depth *quick* reads the manifest, the sizes, the watermark and the open segments. *Default*
    reads every byte, link and checkpoint. *Deep* also runs every interval again, by the
    ``executor``.

    Raises:
        NoLog: if there is no log.
        Incompatible: if a newer version wrote it.
    """
    log = _readable(place)
    count, ran = 0 if log is None else log.end, None
    with progress("reading every byte", count or None) as advance:
        findings = inspect(place.log, quick=depth is Depth.QUICK, advance=advance)
    if depth is not Depth.QUICK:
        findings += check_beside(place, log)
        if log is not None and count:
            header = header_of(log, place)
            findings += _check_states(place, log, header)
            if depth is Depth.DEEP and all(finding.repairable for finding in findings):
                other = check_step(place, log)
                findings += other or _run_again(place, log, header, executor)
                ran = None if other else executor_of(header.parameters.shape).name
    states = len(Checkpoints(place.checkpoints).offsets())
    found = Verification(
        records=count,
        segments=len([*place.log.glob("*.parquet"), *place.log.glob("*.open")]),
        checkpoints=states,
        depth=depth.value,
        findings=tuple(map(_said, findings)),
        uncovered=() if depth is Depth.QUICK else tuple(uncovered(place)),
        executor=ran,
        verdict=verdict_of(findings),
    )
    noted = {"depth": found.depth, "verdict": found.verdict.value}
    note(place, VERIFICATIONS, {**noted, "records": count, "checkpoints": states})
    return found


def verdict_of(findings: list[Finding]) -> Verdict:
    """Return the worst verdict of: corrupt, diverged, another version, cannot verify, repairable,
    clean."""
    checks = [finding.check for finding in findings]
    if any(not each.repairable and _is_of_bytes(each.check) for each in findings):
        return Verdict.CORRUPT
    if any(check.startswith("replay.") for check in checks):
        return Verdict.DIVERGED
    if any(check.startswith(_OTHER_STEP) for check in checks):
        return Verdict.OTHER_VERSION
    if any(check.startswith(_UNJUDGED) for check in checks):
        return Verdict.CANNOT_VERIFY
    return Verdict.REPAIRABLE if findings else Verdict.CLEAN


_UNJUDGED = ("unclaimed.", "reader.")
_OTHER_STEP = "step."


def _is_of_bytes(check: str) -> bool:
    return not check.startswith(("replay.", _OTHER_STEP, *_UNJUDGED))


def _readable(place: JournalPath) -> Reader | None:
    try:
        return Reader.open(place.log)
    except (Corrupt, TornTail):
        return None  # the checks of its bytes report what is wrong


def _check_states(place: JournalPath, log: Reader, header: JournalHeader) -> list[Finding]:
    kept = len(Checkpoints(place.checkpoints).offsets())
    with progress("checking checkpoints", kept) as advance:
        return check_checkpoints(place, log, header, advance)


def _run_again(
    place: JournalPath, log: Reader, header: JournalHeader, executor: Choice
) -> list[Finding]:
    """Return where decisions or states differ from what this program derives."""
    compile_cache.reuse(executor)
    with stage("load"):
        from engine import engine as _  # noqa: F401 - takes a moment
    recorded = sessions.arithmetics(log)
    ours = compile_cache.compiled(header.parameters, header.rules)
    found = intervals(place, log, header, arithmetics=recorded, ours=ours)
    with progress("running again", log.end) as advance:
        return [*rerun_all(found, advance)]


def _said(finding: Finding) -> FindingSaid:
    return FindingSaid(
        check=finding.check,
        path=str(finding.path),
        offset=finding.offset,
        message=finding.message,
    )
