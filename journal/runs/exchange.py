"""Serves the stand-in exchange of a plan until it is told to end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from feeds import clock
from feeds.simulator.faults import HOLE, parse_faults
from feeds.simulator.scenario import SCENARIOS
from journal.asked.choices import check_choice
from journal.asked.names import check_market
from journal.errors import UsageError
from journal.summaries import Listening

if TYPE_CHECKING:
    from feeds.simulator.faults import Fault
    from feeds.simulator.past import Past
    from feeds.simulator.source import Source

HORIZON_S = 1.0
"""The horizon for which the best attainable accuracy is reported."""

MINUTES_MAX = 10 * 366 * 1440
"""How far a past may go back, in minutes: its prices are held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangePlan:
    """What an exchange was asked for. With a recording, scenario and markets are ignored."""

    markets: Sequence[str]
    scenario: str
    recording: Path | None
    seed: int
    start_ns: int | None
    """Market time at the start, in ns since 1970 UTC; ``None`` is now."""
    past_s: float | None
    """How far before the start its candles and trades go back; ``None`` is not at all."""
    start_price_e8: int | None
    """The first mid price in 1e-8."""
    speed: float | None
    """Market time per real time; ``None`` is as fast as the clients read."""
    faults: Sequence[str]
    """As `feeds.simulator.faults.parse_faults` takes them."""
    port: int
    once: bool
    close_at_end: bool


def serve(
    plan: ExchangePlan, *, tell: Callable[[Listening], None], until_stdin_closes: bool
) -> None:
    """Serve until told to end; call ``tell`` with the address once clients can connect.

    Raises:
        UsageError: if there is no such scenario, market or past, or the port cannot be listened on.
        FaultUnknown: if there is no such fault.
        RecordingUnreadable: if the recording cannot be played.
    """
    from feeds.simulator.server import Exchange, run

    start_ns = clock.now_ns() if plan.start_ns is None else plan.start_ns
    source, faults = _source(plan, start_ns), parse_faults(plan.faults, seed=plan.seed)
    served = Exchange(
        source,
        port=plan.port,
        speed=plan.speed,
        faults=faults,
        seed=plan.seed,
        once=plan.once,
        close_at_end=plan.close_at_end,
        pasts=_pasts(plan, source, faults, start_ns),
    )
    try:
        run(
            served,
            on_listening=lambda url: tell(_listening(plan, url)),
            until_stdin_closes=until_stdin_closes,
        )
    except OSError as error:
        raise UsageError(f"cannot listen on port {plan.port}: {error.strerror}") from error


def _source(plan: ExchangePlan, start_ns: int) -> "Source":
    from feeds.simulator.market import SyntheticExchange, SyntheticMarket
    from feeds.simulator.playback import Recording

    if plan.recording is not None:
        return Recording(plan.recording)
    check_choice("--scenario", plan.scenario, SCENARIOS)
    for each in plan.markets:
        check_market(each)
        if plan.markets.count(each) > 1:
            raise UsageError(f"--market {each}: named twice")
    return SyntheticExchange(
        [
            SyntheticMarket(
                each,
                SCENARIOS[plan.scenario],
                seed=plan.seed,
                start_ns=start_ns,
                start_price_e8=plan.start_price_e8,
            )
            for each in plan.markets
        ]
    )


def _pasts(
    plan: ExchangePlan, source: "Source", faults: "list[Fault]", start_ns: int
) -> "dict[str, Past]":
    """Return the history of each synthetic market, by its id."""
    from feeds.simulator.market import SyntheticExchange

    if plan.past_s is None:
        return {}
    minutes = int(plan.past_s) // 60
    if not isinstance(source, SyntheticExchange):
        raise UsageError("--history: a recording has no past but its own")
    if minutes > MINUTES_MAX:
        raise UsageError(f"--history: at most {MINUTES_MAX // 1440:,} days")
    hole_every = next((each.every_frames for each in faults if each.name == HOLE), 0)
    return source.pasts(seed=plan.seed, minutes=minutes, start_ns=start_ns, hole_every=hole_every)


def _listening(plan: ExchangePlan, url: str) -> Listening:
    scenario = None if plan.recording is not None else SCENARIOS[plan.scenario]
    return Listening(
        url=url,
        scenario=None if scenario is None else scenario.name,
        recording=None if plan.recording is None else str(plan.recording),
        best_accuracy=None if scenario is None else scenario.best_accuracy(HORIZON_S),
        best_accuracy_is_bound=scenario is not None and scenario.accuracy_is_bound,
        horizon_s=HORIZON_S,
    )
