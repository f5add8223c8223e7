"""`trader status`: the status of a journal, from its files; also while it runs or after a crash."""

from typing import Annotated

import typer

from cli import options
from cli.answer import answer_all, echo_lines
from journal.errors import UsageError

_WATCH_MOST_S = 86_400.0


def status(
    watch: Annotated[
        float | None,
        typer.Option(
            "--watch", metavar="SECONDS", min=0.2, help="Repeat at this interval, until Ctrl-C."
        ),
    ] = None,
    max_age: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Exit with 14 if the newest record is older, with 15 if no session records.",
        ),
    ] = None,
    name: options.Journal = None,
    home: options.Home = options.HOME,
    as_json: options.Json = False,
) -> None:
    """Show the status of a journal: whether it runs and learns, its account, and its decisions.

    Without --journal, all journals of the home, a row each if there are several. It only reads
    their files, also while a session runs or after a crash. --max-age 60s makes it a probe: it
    exits with 0 only if every journal is being recorded and has a record as new as that.
    """
    from analysis.status import JournalStatus, look, probe, step_of
    from cli import holes
    from cli.durations import seconds_of
    from cli.render.status import to_lines
    from cli.render.watch import repeated, screen
    from journal import layout

    max_age_s = None if max_age is None else seconds_of(max_age, "--max-age")
    if watch is not None and not (max_age_s is None and watch < _WATCH_MOST_S):
        problem = f"--watch {watch:g}: up to a day, and not with --max-age, which is one look"
        raise UsageError(problem)
    several = layout.names(home) if name is None else []
    places = [layout.find(home, each) for each in several] or [layout.find(home, name)]
    logs = [holes.opened(place.log) for place in places]

    def current() -> list[JournalStatus]:
        for log in logs:
            log.refresh()
        return [look(place, log) for place, log in zip(places, logs, strict=True)]

    write = echo_lines if watch is None or as_json else screen()
    for standings in repeated(current, watch):
        said = (each.summary(step_of(log)) for each, log in zip(standings, logs, strict=True))
        answer_all(said, to_lines(standings), as_json=as_json, write=write)
        if max_age_s is not None:
            probe(standings, max_age_s)
