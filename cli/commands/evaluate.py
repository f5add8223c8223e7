"""`trader evaluate`: the learner next to what one would use instead, on the same labels."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.answer import answer
from journal import console
from journal.asked.choices import check_choice

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
    venue: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=f"the journal's, or {options.VENUE}",
            help="Where the market is.",
        ),
    ] = None,
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
        bool,
        typer.Option("--frozen/--no-frozen", help="Next to its own state frozen at 25 %."),
    ] = True,
    set_: options.Set = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Evaluate the learner on a journal, on recorded files, or on a synthetic market.

    The records go through the ordinary loop from the first state on. Every forecaster answers the
    same questions from the same features, and learns from a label only when its horizon has passed.
    "log-loss above ours" has bounds that hold at all times at once (95 %): where both are above
    zero, we are better.
    """
    from analysis.evaluation import plan
    from cli.render.evaluation import as_lines
    from journal.asked.settings import settings
    from journal.import_source import layout_of

    check_choice("--baselines", baselines, BASELINES)
    asked = plan.EvaluationPlan(
        home=home,
        journal=name,
        files=table or [],
        layout=layout_of(map_ or [], time_unit),
        market=market,
        venue=venue,
        stream=stream,
        seed=seed,
        ticks=ticks,
        baselines=baselines,
        with_frozen=snapshot,
        chosen=settings(home, set_).engine,
        ablations={
            text: settings(home, [*(set_ or []), *text.split(",")]).engine
            for text in ablation or []
        },
    )
    said = plan.evaluate(asked, tell=partial(console.echo, err=True))
    answer(said, as_lines(said), as_json=as_json)
