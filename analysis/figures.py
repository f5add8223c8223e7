"""A report as types, from which its text, its page, its JSON and the schema of that are made (see
`journal.messages`). Figures that a log does not hold are ``None``.
"""

from dataclasses import dataclass
from typing import Any

from analysis.summaries import IntervalSaid
from journal.messages import said
from journal.summaries import ACCURACY, BASELINE, LABELS, LOG_LOSS, LatencySaid


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What the learner knows, on the labels of the whole journal."""

    labels: int = said(LABELS)
    log_loss: float | None = said(LOG_LOSS)
    baseline_log_loss: float | None = said(BASELINE)
    accuracy: float | None = said(ACCURACY)
    saved: IntervalSaid | None = said("log-loss below the baseline's, nats a label")
    skill: float | None = said("share of the baseline's log-loss that is saved")
    rule_log_loss: float | None = said("of the imbalance rule, on the same labels")
    network_log_loss: float | None = said("of the network alone")
    rule_accuracy: float | None = said("of the imbalance rule")
    persistence_accuracy: float | None = said("of the last move going on")
    steps: int | None = said("training steps, at the newest whole state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The paper account, in the quote currency; gains are shares of what it began with."""

    start: float = said("what it began with")
    stake: float = said("of one order")
    equity: float | None = said("now, net of fees")
    gain: float | None = said("net of fees")
    gross_gain: float | None = said("before fees")
    market_gain: float | None = said("of the price itself")
    hold_gain: float | None = said("of holding the stake of one order")
    random_gain: float | None = said("of random entries, at the same costs")
    drawdown: float | None = said("the deepest fall from a peak, as a share of it")
    fills: int = said("paper executions")
    fees: float = said("all that were paid")
    price_first: float | None = said("the first price that is known")
    price_last: float | None = said("the newest")
    spread_cost: float | None = said("of fills compared with the mid")
    turnover: float | None = said("what was bought and sold")
    round_trips: int | None = said("positions that were opened and closed")
    winning_trips: int | None = said("those of them that gained")
    sharpe: float | None = said("mean over deviation of the returns per minute")
    skill_confidence: float | None = said("share of recent skill that is certain")
    over_hold: IntervalSaid | None = said("gain beyond that of holding the same stake")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenFigures:
    """The learner and the frozen model, on the labels after it was frozen."""

    after: int = said("the offset after which it learned no more")
    records: int = said("how far it was run")
    labels: int = said("scored after it")
    log_loss: float | None = said(f"of the learner: {LOG_LOSS}")
    frozen_log_loss: float | None = said("of the frozen model, on the same labels")
    accuracy: float | None = said(f"of the learner: {ACCURACY}")
    frozen_accuracy: float | None = said("of the frozen model")
    saved: IntervalSaid | None = said("log-loss below the frozen model's, nats a label")
    skill: float | None = said("share of the frozen model's log-loss that is saved")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Predictions of about the same probability, and how often the price then rose."""

    mean: float = said("mean probability of a rise", name="said")
    rose: float = said("share that rose")
    count: int = said("labels in it")
    low: float = said("lower bound of the share, 95 %")
    high: float = said("upper bound")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFigures:
    """Whether probabilities come true as often as they say."""

    labels: int = said("how many were judged")
    error: float | None = said("expected calibration error")
    error_raw: float | None = said("the same before calibration")
    brier: float | None = said("mean squared error of the probability; a coin has 0.25")
    brier_raw: float | None = said("the same before calibration")
    bins: tuple[ReliabilityBin, ...] = said("the reliability diagram")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure of success."""

    name: str = said("what it is called")
    value: float | None = said("what it comes to")
    unit: str = said("of the value")
    text: str = said("what it means")
    note: str = said("of how much it is")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFigures:
    """One process lifetime."""

    number: int = said("from 1")
    offset: int = said("where it begins")
    started: str = said("when")
    seconds: float = said("from its first record to its last")
    ended: str = said("by what; running or killed, where it did not")
    ticks: int = said("decided on in it")
    labels: int = said(LABELS)
    log_loss: float | None = said(LOG_LOSS)
    baseline_log_loss: float | None = said(BASELINE)
    accuracy: float | None = said(ACCURACY)
    trader: str | None = said("the version of the program")
    arithmetic: str = said("the beginning of its arithmetic's digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFigures:
    """A whole state that is kept."""

    offset: int = said("the state includes the records up to it")
    time: str | None = said("the market's time")
    steps: int = said("training steps")
    labels: int = said(LABELS)
    accuracy: float | None = said(ACCURACY)
    log_loss: float | None = said(LOG_LOSS)
    equity: float = said("the paper account")
    digest: str = said("of the state")
    verified: str = said("what the newest verification said of it")


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFigures:
    """A time in which nothing was recorded."""

    from_ns: int = said("from when")
    to_ns: int = said("to when")
    why: str = said("what was the matter")


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneFigures:
    """What happened to the learner: drift, growth, and the like."""

    offset: int = said("where it is recorded")
    received_ns: int = said("when its tick was received")
    why: str = said("what happened")
    detail: dict[str, Any] = said("what is to be known of it")
    cause: int = said("its tick")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFigures:
    """A health sample."""

    offset: int = said("where it is recorded")
    received_ns: int = said("when it was taken")
    detail: dict[str, Any] = said("figure by name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many there are, of which only the newest are listed."""

    gaps: int = said("gaps")
    milestones: int = said("milestones")
    health: int = said("health samples")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A part of the journal; all parts have equally many records."""

    until: str = said("when it ends")
    ticks: int = said("decided on in it")
    labels: int = said(LABELS)
    log_loss: float | None = said(LOG_LOSS)
    baseline_log_loss: float | None = said(BASELINE)
    accuracy: float | None = said(ACCURACY)
    frozen_log_loss: float | None = said("of the frozen model")
    fills: int = said("paper executions in it")
    equity: float | None = said("at its end")
    price: float | None = said("at its end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """How much a feature moves the network's answer."""

    name: str = said("of the feature")
    influence: float = said('mean size of its value times the slope of "up"')


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSummary:
    """What `trader report` says of a journal from its first record to its last."""

    journal: str = said("its name")
    paper: bool = said("always true")
    records: int = said("durable records")
    ticks: int = said("market inputs that were decided on")
    backfilled: int = said("trades that came late, which were not")
    late: int = said("decided on too late to be traded on")
    first_ns: int | None = said("when its first record was received, or it began")
    last_ns: int | None = said("when its last record of the market was received")
    parameters: str = said("their digest")
    horizon_ms: int = said("how far ahead a direction is predicted")
    verified: dict[str, Any] | None = said("what the newest verification said")
    learning: Learning = said("labels, log-loss, baseline, accuracy, what was saved")
    money: Money = said("equity; gains net, gross, of the market, of holding")
    frozen: FrozenFigures | None = said("it beside its state of then, which learned no more")
    calibration: CalibrationFigures = said("calibration error, Brier score, reliability diagram")
    holds: dict[str, int] = said("reason to count")
    measures: tuple[Measure, ...] = said("measures of success: name, value, unit, text, note")
    sessions: tuple[SessionFigures, ...] = said("one object each")
    checkpoints: tuple[CheckpointFigures, ...] = said(
        "one object each, with what verification said"
    )
    damaged_checkpoints: int = said("how many do not check")
    gaps: tuple[GapFigures, ...] = said("the newest: from_ns, to_ns, why")
    milestones: tuple[MilestoneFigures, ...] = said(
        "the newest of drift, growth: offset, why, detail"
    )
    health: tuple[HealthFigures, ...] = said("the newest samples: offset, received_ns, detail")
    counts: Counts = said("how many gaps, milestones, health samples there are")
    latency: LatencySaid = said("medians over all samples, and of how many they are")
    periods: tuple[Period, ...] = said("the journal in equal parts")
    words: tuple[str, ...] = said("the answers as sentences")
    assumptions: tuple[str, ...] = said("about fills and fees, as sentences")
    influences: tuple[Influence, ...] | None = said(
        "features by influence, the strongest first", may_lack=True
    )
    html: str | None = said("the file that was written", may_lack=True)
    bytes: int | None = said("its size", may_lack=True)
