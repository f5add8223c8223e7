"""A backfill from its plan to its summary: checked, connected, and then fetched."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from eventlog.reader import Reader
from feeds import clock
from feeds.venue import BTC_MARKETS, Venue, venue
from journal import compile_cache
from journal.asked import preflight
from journal.asked.choices import check_choice
from journal.asked.names import check_market
from journal.asked.settings import Settings, check_kept
from journal.errors import Interrupted, UsageError
from journal.header import check_venue, header_of
from journal.layout import SIMULATED, JournalPath
from journal.live import simulation
from journal.progress import stage
from journal.reading import sessions
from journal.summaries import BackfillSummary

SCENARIO, SEED = "calm", 0
"""The stand-in's market, the same in every run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a backfill is asked for; ``length`` is the venue's name of a candle's length."""

    home: Path
    market: str
    since_ns: int
    length: str
    trades: bool
    rest_url: str | None
    simulated: bool
    settings: Settings
    venue: str = BTC_MARKETS

    @property
    def place(self) -> JournalPath:
        """The journal that the past is fetched into."""
        return JournalPath(self.home, self.market + (SIMULATED if self.simulated else ""))


def run(plan: Plan) -> BackfillSummary:
    """Fetch the past into the journal; return a summary.

    Raises:
        CommandError: (2) usage, (3) configuration, (12) a journal of another version, (21) too
            little disk space, (130) interrupted.
        FeedError: (20) if the exchange cannot be reached; the pages before are in the journal.
    """
    at = venue(plan.venue)
    length_ns = _checked(plan, at)
    with ExitStack() as stack:
        url = plan.rest_url or at.facts.rest_url
        if plan.simulated:
            back = timedelta(seconds=(clock.now_ns() - plan.since_ns) // 10**9, hours=1)
            made = simulation.exchange(
                plan.market,
                scenario=SCENARIO,
                seed=SEED,
                history=f"{int(back.total_seconds())}s",
            )
            url = at.rest_url(stack.enter_context(made).url)
        history = at.history(url, plan.market)
        assert history is not None, "a venue with lengths of candles keeps a history"
        with stage("connect") as connecting:
            stack.enter_context(history)
            connecting.note = url
        with stage("load"):
            compile_cache.reuse()
            from journal.backfilling import Backfilling, Wanted  # loads TensorFlow
        wanted = Wanted(
            length=plan.length,
            length_ns=length_ns,
            since_ns=plan.since_ns,
            trades=plan.trades,
            venue=plan.venue,
        )
        filling = Backfilling(plan.place, history, wanted=wanted, settings=plan.settings)
        try:
            return filling.run()
        except KeyboardInterrupt:
            hint = "Nothing is lost: the same command goes on from there."
            raise Interrupted(f"{plan.place.name}: interrupted", hint=hint) from None


def _checked(plan: Plan, at: Venue) -> int:
    """Refuse a plan that cannot be run; return the length of its candles in ns."""
    check_market(plan.market, venue_name=plan.venue)
    lengths_ns = at.facts.candle_lengths_ns
    if not lengths_ns:
        raise UsageError(f"--venue {plan.venue}: it keeps no history")
    check_choice("--candles", plan.length, lengths_ns)
    if plan.simulated and plan.venue != BTC_MARKETS:
        raise UsageError("--simulated: the exchange that is started here is BTC Markets' only")
    preflight.check_http("--rest-url", plan.rest_url)
    if not plan.simulated:
        preflight.check_trust(plan.rest_url or at.facts.rest_url)
    preflight.check_clock()
    preflight.check_home(plan.home, min_free_bytes=plan.settings.min_free_bytes)
    preflight.check_unlocked(plan.place)
    if plan.place.log.exists() and (log := Reader.open(plan.place.log)).end:
        header = header_of(log, plan.place)
        check_venue(plan.venue, header, plan.place)
        check_kept(plan.settings.engine, header.parameters)
        sessions.check_newest(log, plan.place)
    return lengths_ns[plan.length]
