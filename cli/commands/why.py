"""`trader why`: one decision, and everything that it rests on."""

from typing import Annotated

import typer

from cli import options
from cli.answer import answer


def why(
    which: Annotated[
        str,
        typer.Argument(
            metavar="[OFFSET|last|TIME]",
            help="A decision's or tick's offset, -N, s@TIME, or a time.",
        ),
    ] = "last",
    features: Annotated[
        bool,
        typer.Option("--features", help="Also compute the features."),
    ] = False,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="How far back reasons are counted; else the newest thousands."
        ),
    ] = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Explain a decision: tick, probabilities, edge and cost, and the condition that decided.

    All of it is read from the log, except for --features.
    """
    from analysis.decision import explain
    from cli import holes
    from cli.durations import seconds_of
    from cli.render import decision
    from journal import compile_cache, layout
    from journal.asked.settings import settings

    window_s = None if window is None else seconds_of(window, "--window")
    place = layout.find(home, name)
    log = holes.opened(place.log)
    if features:
        compile_cache.reuse(settings(home, None).executor)
    explanation = explain(place, log, which, window_s=window_s, features=features)
    answer(explanation.summary(), decision.to_lines(explanation), as_json=as_json)
