"""What commands say of a journal, as types (see `journal.messages`)."""

from dataclasses import dataclass
from typing import Any

from journal.messages import said
from journal.summaries import ACCURACY, BASELINE, LABELS, LOG_LOSS


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSaid:
    """Whether this program goes on with a journal, or is another version of what decides."""

    continues: bool = said("whether this program goes on with it")
    recorded: str | None = said(
        "the newest session's step; null: from before steps had an identity"
    )
    recorded_by: str = said("the version of the program that recorded it")
    ours: str = said("this program's step")
    ours_by: str = said("this program's version")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSummary:
    """What `trader status` says of one journal."""

    journal: str = said("its name")
    paper: bool = said("always true: nothing here can place an order")
    state: str = said("empty, running, stopped or killed")
    records: int = said("durable records")
    session: int | None = said("number of the newest session")
    last_record_ns: int | None = said("when the last record was received")
    last_record_age_s: float | None = said("how long ago that is")
    recent_ticks_per_s: float | None = said("pace of the newest records")
    recent_labels: int = said("labels scored in the newest records")
    recent_log_loss: float | None = said("over these")
    recent_baseline_log_loss: float | None = said("over these")
    recent_accuracy: float | None = said("over these")
    equity: str | None = said("the paper account")
    position: str | None = said("what it holds of the base currency")
    gain: float | None = said("of the account since the start")
    market_gain: float | None = said("of the price itself, since it was first known")
    hold_gain: float | None = said("of holding the stake of one order, costs included")
    price: float | None = said("the mid; of a market of trades alone, the last one")
    ticks: int | None = said("decided on since the beginning")
    fills: int | None = said("paper executions since the beginning")
    late: int | None = said("ticks since the beginning too late to trade on")
    milestones: dict[str, int] | None = said("since the beginning: what happened, and how often")
    action: str | None = said("of the last decision")
    reason: str | None = said("of the last decision")
    last_decision_offset: int | None = said("where it stands")
    hold_reasons: dict[str, int] = said("reason to count, in the newest records")
    checkpoint_offset: int | None = said("the newest whole state includes the records up to it")
    labels: int | None = said(f"since the beginning: {LABELS}")
    log_loss: float | None = said(f"over these: {LOG_LOSS}")
    baseline_log_loss: float | None = said(f"over these: {BASELINE}")
    accuracy: float | None = said(f"over these: {ACCURACY}")
    free_bytes: int = said("room on the disk")
    disk_days_left: float | None = said("until it is full, at the pace of the newest records")
    health: dict[str, Any] = said("the newest health sample")
    verified: dict[str, Any] | None = said("what the newest verification said")
    step: StepSaid | None = said("the code that decides: the journal's, and this program's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One of two journals."""

    journal: str = said("its directory")
    records: int = said("durable records")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDifference:
    """The first pair of decisions that are not the same."""

    tick_a: int = said("the offset of its tick in the first")
    tick_b: int = said("the same in the second")
    time: str = said("when the tick was received")
    a: str = said("the decision of the first")
    b: str = said("the decision of the second")


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceInterval:
    """The 95 % interval of a difference."""

    low: float = said("lower bound")
    high: float = said("upper bound")
    blocks: int = said("parts that count as one piece of evidence each")
    verdict: str = said("above, below or unclear: whether it differs from zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFigure:
    """A figure of both journals, and how they differ."""

    name: str = said("what it is")
    unit: str = said("share, or empty")
    a: float | None = said("of the first")
    b: float | None = said("of the second")
    difference: float | None = said("of the second from the first")
    interval: DifferenceInterval | None = said("of the difference; null where there is too little")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What `trader compare` says of two journals."""

    a: Compared = said("journal and records of the first")
    b: Compared = said("journal and records of the second")
    parameters: dict[str, list[Any]] = said("name to both values, where they differ")
    paired: int = said("decisions on the same ticks")
    parted: str | None = said("from when on the ticks are not the same")
    different_actions: int = said("pairs that act otherwise")
    first_difference: FirstDifference | None = said("its ticks, its time, and both decisions")
    rows: tuple[ComparedFigure, ...] = said("figures: both, the difference, its 95 % interval")
    words: tuple[str, ...] = said("what follows, as sentences")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionSaid:
    """One feature of a tick."""

    name: str = said("what it is called")
    value: float = said("as the network saw it")
    pull: float = said('what it added to the answer "up", as a logit')


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionsSaid:
    """The features of a tick, derived again."""

    logit: float = said("the network's answer")
    from_checkpoint: int = said("the state that they were derived from")
    compared: int = said("effects compared on the way")
    identical: bool = said("whether all of them were as recorded")
    features: tuple[ContributionSaid, ...] = said("the strongest first")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSummary:
    """What `trader why` says of one decision."""

    offset: int = said("of the decision")
    note: str = said("why it is not the decision of the offset named")
    time_ns: int = said("when its tick was received")
    delay_ms: float | None = said("from then to when it was taken up")
    late_ms: int = said("the delay beyond which nothing is traded on a tick")
    meaning: str = said("its reason as a sentence")
    exchange_ns: int | None = said("the exchange's stamp on its tick")
    received_ns: int = said("when its tick was received")
    cause: int = said("its tick's offset")
    p_move: float = said("that the mid moves within the horizon")
    p_up_raw: float = said("that it rises if it moves, from the network")
    p_up: float = said("the same, calibrated")
    confidence: float = said("calibrated probability of the likelier direction")
    edge_ppm: float = said("expected gain, parts per million")
    cost_ppm: float = said("of going in and out, parts per million")
    action: str = said("hold, buy or sell")
    reason: str = said("the gate that decided")
    others: dict[str, object] = said("its other fields, as the log has them", spread=True)
    fingerprint: str = said("of the weights that decided")
    tick: dict[str, object] = said("the tick's own fields")
    tick_line: str = said("the tick as a line")
    before: tuple[str, ...] = said("the newest quote, trade and book before it, as lines")
    fills: tuple[dict[str, object], ...] = said("what came of the order, if there was one")
    market_status: str | None = said("what the exchange said of the market before it")
    checkpoint_offset: int | None = said("of the whole state before it")
    checkpoint_digest: str | None = said("of that state")
    parameters: str = said("digest of the journal's parameters")
    window_s: float | None = said("the window of the reasons; null: newest records")
    reasons: dict[str, int] = said("reason to count")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFeaturesSummary(DecisionSummary):
    """What `trader why --features` says of one decision."""

    features: ContributionsSaid | None = said(
        "with --features: values, pulls, and the comparison; null where there was no sample yet"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSaid:
    """A mean and its 95 % interval, in the unit of what it is of."""

    mean: float = said("the mean")
    low: float = said("lower bound")
    high: float = said("upper bound")
    blocks: int = said("parts that count as one piece of evidence each")
    verdict: str = said("above, below or unclear: whether it differs from zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecaster:
    """The scores of one forecaster of an evaluation, over labels that moved."""

    name: str = said("what it is called")
    labels: int = said("how many directions it predicted")
    accuracy: float = said("share of directions predicted")
    log_loss: float = said(LOG_LOSS)
    brier: float = said("mean squared error of its probabilities")
    ece: float = said("expected calibration error")
    ece_by_chance: float = said("what that would be if every probability were right")
    mcc: float = said("correlation of directions (Matthews)")
    kappa: float | None = said("share that is reached of what is left above persistence")
    skill: float | None = said("share that is reached of what the optimum is above a coin")
    worse_than_ours: IntervalSaid | None = said("its log-loss minus ours; null of ours")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPart:
    """How one forecaster did in a part of the stream, given in shares of its labels."""

    start: float = said("where it begins", name="from")
    end: float = said("where it ends", name="to")
    labels: int = said("how many there are in it")
    accuracy: float = said("share of directions predicted")
    log_loss: float = said(LOG_LOSS)
    optimum: float | None = said("the best possible accuracy, where it is known", may_lack=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterChange:
    """How the engine did in the labels after a change of the rule."""

    at: int = said("the prediction at which the rule changed")
    labels: int = said("how many labels after it are counted")
    accuracy: float = said("share of directions predicted")
    log_loss: float = said(LOG_LOSS)
    optimum: float | None = said("the best possible accuracy, where it is known", may_lack=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedAccount:
    """A paper account at the end of an evaluation, in the quote currency."""

    name: str = said("whose it is")
    fills: int | None = said("executions; null where nobody counts them")
    net_gain: float = said("after fees")
    gross_gain: float | None = said("before fees")
    worse_than_ours: IntervalSaid | None = said("our net gain minus this one; null of ours")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSummary:
    """What `trader evaluate` says of an engine next to others on the same labels."""

    source: str = said("what it was evaluated on")
    venue: str = said("whose rules hold")
    horizon_ms: int = said("how far ahead a direction is predicted")
    parameters: dict[str, Any] = said("of the engine")
    ticks: int = said("how many were decided on")
    seconds: float = said("of the engine's own run")
    forecasters: tuple[Forecaster, ...] = said("each one's scores, the engine's first")
    curves: dict[str, tuple[StreamPart, ...]] = said(
        "of the engine and its network, by part of the stream"
    )
    adapting: tuple[AfterChange, ...] = said("where the rule is known to change: what follows")
    labels: int = said("directions that were known later")
    engine_labels: int = said("those that the engine scored itself")
    engine_hits: int = said("and predicted")
    accounts: tuple[EvaluatedAccount, ...] = said("paper accounts: net and gross, and who else's")
    market_gain: float | None = said("of the price itself, over all that was asked")
    not_installed: tuple[str, ...] = said("baselines that are missing for want of a package")
