"""``trader exchange``: the stand-in exchange on its own, on loopback.

Prints one line once clients can connect, then serves until it is told to end.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.answer import answer, echo_lines
from cli.durations import seconds_of
from feeds.simulator.faults import FAULTS, RANDOM, described

if TYPE_CHECKING:
    from journal.summaries import Listening


def exchange(
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, help="The port to listen on; 0: any free one."),
    ] = 8765,
    scenario: options.Scenario = options.SCENARIO,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The seed of market and faults.")] = 0,
    recording: Annotated[
        Path | None,
        typer.Option("--recording", metavar="FILE", help="Play this instead of a scenario."),
    ] = None,
    speed: Annotated[
        str,
        typer.Option(
            "--speed", metavar="X|max", help="Market time per real time; max: as fast as read."
        ),
    ] = "1",
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME[=FRAMES]",
            help=f"A fault, on average once in N; may be repeated: {', '.join((*FAULTS, RANDOM))}.",
        ),
    ] = None,
    market: options.Markets = None,
    start_price: Annotated[
        str | None, typer.Option("--start-price", metavar="PRICE", help="The first mid price.")
    ] = None,
    start_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", show_default="now", help="Market time at the start, ISO 8601 UTC."
        ),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", show_default="none", help="Length of the market's past, such as 90d."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End after the recording, when the client has left.")
    ] = False,
    close_at_end: Annotated[
        bool, typer.Option("--close-at-end", help="Close the sockets after a recording.")
    ] = False,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", help="Describe the faults, and exit.")
    ] = False,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End when standard input is closed.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Run a stand-in BTC Markets on 127.0.0.1: a synthetic market, or a recording."""
    from journal.asked import quantities
    from journal.runs.exchange import ExchangePlan, serve

    if list_faults:
        echo_lines(described().splitlines())
        return
    plan = ExchangePlan(
        markets=market or [options.MARKET],
        scenario=scenario,
        recording=recording,
        seed=seed,
        start_ns=quantities.time_ns_of(start_time, "--start-time"),
        past_s=None if history is None else seconds_of(history, "--history"),
        start_price_e8=quantities.price_e8_of(start_price, "--start-price"),
        speed=quantities.speed_of(speed),
        faults=fault or [],
        port=port,
        once=once,
        close_at_end=close_at_end,
    )

    def tell(said: "Listening") -> None:
        answer(said, [sentence_of(said)], as_json=as_json)

    serve(plan, tell=tell, until_stdin_closes=until_stdin_closes)


def sentence_of(said: "Listening") -> str:
    """Return where it listens, and what it plays, as people read it."""
    if said.scenario is None or said.best_accuracy is None:
        return f"listening on {said.url}, playing {said.recording}"
    most = "at most " if said.best_accuracy_is_bound else ""
    return (
        f"listening on {said.url}, scenario {said.scenario}: the direction over"
        f" {said.horizon_s:g} s can be predicted in {most}{said.best_accuracy:.1%} of cases"
    )
