"""`trader verify`: is a journal whole and unchanged, and can it be derived again?"""

from collections.abc import Iterator
from typing import Annotated

import typer

from cli import options
from cli.answer import answer
from cli.exit_codes import end_with
from journal.errors import UsageError
from journal.summaries import Verification


def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the manifest, sizes, watermark and open segments.")
    ] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also recompute every interval and compare."),
    ] = False,
    executor: options.Executor = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Check every byte, every link and every checkpoint of a journal, without changing them.

    The result is stored next to the log, for status and report. The verdict is the last line:
    clean (0), repairable (4), corrupt (5), diverged (6), cannot verify here (7: other arithmetic),
    or, with --deep, another version (12: of the code that decides).
    """
    from journal import layout
    from journal.asked.settings import settings
    from journal.integrity import verification
    from journal.integrity.verification import Depth

    if quick and deep:
        hint = "Without either it is the depth between: every byte, but nothing run again."
        raise UsageError("--quick and --deep exclude each other", hint=hint)
    depth = Depth.DEEP if deep else Depth.QUICK if quick else Depth.DEFAULT
    place = layout.find(home, name)
    wanted = settings(home, options.assigned(None, executor)).executor
    found = verification.verify(place, depth, wanted)
    answer(found, to_lines(place.name, found), as_json=as_json)
    end_with(found.verdict)


def to_lines(name: str, found: Verification) -> Iterator[str]:
    """Yield what a person reads; the verdict is the last line."""
    from journal.reading.score import words_of

    for finding in found.findings:
        at = "" if finding.offset is None else f" at offset {finding.offset}"
        yield f"{finding.check}: {finding.path}{at}: {finding.message}"
    for line in found.uncovered:
        yield f"not covered: {line}"
    yield (
        f"{name}: {words_of(found.records, 'record')} in {words_of(found.segments, 'segment')},"
        f" {words_of(found.checkpoints, 'checkpoint')}, depth {found.depth}"
    )
    yield found.verdict
