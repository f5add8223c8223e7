"""`trader live`: stream, record, learn, trade on paper, until stopped."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console, options
from cli.durations import seconds_of
from cli.exits import CommandError, Exit
from cli.names import check_market
from eventlog.printable import printable
from feeds import clock

if TYPE_CHECKING:
    from cli.sessions import Sessions as Supervisor

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
    from cli import compiled, outlets, outputs
    from cli.settings import manager, settings
    from cli.stopping import Stopping
    from feeds import deadman
    from feeds.metrics import Metrics

    loading_ns = clock.now_ns()
    outlets.install()
    outputs.refuse_journal(home)
    chosen = settings(home, set_)
    for_s = None if for_ is None else seconds_of(for_, "--for")
    markets = market or ["BTC-AUD"]
    for each in markets:
        check_market(each)
        if markets.count(each) > 1:
            raise CommandError(Exit.USAGE, f"--market {each}: named twice")
    if heartbeat_url is not None:
        deadman.check_url(heartbeat_url)
    told: list[Supervisor] = []
    with ExitStack() as stack:
        stopping = stack.enter_context(Stopping(leave=compiled.discard))
        if metrics_port is not None:
            # First of all: that the port is taken shall not be found out once a session has begun.
            metrics = Metrics(
                metrics_port,
                lambda: told[0].figures if told else {},
                lambda: told[0].trouble if told else "starting",
            )
            stack.enter_context(metrics)
            console.echo(f"figures at {metrics.url}", err=True)
        console.echo("loading TensorFlow and compiling the step takes some seconds", err=True)
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
        from feeds.systemd import Notifier

        places = [Place(home, each + (SIMULATED if simulated else "")) for each in markets]

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
            dead_man=deadman.DeadMan(heartbeat_url),
            stopping=stopping,
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
        told.append(running)
        summaries = running.run(for_s=for_s, max_ticks=max_ticks)
    _report(summaries, home, as_json=as_json)


def _report(summaries: list[dict[str, object]], home: Path, *, as_json: bool) -> None:
    """Say how the sessions ended."""
    from cli import outlets

    if as_json:
        for summary in summaries:
            dropped = outlets.dropped()
            console.put({"message_type": "summary", **summary, "messages_dropped": dropped})
    else:
        where = "" if home == options.HOME else f" --home {printable(str(home))}"
        why = ", ".join(dict.fromkeys(str(summary["stopped_by"]) for summary in summaries))
        if dropped := outlets.dropped():
            console.echo(f"{dropped:,} messages could not be said here meanwhile", err=True)
        console.echo(f"stopped by {printable(why)}. What to do with it:", err=True)
        width = max(map(len, _NEXT)) + len(where)
        for command, does in _NEXT.items():
            console.echo(f"  trader {command + where:{width}}  {does}", err=True)
