"""What commands say of a journal, as types (see `journal.messages`)."""

from dataclasses import dataclass
from typing import Any

from journal.messages import said
from journal.summaries import ACCURACY, BASELINE, LABELS, LOG_LOSS


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
