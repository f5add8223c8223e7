"""`trader replay`: the recorded ticks through the same loop, compared decision by decision."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.answer import answer
from cli.exit_codes import Exit

_DEFAULT_FROM = "checkpoint"


def replay(
    from_: Annotated[
        str, typer.Option("--from", metavar="OFFSET", help="The first offset: see below.")
    ] = _DEFAULT_FROM,
    to: Annotated[
        str, typer.Option("--to", metavar="OFFSET", help="The offset before which to stop.")
    ] = "end",
    set_: options.Set = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The home for a new journal (a fork).")
    ] = None,
    executor: options.Executor = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Replay recorded ticks and compare every decision, bit for bit.

    OFFSET is beginning, end, checkpoint, N, -N or s@TIME. A replay starts at the checkpoint before
    it, where the whole state is known. With --out the ticks go through an engine with the
    parameters of --set into a new journal (a fork), and both results are shown. A journal that
    another version of the step recorded can be forked, but not compared (12).
    """
    from cli.render import fork, replay
    from journal.asked.settings import settings
    from journal.runs import replays

    wanted = settings(home, options.assigned(None, executor)).executor
    plan = replays.ReplayPlan(home=home, journal=name, start=from_, stop=to, executor=wanted)
    if set_ or out:
        forked = replays.fork(plan, out=out, assignments=set_)
        answer(forked, fork.as_lines(forked), as_json=as_json)
        return
    said = replays.replay(plan)
    answer(said, replay.as_lines(said), as_json=as_json)
    if said.diverged_at is not None:
        raise typer.Exit(Exit.DIVERGED if said.same_arithmetic else Exit.CANNOT_VERIFY)
