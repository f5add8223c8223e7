"""Fetches a market's past into its journal: candles and trades that the exchange still keeps.

Before a journal's first session of `trader live`, the past is history: candles, then trades, each
in the order of time, up to the present. After it, only the gaps between recorded ticks are filled,
with candles that are marked as backfilled. Nothing is decided on fetched records, and no account
changes: the engine skips candles and fetched trades.

Each page is durable before the next is requested. If the process is killed, the same command
continues after the last page in the log.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from engine.engine import Engine, arithmetic_digest
from engine.parameters import parameters_from
from engine.venue_rules import rules_at
from eventlog.log import Log
from eventlog.records import Candle, Gap, Input, SessionEnded, SessionStarted, Trade, Undecodable
from feeds import clock
from feeds.errors import RestRefused, RestUnavailable
from feeds.history import PRESENT, History, HistoryPage
from journal import console
from journal.asked import preflight
from journal.asked.settings import Settings, check_kept
from journal.errors import LimitReached, UsageError
from journal.header import JournalHeader, check_venue, header_of, session_detail
from journal.layout import JournalPath
from journal.progress import progress
from journal.reading import scan
from journal.reading.past import AHEAD_NS, HISTORY, TRADES, Past
from journal.reading.score import Score
from journal.reading.sessions import check_newest
from journal.reading.totals import carried, since_beginning
from journal.recorder import Recorder
from journal.summaries import BackfillSummary

SETTLED_NS = 10 * 10**9
"""How long after its end a candle counts as final: the exchange may answer from a cache of some
seconds."""

NO_GAP = "no gap is as long as a candle"
_MINUTE_NS = 60 * 10**9
_WHY_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of the past is requested; ``length`` is the venue's name of ``length_ns``."""

    length: str
    length_ns: int
    since_ns: int
    trades: bool
    venue: str


class Backfilling:
    """One run that fetches the past into one journal, from a `History` whose context is entered."""

    def __init__(
        self, place: JournalPath, history: History, *, wanted: Wanted, settings: Settings
    ) -> None:
        self._place = place
        self._history = history
        self._wanted = wanted
        self._settings = settings
        self._score = Score()
        self._counts = {Candle: 0, Trade: 0, Gap: 0, Undecodable: 0}
        self._from_ns: int | None = None
        self._to_ns: int | None = None
        self._number = 1  # of the session

    def run(self) -> BackfillSummary:
        """Fetch what the journal lacks; return a summary.

        Whatever is raised, the pages before it are in the journal.

        Raises:
            UsageError: if the journal's history has candles of another length, or if trades are
                requested after its first live session.
            LimitReached: if the free disk space falls below its limit.
            RestUnavailable: if a page cannot be fetched.
            RestRefused: if the exchange refuses a request.
        """
        started_s = clock.monotonic_s()
        with Log.open(self._place.log, segment_bytes=self._settings.segment_bytes) as log:
            past = Past.of(log)
            self._check(past)
            # The end of history is fixed before the session begins, from one reading of the clocks.
            until_ns = self._settled_ns()
            recorder = self._recorder(log, past)
            began = log.end - 1
            try:
                stopped = self._fetch(log, recorder, past, until_ns)
            except (RestRefused, RestUnavailable, LimitReached) as error:
                self._end(
                    log, recorder, began, f"{type(error).__name__}: {error}"[:_WHY_CHARACTERS]
                )
                raise
            # A kill, an interruption or a failing disk records no end: the log just stops.
            self._end(log, recorder, began, stopped)
            log.seal()
        return BackfillSummary(
            journal=self._place.name,
            candles=self._counts[Candle],
            trades=self._counts[Trade],
            start=None if self._from_ns is None else clock.iso_utc(self._from_ns),
            end=None if self._to_ns is None else clock.iso_utc(self._to_ns),
            gaps=self._counts[Gap],
            undecodable=self._counts[Undecodable],
            calls=self._history.calls,
            seconds=round(clock.monotonic_s() - started_s, 3),
            stopped_because=stopped,
        )

    def _check(self, past: Past) -> None:
        wanted = self._wanted
        if past.has_lived:
            if wanted.trades:
                problem = f"--trades: {self._place.name} has lived, and its past is only filled"
                hint = "trader live itself fetches the trades of a gap; leave --trades out."
                raise UsageError(problem, hint=hint)
            return
        if past.lengths_ns - {wanted.length_ns}:
            seconds = ", ".join(f"{each // 10**9} s" for each in sorted(past.lengths_ns))
            problem = f"{self._place.name} has a history of candles of {seconds}"
            raise UsageError(problem, hint="Name that length, or take another --home.")
        if past.first_ns is not None and wanted.since_ns < past.first_ns:
            first = clock.iso_utc(past.first_ns)
            message = f"its history begins at {first}: nothing can be put before that"
            console.echo(f"{self._place.name}: {message}", err=True)

    def _settled_ns(self) -> int:
        """Return the end of the newest candle that is final, in the exchange's time."""
        length_ns = self._wanted.length_ns
        return (self._history.now_ns() - SETTLED_NS) // length_ns * length_ns

    def _fetch(self, log: Log, recorder: Recorder, past: Past, until_ns: int) -> str:
        """Request and record page after page; return why the pages ended."""
        wanted, length_ns = self._wanted, self._wanted.length_ns
        since_ns = -(-wanted.since_ns // length_ns) * length_ns
        if past.has_lived:
            windows = past.missing(length_ns, since_ns=since_ns, until_ns=until_ns)
            stopped, known_ns = NO_GAP, past.starts_ns
            for from_ns, to_ns in windows:
                pages = self._candles(from_ns, to_ns, follows=True)
                filled = (_of_gap(page, known_ns) for page in pages)
                stopped = self._record(log, recorder, "gaps", filled, from_ns, to_ns)
            return stopped
        self._compare(log, recorder, past)
        from_ns = since_ns if past.last_ns is None else past.last_ns
        pages = self._candles(from_ns, until_ns, follows=past.last_ns is not None)
        stopped = self._record(log, recorder, "candles", pages, from_ns, until_ns)
        if wanted.trades:
            trades = self._history.trades(from_ns=since_ns, after=_trade_at(log, past.trade_offset))
            now_ns = self._history.now_ns()
            stopped = self._record(log, recorder, "trades", trades, since_ns, now_ns)
        return stopped

    def _compare(self, log: Log, recorder: Recorder, past: Past) -> None:
        """Request the newest recorded candles again; record those that the exchange changed."""
        if past.last_ns is None:
            return
        recorded = scan.records(log, past.compared_from, log.end, kinds=("candle",))
        known = {each.exchange_ns: each for _, each in recorded if isinstance(each, Candle)}
        pages = self._candles(min(known), past.last_ns, follows=True)
        fetched = {
            each.exchange_ns: replace(each, received_ns=known[each.exchange_ns].received_ns)
            for page in pages
            for each in page.records
            if isinstance(each, Candle) and each.exchange_ns in known
        }
        differ = [each for each in fetched.values() if each != known[each.exchange_ns]]
        if differ:
            why = "a candle that contradicts the one recorded of its time"
            records = tuple(_as_odd(each, why) for each in differ)
            recorder.record([log.append(records).batch()])
            self._count(records)
            message = f"{len(differ)} of {len(known)} candles are not what the exchange said before"
            console.echo(f"{self._place.name}: {message}", err=True)

    def _candles(self, from_ns: int, to_ns: int, *, follows: bool) -> Iterator[HistoryPage]:
        return self._history.candles(
            self._wanted.length, from_ns=from_ns, to_ns=to_ns, follows=follows
        )

    def _record(
        self,
        log: Log,
        recorder: Recorder,
        label: str,
        pages: Iterator[HistoryPage],
        from_ns: int,
        to_ns: int,
    ) -> str:
        """Record pages, each durable before the engine sees it (I2); return why they ended."""
        minutes = max(0, to_ns - from_ns) // _MINUTE_NS
        done, stopped = 0, PRESENT
        with progress(f"{label}, in minutes", minutes) as advance:
            for page in pages:
                if page.records:
                    preflight.check_home(
                        self._place.home, min_free_bytes=self._settings.min_free_bytes
                    )
                    recorder.record([log.append(page.records).batch()])
                    log.seal()
                    self._count(page.records)
                stopped = page.stopped
                reached = min(minutes, (page.until_ns - from_ns) // _MINUTE_NS)
                advance(max(0, reached - done))
                done = max(done, reached)
        return stopped

    def _count(self, records: tuple[Input, ...]) -> None:
        for record in records:
            if type(record) in self._counts:
                self._counts[type(record)] += 1
            if isinstance(record, Candle | Trade) and record.exchange_ns is not None:
                first_ns = record.exchange_ns
                last_ns = record.end_ns if isinstance(record, Candle) else first_ns
                self._from_ns = min(first_ns, self._from_ns or first_ns)
                self._to_ns = max(last_ns, self._to_ns or last_ns)

    def _recorder(self, log: Log, past: Past) -> Recorder:
        """Begin or restore the journal and start a session; return the recorder."""
        if not log.end:
            rules = rules_at(self._wanted.venue)
            parameters = parameters_from({**rules.parameters, **self._settings.engine})
            engine = Engine.initial(parameters, rules)
            header = JournalHeader(
                parameters=parameters, initial_state=engine.digest, venue=self._wanted.venue
            )
            started = self._started(log, header, past, None, None)
            return Recorder.begin(self._place, log, engine, started, show=self._score.add)
        header = header_of(log, self._place)
        check_venue(self._wanted.venue, header, self._place)
        check_kept(self._settings.engine, header.parameters)
        check_newest(log, self._place)
        self._score = since_beginning(log) or self._score
        recorder = Recorder.restore(self._place, log, header, show=self._score.add)
        recorder.catch_up()
        predecessor = scan.predecessor_of(log)
        started = self._started(log, header, past, recorder.resumed_from, predecessor)
        recorder.start(started)
        return recorder

    def _started(
        self,
        log: Log,
        header: JournalHeader,
        past: Past,
        resumed_from: int | None,
        predecessor: scan.Predecessor | None,
    ) -> SessionStarted:
        wanted = self._wanted
        request = {
            "candles": wanted.length,
            TRADES: wanted.trades,
            "since": clock.iso_utc(wanted.since_ns),
            "of": "gaps" if past.has_lived else "the time before the first session",
            AHEAD_NS: self._history.ahead_ns,
        }
        detail = session_detail(
            header,
            arithmetic=arithmetic_digest(header.parameters, header.rules),
            url=self._history.source,
            resumed_from=resumed_from,
            predecessor=predecessor,
            log=log,
            source={HISTORY: request},
        )
        self._number = 1 if predecessor is None else predecessor.session + 1
        return SessionStarted(received_ns=clock.now_ns(), session=self._number, detail=detail)

    def _end(self, log: Log, recorder: Recorder, began: int, why: str) -> None:
        """Record the end of the session."""
        ended = SessionEnded(
            received_ns=clock.now_ns(),
            session=self._number,
            why=why,
            detail=json.dumps(carried(self._score, log, began=began), sort_keys=True),
        )
        recorder.record([log.append([ended]).batch()])
        recorder.close()


def _of_gap(page: HistoryPage, known_ns: set[int]) -> HistoryPage:
    """Return a page for a gap: only new candles, marked as backfilled, and no gap records."""
    records = tuple(
        replace(record, backfilled=True) if isinstance(record, Candle) else record
        for record in page.records
        if not isinstance(record, Gap)
        and not (isinstance(record, Candle) and record.exchange_ns in known_ns)
    )
    return replace(page, records=records)


def _trade_at(log: Log, offset: int | None) -> Trade | None:
    """Return the trade at an offset of the log."""
    if offset is None:
        return None
    ((_, trade),) = scan.records(log, offset, offset + 1)
    assert isinstance(trade, Trade)
    return trade


def _as_odd(candle: Candle, why: str) -> Undecodable:
    return Undecodable(received_ns=clock.now_ns(), raw=json.dumps(asdict(candle)).encode(), why=why)
