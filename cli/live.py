"""`trader live`: stream, record, learn, trade on paper, until stopped."""

from contextlib import ExitStack
from typing import Annotated

import typer

from cli import console, options
from cli.durations import seconds_of
from cli.exits import CommandError, Exit
from cli.names import check_market
from eventlog.printable import printable
from feeds import clock

_NEXT = {
    "status": "how it stands",
    "verify --deep": "check it, and run it again",
    "replay --from beginning": "the same, bit for bit",
}


def live(
    market: Annotated[
        list[str] | None,
        typer.Option("--market", metavar="ID", help="May be repeated.  [default: BTC-AUD]"),
    ] = None,
    url: options.Url = options.EXCHANGE,
    rest: Annotated[
        str | None,
        typer.Option(
            "--rest-url", metavar="URL", help="Its REST, up to /v3.  [default: as the URL says]"
        ),
    ] = None,
    simulated: Annotated[
        bool,
        typer.Option("--simulated", help="Start the stand-in exchange here: needs no network."),
    ] = False,
    scenario: Annotated[
        str, typer.Option(help="With --simulated: which market is made up.")
    ] = "calm",
    for_: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Stop after, say, 60s, 5m or 2h.")
    ] = None,
    max_ticks: Annotated[int | None, typer.Option(min=1, help="Stop after so many ticks.")] = None,
    connect_timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long to try at the start.")
    ] = 20.0,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port", min=0, max=65_535, help="Figures for Prometheus, on loopback."
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
    as_json: options.Json = False,
) -> None:
    """Stream markets, learn from every tick and trade on paper until stopped.

    One socket and one process for all of them, a journal each.

    Ctrl-C, SIGTERM, --for and --max-ticks end the session cleanly; the time of --for begins when it
    is ready and connected. Killed, it continues from the
    exact point where it was when it is started again.
    """
    from cli import compiled, outputs
    from cli.settings import manager, settings

    loading_ns = clock.now_ns()
    outputs.refuse_journal(home)
    chosen = settings(home, set_)
    for_s = None if for_ is None else seconds_of(for_, "--for")
    console.echo("loading TensorFlow and compiling the step takes some seconds", err=True)
    markets = market or ["BTC-AUD"]
    for each in markets:
        check_market(each)
        if markets.count(each) > 1:
            raise CommandError(Exit.USAGE, f"--market {each}: named twice")
    compiled.reuse()
    # These take a moment to import, which --help should not.
    from threading import Lock

    from cli import simulation
    from cli.journal import SIMULATED, Place, tape_of
    from cli.session import Session
    from cli.sessions import Sessions
    from eventlog.log import Log
    from feeds.btcmarkets.connection import Feed
    from feeds.btcmarkets.rest import Rest, rest_url
    from feeds.deadman import DeadMan
    from feeds.metrics import Metrics
    from feeds.systemd import Notifier

    places = [Place(home, each + (SIMULATED if simulated else "")) for each in markets]
    with ExitStack() as stack:

        def opened(place: Place) -> Log:
            log = Log.open(place.log, segment_bytes=chosen.segment_bytes)
            return stack.enter_context(log)

        # Existing journals are locked before anything else; new ones are made only when there is
        # an exchange to fill them from.
        logs = {place.name: opened(place) for place in places if place.log.exists()}
        tapes = {
            each: tape_of(logs[place.name])
            for each, place in zip(markets, places, strict=True)
            if place.name in logs
        }
        if simulated:
            seed = clock.now_ns() // 10**9 % 2**31
            url = stack.enter_context(simulation.exchange(*markets, scenario=scenario, seed=seed))
        feed = Feed(
            url,
            markets,
            rest=Rest(rest or rest_url(url)),
            tapes=tapes,
            connect_timeout_s=connect_timeout,
        )
        turn = Lock()
        sessions = [
            Session(
                place,
                logs.get(place.name),
                feed,
                market=each,
                url=url,
                settings=chosen,
                turn=turn,
            )
            for each, place in zip(markets, places, strict=True)
        ]
        socket, watchdog_us = manager()
        running = Sessions(
            sessions,
            feed,
            chosen,
            notifier=Notifier(socket, watchdog_us=watchdog_us),
            dead_man=DeadMan(heartbeat_url),
            as_json=as_json,
        )
        for session in sessions:
            session.loading_ns = loading_ns
        running.resume()
        compiled.publish()
        # Only now: nothing that is received waits for a step to be compiled or a log to be read.
        stack.enter_context(feed)
        for session in sessions:
            if session.place.name not in logs:
                session.found(opened(session.place))
        if metrics_port is not None:
            metrics = stack.enter_context(Metrics(metrics_port, lambda: running.figures))
            console.echo(f"figures at {metrics.url}", err=True)
        summaries = running.run(for_s=for_s, max_ticks=max_ticks)
    if as_json:
        for summary in summaries:
            console.put({"message_type": "summary", **summary})
    else:
        where = "" if home == options.HOME else f" --home {printable(str(home))}"
        why = ", ".join(dict.fromkeys(str(summary["stopped_by"]) for summary in summaries))
        console.echo(f"stopped by {printable(why)}. What to do with it:", err=True)
        width = max(map(len, _NEXT)) + len(where)
        for command, does in _NEXT.items():
            console.echo(f"  trader {command + where:{width}}  {does}", err=True)
