"""A live session from its checked arguments to its end, in named stages.

Invalid plans are refused, and existing journals are locked, before TensorFlow is loaded. The feed
is opened only when every session is ready: nothing that the exchange sends waits for a step to be
compiled or a log to be read.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from eventlog.log import Log
from eventlog.reader import Reader
from feeds import clock
from feeds.options import FeedOptions
from feeds.simulator.scenario import SCENARIOS
from feeds.venue import BTC_MARKETS, Feed, venue
from journal import compile_cache, console
from journal.asked import preflight
from journal.asked.choices import check_choice
from journal.asked.names import check_market
from journal.asked.settings import Settings, check_kept, manager
from journal.errors import UsageError
from journal.header import check_venue, header_of
from journal.layout import SIMULATED, JournalPath
from journal.live import outlets, simulation
from journal.live.prometheus import Figures, Metrics
from journal.live.stopping import Stopping
from journal.progress import stage
from journal.reading import sessions
from journal.reading.scan import deduplicator_of
from journal.summaries import SessionSummary

if TYPE_CHECKING:
    from journal.live.counters import Watcher
    from journal.live.session import Session
    from journal.live.supervisor import Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a live session was asked for."""

    home: Path
    markets: list[str]
    url: str
    rest: str | None
    simulated: bool
    scenario: str
    for_s: float | None
    max_ticks: int | None
    connect_timeout_s: float
    metrics_port: int | None
    heartbeat_url: str | None
    settings: Settings
    loading_ns: int
    venue: str = BTC_MARKETS

    @property
    def places(self) -> list[JournalPath]:
        """The journals, in the order of the markets."""
        ending = SIMULATED if self.simulated else ""
        return [JournalPath(self.home, market + ending) for market in self.markets]


def check(plan: Plan) -> None:
    """Refuse a plan that cannot be run, before anything is loaded or made.

    Raises:
        CommandError: (2) usage, (3) configuration, (12) a journal of another version, (21) too
            little disk space.
        Locked: if another process records one of the journals.
        ParameterError: if a chosen parameter differs from that of an existing journal.
        TrustInvalid: if the environment names certificates that cannot be read.
    """
    if plan.simulated and plan.venue != BTC_MARKETS:
        raise UsageError("--simulated: the exchange that is started here is BTC Markets' only")
    for market in plan.markets:
        check_market(market, venue_name=plan.venue)
        if plan.markets.count(market) > 1:
            raise UsageError(f"--market {market}: named twice")
    check_choice("--scenario", plan.scenario, SCENARIOS)
    preflight.check_websocket("--url", plan.url)
    preflight.check_http("--rest-url", plan.rest)
    preflight.check_http("--heartbeat-url", plan.heartbeat_url)
    if not plan.simulated:
        preflight.check_trust(plan.url, plan.rest)
    preflight.check_clock()
    preflight.check_finite("--connect-timeout", plan.connect_timeout_s)
    preflight.check_home(plan.home, min_free_bytes=plan.settings.min_free_bytes)
    for place in plan.places:
        preflight.check_unlocked(place)
        if place.log.exists() and (log := Reader.open(place.log)).end:
            header = header_of(log, place)
            check_venue(plan.venue, header, place)
            check_kept(plan.settings.engine, header.parameters)
            sessions.check_newest(log, place)


def run(
    plan: Plan, *, watcher: "Watcher | None", report: Callable[[Exception], int]
) -> list[SessionSummary]:
    """Run the sessions until they are stopped; return their summaries.

    ``watcher`` draws their state. ``report`` prints why a session has failed while others go on,
    and returns its exit code.

    Raises:
        Exception: that of the first session that failed.
    """
    with ExitStack() as stack:
        stopping = stack.enter_context(Stopping(leave=compile_cache.discard))
        scraped = _Scraped()
        if plan.metrics_port is not None:
            # First of all, so that a port in use is reported before a session has begun.
            metrics = Metrics(plan.metrics_port, scraped.figures, scraped.trouble)
            stack.enter_context(metrics)
            console.echo(f"figures at {metrics.url}", err=True)
        # Existing journals are locked before TensorFlow is loaded; new ones are made only when
        # there is an exchange to fill them from.
        logs = {p.name: _opened(plan, p, stack) for p in plan.places if p.log.exists()}
        url = plan.url
        if plan.simulated:
            seed = clock.now_ns() // 10**9 % 2**31
            made = simulation.exchange(*plan.markets, scenario=plan.scenario, seed=seed)
            listening = stack.enter_context(made)
            console.echo(simulation.described(listening), err=True)
            url = listening.url
        with stage("load"):
            compile_cache.reuse(plan.settings.executor)
            from journal.live import supervisor as _  # noqa: F401 - takes a moment
        feed = _feed(plan, url, logs)
        sessions = _sessions(plan, url, feed, logs, watcher)
        running = _running(plan, feed, sessions, stopping, report)
        running.resume()
        compile_cache.publish()
        with stage("connect") as connecting:
            stack.enter_context(feed)
            connecting.note = url
        for session in sessions:
            if session.place.name not in logs:
                session.found(_opened(plan, session.place, stack))
        scraped.running = running
        ended = running.run(for_s=plan.for_s, max_ticks=plan.max_ticks)
        return [replace(summary, messages_dropped=outlets.dropped()) for summary in ended]


class _Scraped:
    """What a scraper reads: that the process is starting, until there are running sessions."""

    running: "Sessions | None" = None

    def figures(self) -> Figures:
        return {} if self.running is None else self.running.figures

    def trouble(self) -> str | None:
        return "starting" if self.running is None else self.running.trouble


def _opened(plan: Plan, place: JournalPath, stack: ExitStack) -> Log:
    log = Log.open(place.log, segment_bytes=plan.settings.segment_bytes)
    return stack.enter_context(log)


def _feed(plan: Plan, url: str, logs: dict[str, Log]) -> Feed:
    deduplicators = {
        market: deduplicator_of(logs[place.name])
        for market, place in zip(plan.markets, plan.places, strict=True)
        if place.name in logs
    }
    exchange = venue(plan.venue)
    return exchange.feed(
        url,
        plan.markets,
        rest_url=plan.rest or exchange.rest_url(url) or None,
        deduplicators=deduplicators,
        options=FeedOptions(connect_timeout_s=plan.connect_timeout_s),
    )


def _sessions(
    plan: Plan, url: str, feed: Feed, logs: dict[str, Log], watcher: "Watcher | None"
) -> "list[Session]":
    from journal.live.session import Session

    turn = Lock()
    sessions = [
        Session(
            place,
            logs.get(place.name),
            feed,
            market=market,
            url=url,
            venue=plan.venue,
            settings=plan.settings,
            turn=turn,
            watcher=watcher,
        )
        for market, place in zip(plan.markets, plan.places, strict=True)
    ]
    for session in sessions:
        session.loading_ns = plan.loading_ns
    return sessions


def _running(
    plan: Plan,
    feed: Feed,
    sessions: "list[Session]",
    stopping: Stopping,
    report: Callable[[Exception], int],
) -> "Sessions":
    from journal.live.heartbeat import Heartbeat
    from journal.live.supervisor import Sessions
    from journal.live.systemd import Notifier

    socket, watchdog_us = manager()
    return Sessions(
        sessions,
        feed,
        plan.settings,
        notifier=Notifier(socket, watchdog_us=watchdog_us),
        heartbeat=Heartbeat(plan.heartbeat_url),
        stopping=stopping,
        report=report,
    )
