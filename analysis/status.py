"""The status of a journal, read from its files alone: while a session runs, or after it was killed.

What a session knows of its feed is in the health samples that it records; everything else follows
from the newest records, the newest checkpoint, and the size of the files.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from analysis.scoring.scores import held_equity, learned_by
from analysis.summaries import StatusSummary, StepSaid
from engine.checkpoint import Checkpoints
from engine.errors import CheckpointDamaged
from engine.identity import step_identity
from engine.snapshot import Facts
from eventlog.fastpath import compute
from eventlog.reader import Reader
from eventlog.records import E8, TICK_KINDS, Decision, format_e8
from eventlog.recovery import LOCK
from eventlog.storage import DISK
from feeds import clock
from journal import layout, sidecar
from journal.errors import CommandError, JournalStale, NotRecording
from journal.header import Rules, rules_of
from journal.layout import JournalPath
from journal.reading import scan, sessions
from journal.reading.details import detail_of
from journal.reading.prices import first, newest
from journal.reading.score import COLUMNS as SCORED
from journal.reading.score import Learned, Score, gain_of, span
from journal.reading.sessions import KEY as SO_FAR
from journal.reading.totals import QUICK_RECORDS, since_beginning
from journal.sidecar import verified
from journal.versions import version_of

RECENT_RECORDS = 8_000
"""Records from the end that "recent" means."""

HEALTH_RECORDS = 60_000
"""Records from the end that are searched for a health sample: one is taken every minute."""

_DAY_S = 86_400.0
EARLIER_NS = 600 * 10**9
"""In a session of `trader live` the first frame may be received before the record of its start, but
not by so much."""


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """The status of a journal. ``None`` is what cannot be known yet."""

    place: JournalPath
    running: bool
    ended: bool
    """Whether the newest session ended on purpose."""
    records: int
    session: int | None
    last_received_ns: int | None
    now_ns: int
    recent: Score
    recent_ticks_per_s: float | None
    last: tuple[int, Decision] | None
    holds: Counter[str]
    """Reasons of the recent decisions that held."""
    cash_e8: int
    """What the account began with."""
    total: Score | None
    """All decisions since the beginning; ``None`` if the log is too long to read for it."""
    price_first: float | None
    price: float | None
    hold_gain: float | None
    """The gain of buy and hold with the stake of one order, as a share of all cash at the start."""
    imported: bool
    """Whether its data is older than its recording: it is an import or a fork."""
    facts: Facts | None
    free_bytes: int
    days_left: float | None
    """Until the disk is full, at the pace of the recent records, or as its session says."""
    health: dict[str, object] = field(default_factory=dict)
    verified: dict[str, object] | None = None

    @property
    def state(self) -> str:
        """One word: empty, running, stopped or killed."""
        if not self.records:
            return "empty"
        return "running" if self.running else "stopped" if self.ended else "killed"

    @property
    def age_s(self) -> float | None:
        """How long ago the last record was received."""
        if self.last_received_ns is None:
            return None
        return (self.now_ns - self.last_received_ns) / 10**9

    @property
    def learned(self) -> Learned | None:
        """What was scored since the beginning, or up to `learned_until`."""
        if self.total is not None:
            return self.total.learned
        return None if self.facts is None else learned_by(self.facts)

    @property
    def learned_until(self) -> int | None:
        """The offset of the checkpoint up to which `learned` counts; ``None`` if it counts all."""
        return None if self.total is not None or self.facts is None else self.facts.offset

    @property
    def market_gain(self) -> float | None:
        """How much the price itself has changed, as a share of the first."""
        return gain_of(self.price, self.price_first)

    @property
    def gain(self) -> float | None:
        """What the account gained since the start, as a share."""
        return None if self.last is None else gain_of(self.last[1].equity_e8, self.cash_e8)

    def summary(self, step: StepSaid | None) -> StatusSummary:
        """Return the message of `trader status`; ``step`` is the log's `step_of`.

        That is not a field, because it takes 0.3 s to compute this program's step.
        """
        facts, recent, last = self.facts, self.recent, self.last
        learned = self.learned
        total = self.total
        return StatusSummary(
            journal=self.place.name,
            paper=True,
            state=self.state,
            records=self.records,
            session=self.session,
            last_record_ns=self.last_received_ns,
            last_record_age_s=self.age_s,
            recent_ticks_per_s=self.recent_ticks_per_s,
            recent_labels=recent.scored,
            recent_log_loss=recent.log_loss,
            recent_baseline_log_loss=recent.baseline_log_loss,
            recent_accuracy=recent.accuracy,
            equity=None if last is None else format_e8(last[1].equity_e8),
            position=None if last is None else format_e8(last[1].position_e8),
            gain=self.gain,
            market_gain=self.market_gain,
            hold_gain=self.hold_gain,
            price=self.price,
            ticks=None if total is None else total.decisions,
            fills=None if total is None else total.fills,
            late=None if total is None else total.late,
            milestones=None if total is None else dict(total.milestones),
            action=None if last is None else last[1].action,
            reason=None if last is None else last[1].reason,
            last_decision_offset=None if last is None else last[0],
            hold_reasons=dict(self.holds.most_common()),
            checkpoint_offset=None if facts is None else facts.offset,
            labels=None if learned is None else learned.labels,
            log_loss=None if learned is None else learned.log_loss,
            baseline_log_loss=None if learned is None else learned.baseline_log_loss,
            accuracy=None if learned is None else learned.accuracy,
            free_bytes=self.free_bytes,
            disk_days_left=self.days_left,
            health=self.health,
            verified=self.verified,
            step=step,
        )


def look(place: JournalPath, log: Reader) -> JournalStatus:
    """Return the status of a journal now."""
    start = max(0, log.end - RECENT_RECORDS)
    columns = tuple({*SCORED, "offset", "received_ns", "session", "detail"})
    recent, holds = Score(), Counter[str]()
    times: list[int] = []
    health: dict[str, object] = {}
    ended = False
    decided: int | None = None
    for batch in log.read(start, log.end, columns=columns):
        recent.add(batch)
        kinds = batch.column("kind")
        session_kinds = compute.where(kinds, compute.is_in(kinds, _SESSIONS)).to_pylist()
        ended = session_kinds[-1] == "session_ended" if session_kinds else ended
        times += compute.where(
            batch.column("received_ns"), compute.is_in(kinds, _TICKS)
        ).to_pylist()
        decisions = compute.where(batch, compute.equal(kinds, "decision"))
        if decisions.num_rows:
            decided = decisions.column("offset")[-1].as_py()
        holds.update(compute.counts(decisions.column("reason")))
        samples = compute.where(batch.column("detail"), compute.equal(kinds, "health"))
        if len(samples):
            for sample in samples.to_pylist():
                health.update(detail_of(sample))
    health = health or _health(log, start)
    health.pop(SO_FAR, None)
    session = sidecar.newest_session(place, log.end)
    if session is None and (before := scan.predecessor_of(log)) is not None:
        session = before.session
    last = None if decided is None else _decision_at(log, decided)
    rules = _rules(log, place)
    cash_e8 = rules.known.cash * E8 if rules else 0
    price_first = first(log)
    price = None if price_first is None else newest(place, log)
    imported = _is_of_another_time(log, place)
    free_bytes = DISK.free_bytes(place.log)
    seconds = (times[-1] - times[0]) / 10**9 if len(times) > 1 else 0.0
    per_s = (len(times) - 1) / seconds if seconds > 0 else None
    return JournalStatus(
        place=place,
        running=DISK.locked(place.log / LOCK),
        ended=ended,
        records=log.end,
        session=session,
        last_received_ns=times[-1] if imported and times else scan.last_received_ns(log),
        now_ns=clock.now_ns(),
        recent=recent,
        recent_ticks_per_s=None if imported else per_s,
        last=last,
        holds=Counter({reason: n for reason, n in holds.items() if not _acts(reason)}),
        cash_e8=cash_e8,
        total=since_beginning(log, records_max=QUICK_RECORDS),
        price_first=price_first,
        price=price,
        hold_gain=_hold_gain(rules, last[1], price_first, price) if rules and last else None,
        imported=imported,
        facts=newest_facts(Checkpoints(place.checkpoints)),
        free_bytes=free_bytes,
        days_left=None
        if imported
        else _days_left(place, log, seconds, log.end - start, free_bytes)
        or _number(health.get("disk_days_left")),
        health=health,
        verified=verified(place),
    )


def step_of(log: Reader) -> StepSaid | None:
    """Return which step recorded a log's newest session, next to this program's."""
    last = sessions.newest(log) if log.end else None
    if last is None:
        return None
    return StepSaid(
        continues=sessions.other_step([last]) is None,
        recorded=last.step,
        recorded_by=last.trader,
        ours=step_identity(),
        ours_by=version_of("trader"),
    )


def probe(standings: Sequence[JournalStatus], max_age_s: float) -> None:
    """Check that every journal is being recorded and has a record of the last so many seconds.

    Raises:
        NotRecording: if a journal is not being recorded.
        JournalStale: if its newest record is older, or as far ahead of the clock.
    """
    for standing in standings:
        age = "no record" if standing.age_s is None else f"newest record {span(standing.age_s)} old"
        if not standing.running:
            hint = "trader live goes on from there."
            problem = f"{standing.place.name}: {standing.state}, {age}"
            raise NotRecording(problem, hint=hint)
    for standing in standings:
        # If a record is far ahead of the clock, which was then set back, its age is unknown.
        if standing.age_s is None or abs(standing.age_s) > max_age_s:
            age = "no record" if standing.age_s is None else span(standing.age_s)
            problem = f"{standing.place.name}: newest record {age} old, --max-age {max_age_s:g}s"
            raise JournalStale(problem)


_TICKS = pa.array(["quote", "trade", "book"])
_SESSIONS = pa.array(["session_started", "session_ended"])


def _decision_at(log: Reader, offset: int) -> tuple[int, Decision]:
    ((_, decision),) = scan.records(log, offset, offset + 1)
    assert isinstance(decision, Decision)
    return offset, decision


def _health(log: Reader, end: int) -> dict[str, object]:
    """Return the newest health sample before an offset; empty if it is too far back."""
    for stop in range(end, max(0, log.end - HEALTH_RECORDS), -RECENT_RECORDS):
        newest: dict[str, object] = {}
        for batch in log.read(max(0, stop - RECENT_RECORDS), stop, columns=("kind", "detail")):
            samples = compute.where(
                batch.column("detail"), compute.equal(batch.column("kind"), "health")
            )
            if len(samples):
                newest = detail_of(samples[-1].as_py())
        if newest:
            return newest
    return {}


def _acts(reason: str) -> bool:
    return reason.startswith(("entry", "exit"))


def _is_of_another_time(log: Reader, place: JournalPath) -> bool:
    """Say whether a log's first input was received before its session began: it was imported, or
    taken from another journal."""
    began_ns: int | None = None
    for batch in log.read(0, min(64, log.end), columns=("kind", "received_ns")):
        for kind, received_ns in zip(
            *(column.to_pylist() for column in batch.columns), strict=True
        ):
            if began_ns is None:
                began_ns = received_ns
            elif kind in TICK_KINDS:
                return bool(received_ns < began_ns - EARLIER_NS)
    return place.name.endswith(layout.IMPORTED)


def _rules(log: Reader, place: JournalPath) -> Rules | None:
    """Return the rules of the journal; ``None`` if its first record cannot be read."""
    try:
        return rules_of(log, place) if log.end else None
    except CommandError:
        return None


def _hold_gain(
    rules: Rules, last: Decision, price_first: float | None, price: float | None
) -> float | None:
    """Return the gain of buy and hold as a share; in version 1 of the log, without its costs."""
    known = rules.known
    if last.buy_hold_equity_e8 is not None:
        return gain_of(last.buy_hold_equity_e8, known.cash * E8)
    moved = gain_of(price, price_first)
    if moved is None:
        return None
    return gain_of(held_equity(moved, stake=known.order_cash, cash=known.cash), known.cash)


def newest_facts(checkpoints: Checkpoints, *, at_most: int | None = None) -> Facts | None:
    """Return the facts of the newest checkpoint whose beginning can be read.

    With ``at_most``, of those at or before this offset.
    """
    for offset in reversed(checkpoints.offsets()):
        if at_most is not None and offset > at_most:
            continue
        try:
            return checkpoints.facts(offset)
        except CheckpointDamaged:
            continue
    return None


def _days_left(
    place: JournalPath, log: Reader, seconds: float, records: int, free_bytes: int
) -> float | None:
    """Return in how many days the disk is full, from the size of sealed records and recent pace."""
    sealed = sorted(place.log.glob("*.parquet"))
    if not sealed or seconds <= 0:
        return None
    opened = [int(path.stem) for path in place.log.glob("*.open")]
    sealed_records = min(opened, default=log.end)
    if not sealed_records:
        return None
    per_record = sum(path.stat().st_size for path in sealed) / sealed_records
    return free_bytes / (per_record * records / seconds) / _DAY_S


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
