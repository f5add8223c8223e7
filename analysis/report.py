"""The figures of a report, which the page, the terminal's tables and ``--json`` show.

Values that a log does not hold, because it is of an earlier version or too short, are ``None`` and
are shown as a dash; no value is invented for them.
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
"""Figures of the account that the newest decision has, as far as the log's version has them."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A journal's history, and the figures of its report."""

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
    """Read a journal from its first record to its last and return its report.

    Args:
        place: the journal.
        log: its log.
        frozen: whether the frozen model is first run over the rest of the journal; its scores are
            kept next to the log.
        influences: whether the influence of each feature is computed.
        executor: who runs the step of the frozen model.

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
        history = gather(place, log, advance=advance)
    said = figures(history, verified(place))
    if influences:
        from analysis.attribution import influences as weigh

        said = replace(said, influences=tuple(weigh(history)))
    return Reported(history, said)


def figures(history: History, noted: dict[str, Any] | None) -> ReportSummary:
    """Return all figures of a journal; ``noted`` is the result of its newest verification."""
    learning, money, parameters = _learning(history), _money(history), history.rules.known
    frozen = _frozen(history.frozen)
    return ReportSummary(
        journal=history.place.name,
        paper=True,
        records=history.records,
        ticks=int(history.curves.decisions.sum()),
        backfilled=int(history.curves.backfilled.sum()),
        late=int(history.curves.reasons[LATE].sum()) if LATE in history.curves.reasons else 0,
        first_ns=min((each.first_ns for each in history.sessions), default=None),
        last_ns=int(history.curves.time_ns[-1]) if history.records else None,
        parameters=history.rules.digest,
        horizon_ms=parameters.horizon_ms,
        verified=noted,
        learning=learning,
        money=money,
        frozen=frozen,
        calibration=_calibration(history.reliability),
        holds={
            reason: int(counts.sum())
            for reason, counts in sorted(
                history.curves.reasons.items(), key=lambda pair: -pair[1].sum()
            )
        },
        measures=tuple(measures(history, learning)),
        sessions=tuple(map(_session, history.sessions)),
        checkpoints=tuple(_checkpoint(facts, noted) for facts in history.checkpoints),
        damaged_checkpoints=history.damaged_checkpoints,
        gaps=tuple(
            GapFigures(from_ns=gap["from_ns"], to_ns=gap["to_ns"], why=gap["why"])
            for gap in history.gaps
        ),
        milestones=tuple(MilestoneFigures(**row) for row in history.milestones),
        health=tuple(HealthFigures(**row) for row in history.health),
        counts=Counts(**{each.name: history.counts[each.name] for each in fields(Counts)}),
        latency=history.latencies.said(),
        periods=_periods(history.curves, history.frozen),
        words=tuple(answers(learning, frozen, money)),
        assumptions=tuple(assumptions(history)),
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


def _learning(history: History) -> Learning:
    sums = history.curves.sums
    learned = history.curves.learned()
    saved = sums["scored_baseline_loss"] - sums["scored_loss"]
    compared: dict[str, Any] = {
        name: None
        if (sums_of := others(history.curves, column)) is None
        else mean_of(sums_of.sum(), learned.labels)
        for name, column in BESIDE.items()
    }
    return Learning(
        **asdict(learned),
        saved=_interval(blocked(saved, sums["scored"])),
        skill=learned.skill,
        **compared,
        steps=history.checkpoints[-1].steps if history.checkpoints else None,
    )


BESIDE = {
    "rule_log_loss": "scored_rule_loss",
    "network_log_loss": "scored_network_loss",
    "rule_accuracy": "scored_rule_hits",
    "persistence_accuracy": "scored_persistence_hits",
}
"""What the learner is compared with on the same labels, by figure → column: the imbalance rule, the
network alone, and persistence (the last move goes on)."""


def others(drawn: Curves, column: str) -> Floats | None:
    """Return another forecaster's sums on the same labels, [buckets], if the log holds them."""
    sums = drawn.sums.get(column)
    return None if sums is None or not sums.any() else sums


def _frozen(model: Frozen | None) -> FrozenFigures | None:
    """Return the scores of the learner and the frozen model, on the labels after it was frozen."""
    if model is None:
        return None
    sums = model.sums
    labels = float(sums["scored"].sum())
    saved = sums["frozen_loss"] - sums["loss"]
    return FrozenFigures(
        after=model.after,
        records=model.records,
        labels=int(labels),
        log_loss=mean_of(sums["loss"].sum(), labels),
        frozen_log_loss=mean_of(sums["frozen_loss"].sum(), labels),
        accuracy=mean_of(sums["hits"].sum(), labels),
        frozen_accuracy=mean_of(sums["frozen_hits"].sum(), labels),
        saved=_interval(blocked(saved, sums["scored"])),
        skill=skill_of(sums["loss"].sum(), sums["frozen_loss"].sum()),
    )


def _money(history: History) -> Money:
    drawn = history.curves
    start = float(history.rules.known.cash)
    equity, hold = filled(drawn.lasts["equity"]), held(history)
    has_both = np.isfinite(equity) & np.isfinite(hold)
    first = int(np.argmax(has_both)) if has_both.any() else len(has_both)
    difference = (np.diff(equity[first:]) - np.diff(hold[first:])) / start
    over_hold = blocked(difference, np.ones(len(difference)))
    if over_hold is not None:
        over_hold = over_hold.scaled(len(difference))
    kept: dict[str, Any] = {name: _kept(drawn, name) for name in _KEPT}
    return Money(
        start=start,
        stake=float(history.rules.known.order_cash),
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


def held(history: History) -> Floats:
    """Return the equity of buy and hold, with the stake of one order, [buckets].

    Version 1 of the log did not record it: there, the stake moves with the price, without costs.
    """
    drawn, known = history.curves, history.rules.known
    hold = _last(drawn, "buy_hold_equity")
    if np.isfinite(hold).any() or not drawn.price_first:
        return hold
    moved: Floats = filled(drawn.price_last) / drawn.price_first - 1
    return held_equity(moved, stake=known.order_cash, cash=known.cash)


def _drawdown(drawn: Curves) -> float | None:
    """Return the deepest fall from a peak, as a share of the peak."""
    seen = drawn.falls[np.isfinite(drawn.falls)]
    return float(seen.max()) if len(seen) else None


def _calibration(reliability: Reliability) -> CalibrationFigures:
    bins = reliability.calibrated
    return CalibrationFigures(
        labels=reliability.labels,
        error=reliability.calibrated.error,
        error_raw=reliability.raw.error,
        brier=reliability.calibrated.brier,
        brier_raw=reliability.raw.brier,
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
    """Merge neighbours into at most so many periods; means are weighted by labels."""
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


def _interval(interval: Interval | None) -> IntervalSaid | None:
    return None if interval is None else interval.said()
