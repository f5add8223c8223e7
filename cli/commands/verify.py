"""`trader verify`: is everything there, as it was, and does it follow from what was recorded?"""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.exit_codes import Exit
from eventlog.printable import printable
from journal import console
from journal.errors import UsageError

if TYPE_CHECKING:
    from journal.summaries import Verification


class Depth(StrEnum):
    """How much is looked at."""

    QUICK = "quick"
    DEFAULT = "default"
    DEEP = "deep"


_VERDICTS = {
    Exit.OK: "clean",
    Exit.REPAIRABLE: "repairable",
    Exit.CORRUPT: "corrupt",
    Exit.DIVERGED: "diverged",
    Exit.CANNOT_VERIFY: "cannot verify here",
    Exit.INCOMPATIBLE: "another version",
}


def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="Manifest, sizes, mark, and the open segments only.")
    ] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also run every interval again, comparing all it says."),
    ] = False,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Check every byte, every link and every checkpoint of a journal. Changes nothing in them.

    What it said is remembered beside them, for status and report.

    The verdict is the last line: clean (0), repairable (4), corrupt (5), diverged (6), cannot
    verify here (7: another arithmetic), or, with --deep, another version (12: of the code that
    decides).
    """
    from engine.checkpoint import Checkpoints
    from eventlog.errors import Corrupt, TornTail
    from eventlog.reader import Reader
    from journal import compile_cache, layout
    from journal.header import header_of
    from journal.integrity.coverage import check_beside, uncovered
    from journal.integrity.inspection import inspect
    from journal.integrity.verify import check_checkpoints, check_step, intervals, rerun_all
    from journal.messages import summary_of
    from journal.progress import progress, stage
    from journal.reading import sessions
    from journal.sidecar import VERIFICATIONS, note
    from journal.summaries import FindingSaid, Verification

    if quick and deep:
        hint = "Without either it is the depth between: every byte, but nothing run again."
        raise UsageError("--quick and --deep exclude each other", hint=hint)
    depth = Depth.DEEP if deep else Depth.QUICK if quick else Depth.DEFAULT
    place = layout.find(home, name)
    count = 0
    try:
        log = Reader.open(place.log)
        count = log.end
    except (Corrupt, TornTail):
        log = None  # what is wrong with it is found below
    with progress("reading every byte", count or None) as advance:
        findings = inspect(place.log, quick=depth is Depth.QUICK, advance=advance)
    if depth is not Depth.QUICK:
        findings += check_beside(place, log)
    if log is not None and count and depth is not Depth.QUICK:
        header = header_of(log, place)
        kept = len(Checkpoints(place.checkpoints).offsets())
        with progress("checking checkpoints", kept) as advance:
            findings += check_checkpoints(place, log, header, advance)
        is_sound = not any(not finding.repairable for finding in findings)
        if depth is Depth.DEEP and is_sound and (other := check_step(place, log)):
            findings += other
        elif depth is Depth.DEEP and is_sound:
            compile_cache.reuse()
            with stage("load"):
                from engine.engine import arithmetic_digest
            recorded = sessions.arithmetics(log)
            with stage("compile") as compiling:
                ours = arithmetic_digest(header.parameters, header.rules)
                compiling.note = compile_cache.origin()
            stretches = intervals(place, log, header, arithmetics=recorded, ours=ours)
            with progress("running again", count) as advance:
                findings += rerun_all(stretches, advance)
    code = _code([(finding.check, finding.repairable) for finding in findings])
    segments = len(list(place.log.glob("*.parquet"))) + len(list(place.log.glob("*.open")))
    states = len(Checkpoints(place.checkpoints).offsets())
    found = Verification(
        records=count,
        segments=segments,
        checkpoints=states,
        depth=depth.value,
        findings=tuple(
            FindingSaid(
                check=finding.check,
                path=str(finding.path),
                offset=finding.offset,
                message=finding.message,
            )
            for finding in findings
        ),
        uncovered=() if depth is Depth.QUICK else tuple(uncovered(place)),
        verdict=_VERDICTS[code],
    )
    noted = ("depth", "verdict", "records", "checkpoints")
    note(place, VERIFICATIONS, {name: getattr(found, name) for name in noted})
    if as_json:
        console.put(summary_of(found))
    else:
        for line in to_lines(place.name, found):
            console.echo(line)
    if code:
        raise typer.Exit(code)


def to_lines(name: str, found: "Verification") -> Iterator[str]:
    """Yield what a person reads; the verdict is the last line."""
    from journal.reading.score import words_of

    for finding in found.findings:
        at = "" if finding.offset is None else f" at offset {finding.offset}"
        yield f"{finding.check}: {printable(finding.path)}{at}: {printable(finding.message)}"
    for line in found.uncovered:
        yield f"not covered: {printable(line)}"
    yield (
        f"{name}: {words_of(found.records, 'record')} in {words_of(found.segments, 'segment')},"
        f" {words_of(found.checkpoints, 'checkpoint')}, depth {found.depth}"
    )
    yield found.verdict


_UNJUDGED = ("unclaimed.", "reader.")
_OTHER_STEP = "step."


def _code(findings: list[tuple[str, bool]]) -> Exit:
    """Return the worst: corrupt, diverged, another version, cannot verify, repairable, clean."""
    if any(not repairable and _is_of_bytes(check) for check, repairable in findings):
        return Exit.CORRUPT
    if any(check.startswith("replay.") for check, _ in findings):
        return Exit.DIVERGED
    if any(check.startswith(_OTHER_STEP) for check, _ in findings):
        return Exit.INCOMPATIBLE
    if any(check.startswith(_UNJUDGED) for check, _ in findings):
        return Exit.CANNOT_VERIFY
    return Exit.REPAIRABLE if findings else Exit.OK


def _is_of_bytes(check: str) -> bool:
    return not check.startswith(("replay.", _OTHER_STEP, *_UNJUDGED))
