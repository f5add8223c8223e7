"""`trader live`: stream, record, learn, trade on paper, until stopped."""

import sys
from functools import partial
from typing import Annotated

import typer

from cli import options
from cli.answer import answer_all, echo_lines
from cli.durations import seconds_of
from cli.exit_codes import report
from feeds import clock
from feeds import venue as venues


def live(
    market: options.Markets = None,
    venue: options.Venue = options.VENUE,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default="the venue's own",
            help="The URL of the exchange's websocket.",
        ),
    ] = None,
    rest: Annotated[
        str | None,
        typer.Option(
            "--rest-url",
            metavar="URL",
            show_default="as the URL says",
            help="The URL of the exchange's REST API, up to /v3.",
        ),
    ] = None,
    simulated: Annotated[
        bool,
        typer.Option("--simulated", help="Start the stand-in exchange here: needs no network."),
    ] = False,
    scenario: options.Scenario = options.SCENARIO,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Stop after, say, 60s, 5m or 2h.")
    ] = None,
    max_ticks: Annotated[int | None, typer.Option(min=1, help="Stop after so many ticks.")] = None,
    connect_timeout: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="How long to try to connect at the start."),
    ] = 20.0,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            min=0,
            max=65_535,
            help="Port of the metrics for Prometheus, on loopback.",
        ),
    ] = None,
    heartbeat_url: Annotated[
        str | None,
        typer.Option(
            "--heartbeat-url", metavar="URL", help="Called every minute while all is well."
        ),
    ] = None,
    home: options.Home = options.HOME,
    set_: options.Set = None,
    executor: options.Executor = None,
    as_json: options.Json = False,
) -> None:
    """Stream markets, learn from every tick and trade on paper until stopped.

    One process and one socket serve all markets; each has its own journal. Ctrl-C, SIGTERM, --for
    and --max-ticks end the session cleanly; the time of --for starts when the session is
    connected. After a kill, the next start continues from the exact point where it was. Arguments
    and settings are checked before anything is loaded. Then come the stages load, compile,
    restore, catch up and connect, each with its duration.
    """
    from cli.render import ended
    from journal.asked.settings import settings
    from journal.live import launch, outlets

    outlets.install()
    plan = launch.Plan(
        home=home,
        markets=market or [options.MARKET],
        venue=venue,
        url=url or venues.venue(venue).facts.websocket_url,
        rest=rest,
        simulated=simulated,
        scenario=scenario,
        for_s=None if for_ is None else seconds_of(for_, "--for"),
        max_ticks=max_ticks,
        connect_timeout_s=connect_timeout,
        metrics_port=metrics_port,
        heartbeat_url=heartbeat_url,
        settings=settings(home, options.assigned(set_, executor)),
        loading_ns=clock.now_ns(),
    )
    launch.check(plan)
    watcher = None
    if sys.stderr.isatty():
        from cli.render.live_view import View

        watcher = View(sys.stderr)
    said = launch.run(plan, watcher=watcher, report=partial(report, as_json=as_json))
    lines = ended.as_lines(said, home="" if home == options.HOME else str(home))
    answer_all(said, lines, as_json=as_json, write=partial(echo_lines, err=True))
