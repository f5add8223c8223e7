"""An import from its plan to its summary: files checked, read, recorded and learned from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from feeds.files.layout import Layout
from feeds.files.survey import Survey
from journal import compile_cache
from journal.asked import preflight
from journal.asked.names import check_market
from journal.asked.settings import Settings
from journal.errors import Interrupted
from journal.import_source import Unfinished, surveyed, why_no_label
from journal.layout import IMPORTED, JournalPath
from journal.progress import stage
from journal.summaries import FileSaid, ImportSummary

if TYPE_CHECKING:
    from journal.importing import Imported


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What an import was asked for."""

    files: Sequence[Path]
    """In the order in which they are merged where times are equal."""
    market: str
    venue: str
    """Whose frames recordings have, and whose rules the journal gets."""
    layout: Layout
    home: Path
    settings: Settings

    @property
    def place(self) -> JournalPath:
        """The journal that the files become."""
        return JournalPath(self.home, self.market + IMPORTED)


def import_files(plan: ImportPlan, *, tell: Callable[[str], None]) -> ImportSummary:
    """Import the records that the journal lacks; return a summary.

    ``tell`` is called once for each file, with a sentence about how it was understood.

    Raises:
        VenueUnknown: if there is no such venue.
        CommandError: (2) if files, market or journal are not what they have to be, (3) if the home
            cannot be written to, (12) if another version of the step began the journal, (21) if
            there is too little room, (130) if it was interrupted.
        TableUnreadable: if a file cannot be read, or was changed meanwhile.
        Locked: if another process writes the journal.
    """
    surveys = _checked(plan, tell)
    compile_cache.reuse(plan.settings.executor)
    with stage("load"):
        from journal.importing import Importing
    importing = Importing(plan.place, surveys, settings=plan.settings, venue=plan.venue)
    try:
        outcome = importing.run()
    except KeyboardInterrupt:
        hint = "Nothing is lost: the same command goes on from there."
        raise Interrupted(f"{plan.place.name}: interrupted", hint=hint) from None
    return _summary(plan.place.name, surveys, outcome)


def _checked(plan: ImportPlan, tell: Callable[[str], None]) -> list[Survey]:
    """Refuse a plan that cannot be run; return what the files hold."""
    check_market(plan.market, venue_name=plan.venue)
    preflight.check_files(plan.files)
    preflight.check_home(plan.home, min_free_bytes=plan.settings.min_free_bytes)
    preflight.check_unlocked(plan.place)
    surveys = surveyed(plan.files, plan.market, plan.layout, venue=plan.venue, tell=tell)
    Unfinished(plan.place, plan.settings, plan.venue).check(surveys)
    return surveys


def _summary(name: str, surveys: Sequence[Survey], outcome: "Imported") -> ImportSummary:
    score = outcome.score
    is_known = score.scored or outcome.resumed_at  # what was learned before is not counted
    return ImportSummary(
        journal=name,
        files=tuple(_file(each) for each in surveys),
        rows=sum(each.rows for each in surveys),
        records=outcome.records,
        resumed_at=outcome.resumed_at,
        duplicates=outcome.duplicates,
        left_out=dict(sorted(outcome.left_out.items())),
        undecodable=outcome.undecodable,
        refused=dict(sorted(outcome.refused.items())),
        crossed=outcome.noted["crossed"],
        noted=dict(sorted(outcome.noted.items())),
        ticks=score.decisions,
        fills=score.fills,
        labels=score.scored,
        log_loss=score.log_loss,
        baseline_log_loss=score.baseline_log_loss,
        accuracy=score.accuracy,
        equity=score.equity,
        fingerprint=score.fingerprint_hex,
        nothing_learned=None if is_known else why_no_label(surveys, outcome.horizon_ms),
        executor=outcome.executor,
        seconds=round(outcome.seconds, 3),
    )


def _file(each: Survey) -> FileSaid:
    return FileSaid(
        name=str(each.path),
        kind=each.kind,
        rows=each.rows,
        records=each.records,
        columns=each.columns,
        time_units={name: dict(units) for name, units in each.units.items() if units},
    )
