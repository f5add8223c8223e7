"""An evaluation, from its options to its figures; refused before TensorFlow is loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.summaries import EvaluationSummary
from engine.executor.choice import Choice
from engine.parameters import parameters_from
from engine.venue_rules import rules_at
from eventlog.reader import Reader
from feeds.files.layout import Layout
from feeds.streams import STREAMS
from feeds.venue import BTC_MARKETS
from journal import compile_cache
from journal.asked import preflight
from journal.asked.choices import check_choice
from journal.asked.names import check_market
from journal.errors import UsageError
from journal.header import check_venue, header_of
from journal.import_source import surveyed
from journal.layout import find
from journal.progress import stage

if TYPE_CHECKING:
    from analysis.evaluation.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """The options of an evaluation of one source: a journal, files, or a synthetic market."""

    home: Path
    journal: str | None
    """The name of a journal; ``None`` is the only one of the home, if no other source is named."""
    files: Sequence[Path]
    layout: Layout
    """How the files are to be read."""
    market: str
    """The market's id, for recorded frames."""
    venue: str | None
    """The exchange of the files; ``None`` is the journal's, or BTC Markets."""
    stream: str | None
    """The name of a synthetic market (`feeds.streams`)."""
    seed: int
    ticks: int
    baselines: str
    """What the engine is compared with: none, rules, fast or all. Each includes the one before."""
    with_frozen: bool
    """Whether the frozen model, the engine's own state at a quarter, is evaluated, too."""
    executor: Choice = Choice.AUTO
    """Who runs the step."""
    chosen: Mapping[str, object]
    """The engine's parameters that were chosen, by name; the others are the source's."""
    ablations: Mapping[str, Mapping[str, object]]
    """The same for each other engine that is evaluated, by the engine's name."""


def evaluate(plan: EvaluationPlan, *, tell: Callable[[str], None]) -> EvaluationSummary:
    """Run an engine over a source; return its scores and accounts next to those of the others.

    ``tell`` is called with one sentence for each file: which column was read as what.

    Raises:
        CommandError: (2) if more than one source is named, the stream is unknown, or nothing in the
            source can be evaluated; (10) if there is no such journal.
        VenueUnknown: if there is no such venue.
        TableUnreadable: if a file cannot be read.
        ParameterError: if a parameter is unknown, of a wrong type or out of range.
    """
    _check(plan)
    compile_cache.reuse(plan.executor)
    with stage("load"):
        from analysis.evaluation.evaluation import evaluation
    source, kept = _source(plan, tell)
    parameters = parameters_from({**kept, **plan.chosen})
    variants = {
        name: parameters_from({**asdict(parameters), **chosen})
        for name, chosen in plan.ablations.items()
    }
    return evaluation(
        source, parameters, variants, baselines=plan.baselines, with_frozen=plan.with_frozen
    )


def _check(plan: EvaluationPlan) -> None:
    """Refuse what cannot be evaluated, before anything is loaded."""
    check_market(plan.market, venue_name=plan.venue or BTC_MARKETS)
    if sum(given is not None for given in (plan.journal, plan.stream)) + bool(plan.files) > 1:
        raise UsageError("a journal, --table or --stream: one of them")
    if plan.stream is not None:
        check_choice("--stream", plan.stream, STREAMS)
    elif plan.files:
        preflight.check_files(plan.files)
    else:
        place = find(plan.home, plan.journal)
        if plan.venue is not None:
            check_venue(plan.venue, header_of(Reader.open(place.log), place), place)


def _source(
    plan: EvaluationPlan, tell: Callable[[str], None]
) -> "tuple[Source, Mapping[str, object]]":
    """Return the source, and the parameters that hold where none are chosen."""
    from analysis.evaluation import sources

    if plan.stream is not None:
        return sources.of_stream(plan.stream, seed=plan.seed, ticks=plan.ticks), {}
    if plan.files:
        venue = plan.venue or BTC_MARKETS
        surveys = surveyed(plan.files, plan.market, plan.layout, venue=venue, tell=tell)
        return sources.of_files(surveys), rules_at(venue).parameters
    source, parameters = sources.of_journal(find(plan.home, plan.journal))
    return source, asdict(parameters)
