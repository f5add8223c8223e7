"""What a report says, as figures: the page, the terminal's tables and ``--json`` show these.

Values that a log does not hold, because it is of an earlier version or too short, are ``None`` and
are shown as a dash; nothing is made up for them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from analysis.curves import Curves
from analysis.figures import (
    CalibrationFigures,
    CheckpointFigures,
    Counts,
    FrozenFigures,
    GapFigures,
    HealthFigures,
    Learning,
    MilestoneFigures,
    Money,
    Period,
    ReliabilityBin,
    ReportSummary,
    SessionFigures,
)
from analysis.history import History, Session, gather
from analysis.lines import time_of
from analysis.measures import measures
from analysis.scoring.reliability import Reliability
from analysis.scoring.scores import Interval, held_equity, learned_by, wilson
from analysis.scoring.smoothing import Floats, filled
from analysis.scoring.uncertainty import blocked
from analysis.summaries import IntervalSaid
from analysis.verdicts import answers, assumptions
from engine.account.reasons import LATE
from engine.executor.choice import Choice
from engine.snapshot import Facts
from eventlog.reader import Reader
from journal import compile_cache
from journal.errors import NoJournal
from journal.frozen import Frozen
from journal.header import header_of
from journal.layout import JournalPath
from journal.progress import progress, stage
from journal.reading.score import Learned, gain_of, mean_of, skill_of
from journal.sidecar import covered, verified

_PERIODS = 24
_KEPT = ("spread_cost", "turnover", "round_trips", "winning_trips", "sharpe", "skill_confidence")
"""Figures of the account as the newest decision says them, as far as the log's version has them."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A journal's history, and what a report says of it."""

    history: History
    figures: ReportSummary


def reported(
    place: JournalPath,
    log: Reader,
    *,
    frozen: bool,
    influences: bool,
    executor: Choice = Choice.AUTO,
) -> Reported:
    """Read a journal from its first record to its last and return what there is to report.

    Args:
        place: the journal.
        log: its log.
        frozen: whether the state of a quarter of it is first run over the rest, learning no more;
            what it said is kept next to the log.
        influences: whether it is asked what the network looks at.
        executor: who runs the step then.

    Raises:
        NoJournal: if it has no record.
        JournalDiverged: if the state to freeze cannot be had as it was recorded.
    """
    if not log.end:
        raise NoJournal(f"{place.log} is empty: there is nothing to tell yet")
    if frozen:
        compile_cache.reuse(executor)
        with stage("load"):
            from analysis.freezing import freeze
        freeze(place, log, header_of(log, place))
    with progress("reading", log.end) as advance:
        told = gather(place, log, advance=advance)
    said = figures(told, verified(place))
    if influences:
        from analysis.attribution import influences as weigh

        said = replace(said, influences=tuple(weigh(told)))
    return Reported(told, said)


def figures(told: History, noted: dict[str, Any] | None) -> ReportSummary:
    """Return all figures of a journal; ``noted`` is what its newest verification said."""
    learning, money, parameters = _learning(told), _money(told), told.rules.known
    frozen = _frozen(told.frozen)
    return ReportSummary(
        journal=told.place.name,
        paper=True,
        records=told.records,
        ticks=int(told.curves.decisions.sum()),
        backfilled=int(told.curves.backfilled.sum()),
        late=int(told.curves.reasons[LATE].sum()) if LATE in told.curves.reasons else 0,
        first_ns=min((each.first_ns for each in told.sessions), default=None),
        last_ns=int(told.curves.time_ns[-1]) if told.records else None,
        parameters=told.rules.digest,
        horizon_ms=parameters.horizon_ms,
        verified=noted,
        learning=learning,
        money=money,
        frozen=frozen,
        calibration=_calibration(told.reliability),
        holds={
            reason: int(counts.sum())
            for reason, counts in sorted(
                told.curves.reasons.items(), key=lambda pair: -pair[1].sum()
            )
        },
        measures=tuple(measures(told, learning)),
        sessions=tuple(map(_session, told.sessions)),
        checkpoints=tuple(_checkpoint(facts, noted) for facts in told.checkpoints),
        damaged_checkpoints=told.damaged_checkpoints,
        gaps=tuple(
            GapFigures(from_ns=gap["from_ns"], to_ns=gap["to_ns"], why=gap["why"])
            for gap in told.gaps
        ),
        milestones=tuple(MilestoneFigures(**row) for row in told.milestones),
        health=tuple(HealthFigures(**row) for row in told.health),
        counts=Counts(**{each.name: told.counts[each.name] for each in fields(Counts)}),
        latency=told.latencies.said(),
        periods=_periods(told.curves, told.frozen),
        words=tuple(answers(learning, frozen, money)),
        assumptions=tuple(assumptions(told)),
    )


def _checkpoint(facts: Facts, noted: dict[str, Any] | None) -> CheckpointFigures:
    learned = learned_by(facts)
    return CheckpointFigures(
        offset=facts.offset,
        time=time_of(facts.time_ns) if facts.time_ns else None,
        steps=facts.steps,
        labels=learned.labels,
        accuracy=learned.accuracy,
        log_loss=learned.log_loss,
        equity=facts.equity_e8 / 1e8,
        digest=facts.digest,
        verified=covered(facts.offset, noted),
    )


def _session(session: Session) -> SessionFigures:
    learned = Learned.of_sums(
        labels=session.scored,
        hits=session.hits,
        loss=session.loss,
        baseline_loss=session.baseline_loss,
    )
    return SessionFigures(
        number=session.number,
        offset=session.offset,
        started=time_of(session.started_ns),
        seconds=max(session.last_ns - session.first_ns, 0) / 1e9,
        ended=session.why if session.ended else "running" if session.running else "killed",
        ticks=session.ticks,
        **asdict(learned),
        trader=session.detail.get("versions", {}).get("trader"),
        arithmetic=str(session.detail.get("arithmetic", ""))[:12],
    )


def _learning(told: History) -> Learning:
    sums = told.curves.sums
    learned = told.curves.learned()
    saved = sums["scored_baseline_loss"] - sums["scored_loss"]
    beside: dict[str, Any] = {
        name: None
        if (theirs := others(told.curves, column)) is None
        else mean_of(theirs.sum(), learned.labels)
        for name, column in BESIDE.items()
    }
    return Learning(
        **asdict(learned),
        saved=_interval(blocked(saved, sums["scored"])),
        skill=learned.skill,
        **beside,
        steps=told.checkpoints[-1].steps if told.checkpoints else None,
    )


BESIDE = {
    "rule_log_loss": "scored_rule_loss",
    "network_log_loss": "scored_network_loss",
    "rule_accuracy": "scored_rule_hits",
    "persistence_accuracy": "scored_persistence_hits",
}
"""What stands beside the learner, on the same labels: the imbalance rule, the network alone, and
that the last move goes on."""


def others(drawn: Curves, column: str) -> Floats | None:
    """Return what somebody else would have scored on the same labels, if the log holds it."""
    sums = drawn.sums.get(column)
    return None if sums is None or not sums.any() else sums


def _frozen(told: Frozen | None) -> FrozenFigures | None:
    """Return the learner and the frozen model on the labels after it was frozen."""
    if told is None:
        return None
    sums = told.sums
    labels = float(sums["scored"].sum())
    saved = sums["frozen_loss"] - sums["loss"]
    return FrozenFigures(
        after=told.after,
        records=told.records,
        labels=int(labels),
        log_loss=mean_of(sums["loss"].sum(), labels),
        frozen_log_loss=mean_of(sums["frozen_loss"].sum(), labels),
        accuracy=mean_of(sums["hits"].sum(), labels),
        frozen_accuracy=mean_of(sums["frozen_hits"].sum(), labels),
        saved=_interval(blocked(saved, sums["scored"])),
        skill=skill_of(sums["loss"].sum(), sums["frozen_loss"].sum()),
    )


def _money(told: History) -> Money:
    drawn = told.curves
    start = float(told.rules.known.cash)
    equity, hold = filled(drawn.lasts["equity"]), held(told)
    both = np.isfinite(equity) & np.isfinite(hold)
    first = int(np.argmax(both)) if both.any() else len(both)
    difference = (np.diff(equity[first:]) - np.diff(hold[first:])) / start
    over_hold = blocked(difference, np.ones(len(difference)))
    if over_hold is not None:
        over_hold = over_hold.scaled(len(difference))
    kept: dict[str, Any] = {name: _kept(drawn, name) for name in _KEPT}
    return Money(
        start=start,
        stake=float(told.rules.known.order_cash),
        equity=_newest(equity),
        gain=gain_of(_newest(equity), start),
        gross_gain=gain_of(_newest(_last(drawn, "gross_equity")), start),
        market_gain=gain_of(_newest(drawn.price_last), drawn.price_first),
        hold_gain=gain_of(_newest(hold), start),
        random_gain=gain_of(_newest(_last(drawn, "random_equity")), start),
        drawdown=_drawdown(drawn),
        fills=int(drawn.fills.sum()),
        fees=float(drawn.fees.sum()),
        price_first=drawn.price_first,
        price_last=_newest(drawn.price_last),
        **kept,
        over_hold=_interval(over_hold),
    )


def _kept(drawn: Curves, name: str) -> float | None:
    value = _newest(drawn.lasts[name]) if name in drawn.lasts else None
    return int(value) if value is not None and name in ("round_trips", "winning_trips") else value


def _last(drawn: Curves, name: str) -> Floats:
    return filled(drawn.lasts.get(name, np.full(drawn.count, np.nan)))


def held(told: History) -> Floats:
    """Return the account of who bought at first, with the stake of one order, and holds.

    Version 1 kept none: there it is the stake that moves as the price did, without costs.
    """
    drawn, known = told.curves, told.rules.known
    hold = _last(drawn, "buy_hold_equity")
    if np.isfinite(hold).any() or not drawn.price_first:
        return hold
    moved: Floats = filled(drawn.price_last) / drawn.price_first - 1
    return held_equity(moved, stake=known.order_cash, cash=known.cash)


def _drawdown(drawn: Curves) -> float | None:
    """Return the deepest fall from a peak, as a share of the peak."""
    seen = drawn.falls[np.isfinite(drawn.falls)]
    return float(seen.max()) if len(seen) else None


def _calibration(told: Reliability) -> CalibrationFigures:
    bins = told.calibrated
    return CalibrationFigures(
        labels=told.labels,
        error=told.calibrated.error,
        error_raw=told.raw.error,
        brier=told.calibrated.brier,
        brier_raw=told.raw.brier,
        bins=tuple(
            ReliabilityBin(
                mean=float(said / count),
                rose=float(rose / count),
                count=int(count),
                low=wilson(rose, count)[0],
                high=wilson(rose, count)[1],
            )
            for count, said, rose in zip(bins.counts, bins.said, bins.rose, strict=True)
            if count
        ),
    )


def _periods(drawn: Curves, frozen: Frozen | None) -> tuple[Period, ...]:
    """Return the journal in a few equal parts: the table that needs no script."""
    equity, price = filled(drawn.lasts["equity"]), filled(drawn.price_last)
    return tuple(
        Period(
            until=time_of(int(drawn.time_ns[cells[-1]])),
            ticks=int(drawn.decisions[cells].sum()),
            **asdict(drawn.learned(cells)),
            frozen_log_loss=None
            if frozen is None
            else mean_of(
                frozen.sums["frozen_loss"][cells].sum(), frozen.sums["scored"][cells].sum()
            ),
            fills=int(drawn.fills[cells].sum()),
            equity=_newest(equity[cells]),
            price=_newest(price[cells]),
        )
        for cells in np.array_split(np.arange(drawn.count), min(_PERIODS, drawn.count))
    )


def merged(periods: Sequence[Period], most: int) -> list[Period]:
    """Return at most so many periods, each of equally many neighbours; means are by label."""
    each = -(-len(periods) // most)
    return [_one(periods[start : start + each]) for start in range(0, len(periods), each)]


def _one(parts: Sequence[Period]) -> Period:
    means: dict[str, Any] = {}
    for name in ("log_loss", "baseline_log_loss", "frozen_log_loss", "accuracy"):
        known = [
            (value, part.labels)
            for part in parts
            if part.labels and (value := getattr(part, name)) is not None
        ]
        means[name] = mean_of(
            sum(value * labels for value, labels in known), sum(labels for _, labels in known)
        )
    return replace(
        parts[-1],
        ticks=sum(part.ticks for part in parts),
        labels=sum(part.labels for part in parts),
        fills=sum(part.fills for part in parts),
        **means,
    )


def _newest(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None


def _interval(found: Interval | None) -> IntervalSaid | None:
    return None if found is None else found.said()
