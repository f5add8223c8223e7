"""`trader live`: stream, record, learn, trade on paper, until stopped."""

import json
import re
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from cli import options
from cli.exits import CommandError, Exit
from cli.settings import settings
from feeds import clock

_NEXT = {
    "status": "how it stands",
    "verify --deep": "check every byte, and run everything again",
    "replay --from beginning": "the same ticks, the same decisions, bit for bit",
}


def live(
    market: Annotated[str, typer.Option(help="The market's id.")] = "BTC-AUD",
    url: options.Url = options.EXCHANGE,
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
    home: options.Home = options.HOME,
    set_: options.Set = None,
    as_json: options.Json = False,
) -> None:
    """Stream a market, learn from every tick and trade on paper until stopped.

    Ctrl-C, SIGTERM, --for and --max-ticks end the session cleanly. Killed, it continues from the
    exact point where it was when it is started again.
    """
    chosen = settings(home, set_)
    for_s = None if for_ is None else duration_s(for_)
    typer.echo("loading TensorFlow and compiling the step takes some seconds", err=True)
    # These take a moment to import, which --help should not.
    from cli import simulation
    from cli.journal import SIMULATED, Place
    from cli.session import Session
    from eventlog.log import Log
    from feeds.btcmarkets.connection import Feed

    place = Place(home, market + (SIMULATED if simulated else ""))
    open_log = partial(Log.open, place.log, segment_bytes=chosen.segment_bytes)
    with ExitStack() as stack:
        # An existing journal is locked before anything else; a new one is made only when there is
        # an exchange to fill it from.
        log = stack.enter_context(open_log()) if place.log.exists() else None
        if simulated:
            seed = clock.now_ns() // 10**9 % 2**31
            url = stack.enter_context(simulation.exchange(market, scenario=scenario, seed=seed))
        feed = stack.enter_context(Feed(url, [market], connect_timeout_s=connect_timeout))
        if log is None:
            log = stack.enter_context(open_log())
        session = Session(place, log, feed, market=market, url=url, settings=chosen)
        summary = session.run(for_s=for_s, max_ticks=max_ticks)
    if as_json:
        typer.echo(json.dumps({"message_type": "summary", **summary}))
    else:
        where = "" if home == options.HOME else f" --home {home}"
        typer.echo(f"stopped by {summary['stopped_by']}. What to do with it:", err=True)
        for command, does in _NEXT.items():
            typer.echo(f"  trader {command + where:32} {does}", err=True)


def duration_s(text: str) -> float:
    """Return a time such as ``90``, ``60s``, ``5m``, ``2h`` or ``1d`` in seconds.

    Raises:
        CommandError: (2) if it is none of these.

    >>> duration_s("1.5m")
    90.0
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text)
    if match is None:
        raise CommandError(
            Exit.USAGE, f"--for {text}: not a time", hint="For example: 60s, 5m, 2h, 1d"
        )
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}[match[2]]
