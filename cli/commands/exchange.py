"""``trader exchange``: the stand-in exchange on its own, on loopback.

Prints one line once clients can connect, then serves until it is told to end.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.durations import seconds_of
from eventlog.printable import printable
from feeds.clock import now_ns
from feeds.errors import FaultUnknown, RecordingUnreadable
from feeds.simulator.faults import FAULTS, HOLE, RANDOM, Fault, described, parse_faults
from feeds.simulator.scenario import SCENARIOS, Scenario
from journal import console
from journal.asked.choices import check_choice
from journal.asked.names import check_market
from journal.errors import UsageError

if TYPE_CHECKING:
    from feeds.simulator.past import Past
    from feeds.simulator.source import Source

HORIZON_S = 1.0
"""The horizon for which the best attainable accuracy is said."""


MINUTES_MAX = 10 * 366 * 1440
"""How far a past may go back, in minutes: its prices are held in memory."""


def exchange(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="To listen on; 0 takes a free one.")
    ] = 8765,
    scenario: options.Scenario = options.SCENARIO,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the market and the faults.")] = 0,
    recording: Annotated[
        Path | None,
        typer.Option("--recording", metavar="FILE", help="Play this instead of a scenario."),
    ] = None,
    speed: Annotated[
        str,
        typer.Option("--speed", metavar="X|max", help="Market time per time; max: as it is read."),
    ] = "1",
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME[=FRAMES]",
            help=f"Goes wrong, once in so many; may be repeated: {', '.join((*FAULTS, RANDOM))}.",
        ),
    ] = None,
    market: options.Markets = None,
    start_price: Annotated[
        str | None, typer.Option("--start-price", metavar="PRICE", help="The first mid price.")
    ] = None,
    start_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            show_default="now",
            help="Market time at the start, ISO 8601 UTC.",
        ),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(metavar="TIME", show_default="none", help="How far its past goes back: 90d."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End when a recording was played and its client left.")
    ] = False,
    close_at_end: Annotated[
        bool, typer.Option("--close-at-end", help="Close the sockets after a recording.")
    ] = False,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", help="Say what each fault is, and end.")
    ] = False,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End with whoever holds standard input.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Run a stand-in BTC Markets on 127.0.0.1: a synthetic market, or a recording."""
    from feeds.simulator.server import Exchange, run

    if list_faults:
        console.echo(described())
        return
    chosen = _scenario(scenario) if recording is None else None
    start_ns, start_price_e8 = _start_ns(start_time), _price_e8(start_price)
    source = _source(
        recording,
        chosen,
        market or [options.MARKET],
        seed=seed,
        start_ns=start_ns,
        start_price_e8=start_price_e8,
    )
    faults = _faults(fault or [], seed=seed)
    served = Exchange(
        source,
        port=port,
        speed=_speed(speed),
        faults=faults,
        seed=seed,
        once=once,
        close_at_end=close_at_end,
        pasts=_pasts(source, history, faults, seed=seed, start_ns=start_ns),
    )

    def say(url: str) -> None:
        console.echo(_listening(url, chosen, recording, as_json=as_json))

    try:
        run(served, on_listening=say, until_stdin_closes=until_stdin_closes)
    except RecordingUnreadable as error:
        raise UsageError(str(error), hint=error.hint) from error
    except OSError as error:
        raise UsageError(f"cannot listen on port {port}: {error.strerror}") from error


def _scenario(name: str) -> Scenario:
    check_choice("--scenario", name, SCENARIOS)
    return SCENARIOS[name]


def _source(
    recording: Path | None,
    scenario: Scenario | None,
    markets: list[str],
    *,
    seed: int,
    start_ns: int,
    start_price_e8: int | None,
) -> "Source":
    from feeds.simulator.market import SyntheticExchange, SyntheticMarket
    from feeds.simulator.playback import Recording

    if scenario is None:
        assert recording is not None
        try:
            return Recording(recording)
        except RecordingUnreadable as error:
            raise UsageError(str(error), hint=error.hint) from error
    for each in markets:
        check_market(each)
        if markets.count(each) > 1:
            raise UsageError(f"--market {each}: named twice")
    return SyntheticExchange(
        [
            SyntheticMarket(
                each, scenario, seed=seed, start_ns=start_ns, start_price_e8=start_price_e8
            )
            for each in markets
        ]
    )


def _pasts(
    source: "Source", history: str | None, faults: list[Fault], *, seed: int, start_ns: int
) -> "dict[str, Past]":
    """Return what was before the synthetic markets."""
    from feeds.simulator.market import SyntheticExchange

    if history is None:
        return {}
    minutes = int(seconds_of(history, "--history")) // 60
    if not isinstance(source, SyntheticExchange):
        raise UsageError("--history: a recording has no past but its own")
    if minutes > MINUTES_MAX:
        raise UsageError(f"--history {history}: at most {MINUTES_MAX // 1440:,} days")
    hole_every = next((each.every_frames for each in faults if each.name == HOLE), 0)
    return source.pasts(seed=seed, minutes=minutes, start_ns=start_ns, hole_every=hole_every)


def _start_ns(text: str | None) -> int:
    from feeds.timestamps import parse_timestamp_ns

    if text is None:
        return now_ns()
    try:
        return parse_timestamp_ns(text)
    except ValueError as error:
        hint = "Write it as 2026-09-23T04:31:09.000Z."
        raise UsageError(f"--start-time: {error}", hint=hint) from error


def _price_e8(text: str | None) -> int | None:
    from eventlog.records import parse_e8

    if text is None:
        return None
    try:
        price_e8, _ = parse_e8(text)
    except ValueError as error:
        raise UsageError(f"--start-price: {error}") from error
    if price_e8 <= 0:
        raise UsageError(f"--start-price: {text} is not above zero")
    return price_e8


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.001 <= speed <= 1_000_000:
        raise UsageError(f"--speed: {text!r} is neither max nor 0.001 … 1000000")
    return speed


def _faults(texts: list[str], *, seed: int) -> list[Fault]:
    try:
        return parse_faults(texts, seed=seed)
    except FaultUnknown as error:
        raise UsageError(str(error), hint=error.hint) from error


def _listening(
    url: str, scenario: Scenario | None, recording: Path | None, *, as_json: bool
) -> str:
    accuracy = None if scenario is None else scenario.best_accuracy(HORIZON_S)
    is_bound = scenario is not None and scenario.accuracy_is_bound
    if as_json:
        return json.dumps(
            {
                "message_type": "listening",
                "url": url,
                "scenario": None if scenario is None else scenario.name,
                "recording": None if recording is None else str(recording),
                "best_accuracy": accuracy,
                "best_accuracy_is_bound": is_bound,
                "horizon_s": HORIZON_S,
            }
        )
    if scenario is None or accuracy is None:
        return f"listening on {url}, playing {printable(str(recording))}"
    most = "at most " if is_bound else ""
    return (
        f"listening on {url}, scenario {scenario.name}: "
        f"the direction over {HORIZON_S:g} s can be predicted in {most}{accuracy:.1%} of cases"
    )
