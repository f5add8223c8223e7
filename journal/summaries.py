"""What commands say, as types: their text and their lines of ``--json`` are made of them.

Light to import: nothing here reads a log.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from journal.messages import said

TICKS = "how many were decided on"
LABELS = "labels scored: directions that were known later"
LOG_LOSS = "mean log-loss of the direction, in nats"
BASELINE = "the same of the running share of rises"
ACCURACY = "share of directions predicted"
EQUITY = "the paper account, in the quote currency"
EXECUTOR = "who ran the step: native or tensorflow"
FINGERPRINT = "of the weights, 16 hexadecimal digits"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSaid:
    """One thing that is wrong with a journal's files."""

    check: str = said("what was checked")
    path: str = said("the file")
    offset: int | None = said("where in the log")
    message: str = said("what is wrong")


class Verdict(StrEnum):
    """What the findings of a journal come to."""

    CLEAN = "clean"
    REPAIRABLE = "repairable"
    CORRUPT = "corrupt"
    DIVERGED = "diverged"
    CANNOT_VERIFY = "cannot verify here"
    OTHER_VERSION = "another version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `trader verify` found."""

    records: int = said("durable records")
    segments: int = said("files of the log")
    checkpoints: int = said("whole states")
    depth: str = said("quick, default or deep")
    findings: tuple[FindingSaid, ...] = said("what is wrong")
    uncovered: tuple[str, ...] = said("files that no check speaks for, and why")
    executor: str | None = said("with --deep: who ran the step, native or tensorflow")
    verdict: Verdict = said("what it comes to: clean, repairable, corrupt, diverged, and so on")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSaid:
    """The paper account and those that it is compared with, as exact decimals."""

    equity: str = said("net of fees, in the quote currency")
    gross_equity: str = said("before fees")
    buy_hold_equity: str = said("of who holds the same stake")
    random_equity: str = said("of random entries, at the same costs")
    drawdown: str = said("the deepest fall from a peak")
    turnover: str = said("what was bought and sold")
    round_trips: int = said("positions that were opened and closed")
    winning_trips: int = said("those of them that gained")


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceSaid:
    """The first place where what was recorded and what is derived differ."""

    offset: int = said("of the recorded effect; where the log lacks it, of its tick")
    cause: int = said("the offset of its tick")
    column: str = said("what differs")
    recorded: str = said("its recorded value")
    derived: str = said("its derived value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What `trader replay` says of recorded ticks that went through the engine again."""

    journal: str = said("its name")
    start: int = said("the first offset that was replayed", name="from")
    end: int = said("the offset after the last one", name="to")
    ticks: int = said(TICKS)
    compared: int = said("effects compared with what was recorded")
    diverged_at: int | None = said("the first offset that differs")
    same_arithmetic: bool = said("whether the arithmetic is the one that recorded all of it")
    seconds: float = said("without compiling")
    ticks_per_second: float = said("the pace")
    fingerprint: str | None = said(FINGERPRINT)
    state: str = said("digest of the state at the end")
    log_loss: float | None = said(LOG_LOSS)
    baseline_log_loss: float | None = said(BASELINE)
    accuracy: float | None = said(ACCURACY)
    equity: str | None = said(EQUITY)
    account: AccountSaid | None = said("the account, and those that it is compared with")
    executor: str = said(EXECUTOR)
    difference: DifferenceSaid | None = said("what differs there")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkSide:
    """One side of a fork: the origin, or the new journal."""

    journal: str = said("its directory")
    ticks: int = said(TICKS)
    fills: int = said("paper executions")
    log_loss: float | None = said(LOG_LOSS)
    baseline_log_loss: float | None = said(BASELINE)
    accuracy: float | None = said(ACCURACY)
    equity: str | None = said(EQUITY)
    account: AccountSaid | None = said("the account, and those that it is compared with")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """What `trader replay --set` says of a journal and its fork."""

    chosen: dict[str, object] = said("of a fork: what was chosen", name="set")
    recorded: ForkSide = said("of a fork: figures of the origin")
    forked: ForkSide = said("of a fork: figures of the new journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSaid:
    """What a session did by itself."""

    ticks: int = said(TICKS)
    fills: int = said("paper executions")
    late: int = said("ticks that came too late to trade on")
    labels: int = said(LABELS)
    log_loss: float | None = said(LOG_LOSS)
    baseline_log_loss: float | None = said(BASELINE)
    accuracy: float | None = said(ACCURACY)
    gain: float | None = said("of the account since the session began")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """What `trader live` says of a session at its end."""

    journal: str = said("its name")
    session: int = said("its number")
    ticks: int = said("decided on since the journal's beginning")
    decisions: int = said("the same")
    fills: int = said("paper executions since then")
    late: int = said("ticks since then that came too late to trade on")
    first_offset: int = said("where the session begins")
    last_offset: int = said("where it ends")
    checkpoint_offset: int = said("of the newest whole state")
    log_loss: float | None = said(LOG_LOSS)
    baseline_log_loss: float | None = said(BASELINE)
    accuracy: float | None = said(ACCURACY)
    labels: int = said(LABELS)
    equity: str | None = said(EQUITY)
    gain: float | None = said("of the account since the journal's beginning")
    market_gain: float | None = said("of the price itself")
    hold_gain: float | None = said("of holding the stake of one order, costs included")
    this_session: SessionSaid = said("ticks, fills, late, labels, losses, gain of it alone")
    resumed_from: int | None = said("the state from which it continued")
    rederived: int = said("ticks of the log's tail that were derived again")
    fingerprint: str | None = said(FINGERPRINT)
    executor: str = said(EXECUTOR)
    stopped_by: str = said("a signal, --for, --max-ticks, or a limit")
    messages_dropped: int | None = said(
        "what could not be said, for want of a reader", may_lack=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSummary:
    """What `trader backfill` says of the past that it fetched."""

    journal: str = said("its name")
    candles: int = said("candles recorded by this run")
    trades: int = said("trades recorded by this run")
    start: str | None = said("the first moment of them, ISO 8601 in UTC", name="from")
    end: str | None = said("the last moment of them", name="to")
    gaps: int = said("intervals recorded of which the exchange had nothing")
    undecodable: int = said("records that say that a row made no sense")
    calls: int = said("calls of the exchange's REST, repeated ones included")
    seconds: float = said("from the first call for history to the end")
    stopped_because: str = said("why it asked for no more")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSaid:
    """One imported file."""

    name: str = said("its path")
    kind: str = said("quotes, trades, or recorded frames")
    rows: int = said("rows, lines or frames")
    records: int = said("records that these are")
    columns: Any = said("which column was read as what")
    time_units: dict[str, Any] = said("the units of its times, by column")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What `trader import` says at its end."""

    journal: str = said("its name")
    files: tuple[FileSaid, ...] = said("each one's name, kind, rows, columns, time_units")
    rows: int = said("rows, lines and frames read: records and left_out")
    records: int = said("rows that are records now")
    resumed_at: int = said("how many were there already")
    duplicates: int = said("trades left out: they were there before, by their id")
    left_out: dict[str, int] = said("what became no record: why, and how many")
    undecodable: int = said("records that say that a row made no sense")
    refused: dict[str, int] = said("what made no sense: why, and how many")
    crossed: int = said("quotes whose bid is not below their ask")
    noted: dict[str, int] = said("what is odd, and was kept for the engine to judge")
    ticks: int = said(TICKS)
    fills: int = said("paper executions")
    labels: int = said(LABELS)
    log_loss: float | None = said(LOG_LOSS)
    baseline_log_loss: float | None = said(BASELINE)
    accuracy: float | None = said(ACCURACY)
    equity: str | None = said(EQUITY)
    fingerprint: str | None = said(FINGERPRINT)
    nothing_learned: str | None = said("why there is no label, where there is none")
    executor: str = said(EXECUTOR)
    seconds: float = said("without compiling")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSaid:
    """A record that `trader log` shows."""

    MESSAGE_TYPE: ClassVar[str] = "record"

    offset: int = said("its place, from 0, dense")
    kind: str = said("what it is; its other fields follow from that")
    fields: dict[str, object] = said("as its kind has them", spread=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsShown:
    """What `trader log` says at its end."""

    records: int = said("how many were shown")
    end: int = said("the offset after the last durable record")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaid:
    """A whole state that is kept."""

    MESSAGE_TYPE: ClassVar[str] = "checkpoint"

    offset: int = said("the state includes the records up to it")
    time_ns: int
    time: str = said("the market's time")
    steps: int = said("training steps since the start")
    labels: int = said("labels scored since the start")
    log_loss: float | None = said(f"since the start: {LOG_LOSS}")
    baseline_log_loss: float | None = said(f"since the start: {BASELINE}")
    accuracy: float | None = said(f"since the start: {ACCURACY}")
    equity: str = said(EQUITY)
    size_bytes: int = said("of the file")
    digest: str = said("of the state")
    verified: str = said("what the newest verification said of it")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointDamagedSaid:
    """A whole state whose file does not check."""

    MESSAGE_TYPE: ClassVar[str] = "checkpoint"

    offset: int = said("the state includes the records up to it")
    problem: str = said("why it does not check; then nothing else is here")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointsKept:
    """What `trader checkpoints` says at its end."""

    checkpoints: int = said("how many are kept")
    damaged: int = said("how many of them do not check")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsExported:
    """What `trader export` says of a table of records."""

    file: str = said("what was written; - is stdout")
    records: int = said("how many there are in it")
    bytes: int | None = said("of the file", may_lack=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelExported:
    """What `trader export` says of the network."""

    file: str = said("what was written")
    offset: int = said("after which the network stood so")
    weights: int = said("how many it has")
    from_checkpoint: int = said("the state it was derived from")
    compared: int = said("effects compared on the way")
    bytes: int = said("of the file")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvesExported:
    """What `trader export` says of learning curves."""

    file: str = said("what was written")
    points: int = said("of TensorBoard's curves")


Exported = RecordsExported | ModelExported | CurvesExported
"""What `trader export` says, by what the name of the file asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What `trader repair` would do, or did."""

    verdict: Verdict
    actions: tuple[str, ...] = said("what is to be done, or was")
    applied: bool = said("whether it was")
    beyond_repair: tuple[str, ...] = said("findings that nothing here mends")


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """What `trader init` wrote."""

    configuration: str = said("the file that was written")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSaid:
    """A setting as it holds."""

    MESSAGE_TYPE: ClassVar[str] = "setting"

    key: str = said("section and name")
    value: Any = said("what holds")
    origin: str = said("default, file and line, variable, or --set")
    default: Any = said("what holds if nothing is chosen")
    low: float | None = said("the least that may be chosen; null of a word")
    high: float | None = said("the most; null of a word")
    text: str = said("what it means")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSettingSaid(SettingSaid):
    """A setting as it holds, next to what a journal keeps."""

    journal: float | None = said("with --journal: what that journal keeps for ever")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What `trader config` says at its end."""

    settings: int = said("how many there are")
    chosen: tuple[str, ...] = said("the keys that are not at their default")


class CheckVerdict(StrEnum):
    """What a check comes to."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at and what was found; of a problem, the error that it would be."""

    MESSAGE_TYPE: ClassVar[str] = "check"

    name: str = said("what was looked at")
    verdict: CheckVerdict = said("ok, note or problem")
    says: str = said("what was found")
    hint: str = said("what to do")
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """What `trader doctor` says at its end."""

    checks: int = said("how many")
    problems: tuple[str, ...] = said("the names of those that are problems")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitError:
    """What a command that failed says on stderr."""

    MESSAGE_TYPE: ClassVar[str] = "exit_error"

    code: int = said("the exit code")
    kind: str = said("its name")
    message: str = said("what is the matter")
    hint: str = said("what to do")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySaid:
    """Medians over all health samples, in ms; null where no sample said it."""

    samples: int = said("how many there are")
    batches: int | None = said("of how many batches they are; null if one did not say")
    recorded_p50_ms: float | None = said("until a batch is durable")
    decided_p50_ms: float | None = said("until it is decided on")
    latency_p50_ms: float | None = said("until its decisions are durable, too")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What `trader exchange` says once clients can connect."""

    MESSAGE_TYPE: ClassVar[str] = "listening"

    url: str = said("of its websocket")
    scenario: str | None = said("what the market does")
    recording: str | None = said("or what is played")
    best_accuracy: float | None = said("the share of directions that can be predicted")
    best_accuracy_is_bound: bool = said("or that cannot be exceeded")
    horizon_s: float = said("over this time")
