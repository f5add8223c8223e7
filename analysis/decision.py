"""One decision and everything that it rests on: tick, edge and cost, delay, neighbours, lineage."""

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

from analysis import lines
from analysis.reasons import meaning
from analysis.selection import NEAR_RECORDS, select
from analysis.status import RECENT_RECORDS, newest_facts
from analysis.summaries import ContributionsSaid, DecisionFeaturesSummary, DecisionSummary
from engine.checkpoint import Checkpoints
from engine.snapshot import Facts
from eventlog.fastpath import compute
from eventlog.reader import Reader
from eventlog.records import Decision, Fill, MarketStatus, Record
from journal.errors import NoSuchRecord
from journal.header import header_of, rules_of
from journal.layout import JournalPath
from journal.reading import scan
from journal.reading.newest import start_of

NEIGHBOUR_RECORDS = 400
"""How many records before a tick are searched for the newest quote, trade and book update."""

STATUS_RECORDS = 500_000
"""How many records before a tick are searched for the market status: some hours, or days."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that one decision rests on. Pairs are an offset and the record there."""

    journal: str
    offset: int
    decision: Decision
    note: str
    """Why it is not the decision of the offset that was named; else empty."""
    meaning: str
    """The decision's reason as a sentence; empty for a reason of another version."""
    late_ms: int
    """The delay beyond which nothing is traded on a tick."""
    tick: Record
    before: tuple[tuple[int, Record], ...]
    """The newest quote, trade and book update before the tick: what else it could see."""
    fills: tuple[tuple[int, Fill], ...]
    """What came of the order, if one was placed."""
    market_status: str | None
    """The newest market status before the tick; ``None`` if none is on record."""
    checkpoint: Facts | None
    """The newest checkpoint that is not after the tick."""
    parameters: str
    """Digest of the parameters."""
    window_s: float | None
    reasons: Counter[str]
    """Reasons of the decisions up to this one, within the window or the newest records."""
    rederived: bool = False
    """Whether the features were asked for."""
    features: ContributionsSaid | None = None

    @property
    def delay_ms(self) -> float | None:
        """How long the tick waited until it was taken up; ``None`` where that was not recorded."""
        taken_ns: int | None = getattr(self.tick, "taken_ns", None)
        return None if taken_ns is None else max(0, taken_ns - self.tick.received_ns) / 1e6

    def summary(self) -> DecisionSummary:
        """Return the message of `trader why`."""
        decision, checkpoint, cause = self.decision, self.checkpoint, self.decision.cause
        own = lines.plain(decision)
        named = {name: own.pop(name) for name in _NAMED}
        del own["fingerprint"]  # written in hexadecimal below
        values: dict[str, Any] = {
            "offset": self.offset,
            "note": self.note,
            "time_ns": decision.received_ns,
            "delay_ms": self.delay_ms,
            "late_ms": self.late_ms,
            "meaning": self.meaning,
            **named,
            "others": own,
            "fingerprint": f"{decision.fingerprint:016x}",
            "tick": {"kind": lines.kind_of(self.tick), **lines.plain(self.tick)},
            "tick_line": lines.brief(cause, self.tick),
            "before": tuple(lines.brief(at, record) for at, record in self.before),
            "fills": tuple({"offset": at, **lines.plain(fill)} for at, fill in self.fills),
            "market_status": self.market_status,
            "checkpoint_offset": None if checkpoint is None else checkpoint.offset,
            "checkpoint_digest": None if checkpoint is None else checkpoint.digest,
            "parameters": self.parameters,
            "window_s": self.window_s,
            "reasons": dict(self.reasons.most_common()),
        }
        if not self.rederived:
            return DecisionSummary(**values)
        return DecisionFeaturesSummary(**values, features=self.features)


_NAMED = tuple(
    each.name
    for each in fields(Decision)
    if each.name in {declared.name for declared in fields(DecisionSummary)} - {"fingerprint"}
)
"""The fields of a decision that its summary declares; it has all others as they are recorded."""


def explain(
    place: JournalPath,
    log: Reader,
    which: str,
    *,
    window_s: float | None = None,
    features: bool = False,
) -> Explanation:
    """Return what one decision rests on.

    Args:
        place: the journal.
        log: its log.
        which: the decision, in words: see `analysis.selection`.
        window_s: how many seconds back reasons are counted; by default, as far as the newest
            `RECENT_RECORDS` reach.
        features: whether the contributions of the features are derived again.

    Raises:
        NoSuchRecord: if there is no decision there.
        UsageError: if ``which`` names no offset.
        OffsetOutOfRange: if the log does not reach there.
    """
    if not log.end:
        raise NoSuchRecord(f"{place.log} is empty: nothing was decided yet")
    rules = rules_of(log, place)
    checkpoints = Checkpoints(place.checkpoints)
    selected = select(log, which, checkpoints)
    offset, decision = selected.offset, selected.decision
    cause = decision.cause
    derived: ContributionsSaid | None = None
    if features:
        from analysis.contributions import contributions  # nothing else here needs TensorFlow

        derived = contributions(place, log, header_of(log, place), cause)
    return Explanation(
        journal=place.name,
        offset=offset,
        decision=decision,
        note=selected.note,
        meaning=meaning(decision, rules.known),
        late_ms=rules.known.late_ms,
        tick=next(record for _, record in scan.records(log, cause, cause + 1)),
        before=neighbours(log, cause),
        fills=_fills(log, offset, decision),
        market_status=_market_status(log, cause),
        checkpoint=newest_facts(checkpoints, at_most=cause),
        parameters=rules.digest,
        window_s=window_s,
        reasons=reasons_before(log, offset, window_s),
        rederived=features,
        features=derived,
    )


def neighbours(log: Reader, cause: int) -> tuple[tuple[int, Record], ...]:
    """Return the newest quote, trade and book update before a tick, in the order of the log."""
    newest: dict[type, tuple[int, Record]] = {}
    start = max(0, cause - NEIGHBOUR_RECORDS)
    for offset, record in scan.records(log, start, cause, kinds=["quote", "trade", "book"]):
        newest[type(record)] = offset, record
    return tuple(sorted(newest.values(), key=lambda pair: pair[0]))


def reasons_before(log: Reader, offset: int, window_s: float | None) -> Counter[str]:
    """Return how often each reason was given within so many seconds up to a decision.

    Without a window, within the newest `RECENT_RECORDS`.
    """
    counts: Counter[str] = Counter()
    since_ns: int | None = None
    columns = ("kind", "reason", "received_ns")
    for end in range(offset + 1, 0, -RECENT_RECORDS):
        is_reached = window_s is None
        start = max(0, end - RECENT_RECORDS)
        for batch in reversed([*log.read(start, end, columns=columns)]):
            decided = compute.where(batch, compute.equal(batch.column("kind"), "decision"))
            if not decided.num_rows:
                continue
            if since_ns is None and window_s is not None:
                since_ns = decided.column("received_ns")[-1].as_py() - round(window_s * 1e9)
            whole = decided.num_rows
            if since_ns is not None:
                late_enough = compute.at_least(decided.column("received_ns"), since_ns)
                decided = compute.where(decided, late_enough)
            counts.update(compute.counts(decided.column("reason")))
            is_reached = is_reached or decided.num_rows < whole
        if is_reached:
            break
    return counts


def _market_status(log: Reader, cause: int) -> str | None:
    least = max(0, cause - STATUS_RECORDS)
    at = start_of(log, 1, kinds=["market_status"], end=cause, least=least)
    newest = next((record for _, record in scan.records(log, at, at + 1)), None)
    return newest.status if isinstance(newest, MarketStatus) else None


def _fills(log: Reader, offset: int, decision: Decision) -> tuple[tuple[int, Fill], ...]:
    if decision.action == "hold":
        return ()
    end = min(log.end, offset + NEAR_RECORDS)
    return tuple(
        (at, fill)
        for at, fill in scan.records(log, offset, end, kinds=["fill"])
        if isinstance(fill, Fill) and fill.ordered_at == decision.cause
    )
