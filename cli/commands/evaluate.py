"""`trader evaluate`: the learner compared with its alternatives, on the same labels."""

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
        str | None, typer.Argument(metavar="[JOURNAL]", help="A journal of the home.")
    ] = None,
    table: Annotated[
        list[Path] | None,
        typer.Option("--table", metavar="FILE", help="Files instead of a journal, as for import."),
    ] = None,
    market: Annotated[
        str, typer.Option(metavar="ID", help="The market, for recorded frames.")
    ] = options.MARKET,
    venue: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=f"the journal's, or {options.VENUE}",
            help="The exchange that has the market.",
        ),
    ] = None,
    map_: options.Map = None,
    time_unit: options.TimeUnit = None,
    stream: Annotated[
        str | None,
        typer.Option(metavar="S0…S9", help="A synthetic market with a known optimum instead."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of --stream.")] = 1,
    ticks: Annotated[int, typer.Option(min=1_000, help="The length of --stream.")] = 30_000,
    baselines: Annotated[
        str,
        typer.Option(metavar="|".join(BASELINES), help="all: also River and boosting (minutes)."),
    ] = "fast",
    ablation: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE[,…]", help="Also run with other parameters; repeatable."),
    ] = None,
    snapshot: Annotated[
        bool,
        typer.Option("--frozen/--no-frozen", help="Also run the state at 25 %, frozen."),
    ] = True,
    set_: options.Set = None,
    executor: options.Executor = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Evaluate the learner on a journal, on recorded files, or on a synthetic market.

    The records go through the ordinary loop, from the initial state. All forecasters answer the
    same questions from the same features, and learn from a label only after its horizon has passed.
    "log-loss above ours" has a confidence sequence (95 %, at all times at once): if both bounds are
    above zero, ours is better.
    """
    from analysis.evaluation import plan
    from cli.render.evaluation import as_lines
    from journal.asked.settings import settings
    from journal.import_source import layout_of

    check_choice("--baselines", baselines, BASELINES)
    whole = settings(home, options.assigned(set_, executor))
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
        executor=whole.executor,
        chosen=whole.engine,
        ablations={
            text: settings(home, [*(set_ or []), *text.split(",")]).engine
            for text in ablation or []
        },
    )
    said = plan.evaluate(asked, tell=partial(console.echo, err=True))
    answer(said, as_lines(said), as_json=as_json)
