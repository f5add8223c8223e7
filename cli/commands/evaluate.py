"""`trader evaluate`: the learner next to what one would use instead, on the same labels."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from eventlog.printable import printable
from journal import console
from journal.asked.choices import check_choice
from journal.asked.names import check_market
from journal.errors import UsageError

if TYPE_CHECKING:
    from analysis.evaluation.sources import Source
    from engine.parameters import Parameters

BASELINES = ("none", "rules", "fast", "all")


def evaluate(
    name: Annotated[
        str | None, typer.Argument(metavar="[JOURNAL]", help="Which journal of the home.")
    ] = None,
    table: Annotated[
        list[Path] | None,
        typer.Option("--table", metavar="FILE", help="Files instead, as trader import takes them."),
    ] = None,
    market: Annotated[
        str, typer.Option(metavar="ID", help="With recorded frames: the market of theirs.")
    ] = options.MARKET,
    map_: options.Map = None,
    time_unit: options.TimeUnit = None,
    stream: Annotated[
        str | None,
        typer.Option(metavar="S0…S9", help="A synthetic market with a known optimum instead."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="With --stream: which one.")] = 1,
    ticks: Annotated[int, typer.Option(min=1_000, help="With --stream: how long.")] = 30_000,
    baselines: Annotated[
        str,
        typer.Option(metavar="|".join(BASELINES), help="all: River and boosting, some minutes."),
    ] = "fast",
    ablation: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE[,…]", help="Also run with other parameters; repeatable."),
    ] = None,
    snapshot: Annotated[
        bool, typer.Option("--frozen/--no-frozen", help="Beside its own state frozen at 25 %.")
    ] = True,
    set_: options.Set = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Evaluate the learner on a journal, on recorded files, or on a synthetic market.

    The records go through the ordinary loop from the first state on. Every forecaster answers the
    same questions from the same features, and learns from a label only when its horizon has passed.
    The last column is how much worse than ours its log-loss is, with bounds that hold at all times
    at once (95 %): where both are above zero, we are better.
    """
    from engine.parameters import parameters_from
    from journal import compile_cache
    from journal.asked.settings import settings
    from journal.progress import stage

    check_market(market)
    check_choice("--baselines", baselines, BASELINES)
    chosen = settings(home, set_).engine
    changed = {
        text: settings(home, [*(set_ or []), *text.split(",")]).engine for text in ablation or []
    }
    _check_source(name, table, stream, home)
    compile_cache.reuse()
    with stage("load"):
        from analysis.evaluation.evaluation import evaluation
        from cli.render.evaluation import as_lines, as_summary
    source, parameters = _source(
        name, table, market, map_ or [], time_unit, stream, seed, ticks, home, chosen
    )
    variants = {
        text: parameters_from({**asdict(parameters), **values}) for text, values in changed.items()
    }
    found = evaluation(source, parameters, variants, baselines=baselines, with_frozen=snapshot)
    if as_json:
        console.put({"message_type": "summary", **as_summary(found)})
    else:
        console.echo("\n".join(printable(line) for line in as_lines(found)))


def _check_source(
    name: str | None, table: list[Path] | None, stream: str | None, home: Path
) -> None:
    """Refuse what cannot be evaluated, before anything is loaded.

    Raises:
        CommandError: (2) if it is not one source, or none that there is; (10) if it is no journal.
    """
    from feeds.streams import STREAMS
    from journal.asked import preflight
    from journal.layout import find

    if sum(given is not None for given in (name, stream)) + bool(table) > 1:
        raise UsageError("a journal, --table or --stream: one of them")
    if stream is not None:
        check_choice("--stream", stream, STREAMS)
    elif table:
        preflight.check_files(table)
    else:
        find(home, name)


def _source(
    name: str | None,
    table: list[Path] | None,
    market: str,
    assignments: list[str],
    time_unit: str | None,
    stream: str | None,
    seed: int,
    ticks: int,
    home: Path,
    chosen: dict[str, object],
) -> "tuple[Source, Parameters]":
    from analysis.evaluation import sources
    from engine.parameters import parameters_from
    from journal.import_source import layout_of, surveyed
    from journal.layout import find

    if stream is not None:
        return sources.of_stream(stream, seed=seed, ticks=ticks), parameters_from(chosen)
    if table:
        layout = layout_of(assignments, time_unit)
        return sources.of_files(surveyed(table, market, layout)), parameters_from(chosen)
    source, parameters = sources.of_journal(find(home, name))
    return source, parameters_from({**asdict(parameters), **chosen})
