"""Running totals over decisions, for status lines, summaries and reports, and their text."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa

from engine.account.reasons import LATE
from eventlog.fastpath import compute
from eventlog.records import format_e8
from eventlog.schema import counts_e8
from journal.summaries import AccountSaid

COLUMNS = (
    "kind", "scored", "scored_hits", "scored_loss", "scored_baseline_loss", "equity", "reason",
    "fingerprint", "gross_equity", "buy_hold_equity", "random_equity", "drawdown", "turnover",
    "round_trips", "winning_trips", "why", "cause",
)  # fmt: skip
"""The columns of a log that a score needs."""


def mean_of(total: float, count: float) -> float | None:
    """Return a mean, or ``None`` if there are no values.

    >>> mean_of(3.0, 4), mean_of(0.0, 0)
    (0.75, None)
    """
    return float(total / count) if count else None


def skill_of(loss: float | None, baseline_loss: float | None) -> float | None:
    """Return the share of a baseline's log-loss that is saved: 0 as good, 1 perfect, below 0 worse.

    Sums over the same labels give the same as means over them.

    >>> skill_of(0.5, 1.0), skill_of(1.5, 1.0), skill_of(0.5, 0.0), skill_of(None, None)
    (0.5, -0.5, None, None)
    """
    return None if loss is None or not baseline_loss else 1 - loss / baseline_loss


def gain_of(value: float | None, first: float | None) -> float | None:
    """Return what an account or a price gained since it was first known, as a share.

    >>> gain_of(110.0, 100.0), gain_of(None, 100.0), gain_of(110.0, 0.0)
    (0.10000000000000009, None, None)
    """
    return None if value is None or not first else value / first - 1


@dataclass(frozen=True, slots=True)
class Learned:
    """How well directions were predicted, over labels that moved; ``None`` before the first."""

    labels: int
    log_loss: float | None
    """Mean log-loss of the direction in nats: minus the logarithm of the probability that was given
    to what then happened."""

    baseline_log_loss: float | None
    """The same of the running share of rises, on the same labels."""

    accuracy: float | None
    """Share of the labels whose direction was predicted."""

    @classmethod
    def of_sums(cls, *, labels: float, hits: float, loss: float, baseline_loss: float) -> Self:
        """Return the means from sums over labels.

        >>> Learned.of_sums(labels=4, hits=3, loss=2.0, baseline_loss=2.5)
        Learned(labels=4, log_loss=0.5, baseline_log_loss=0.625, accuracy=0.75)
        """
        means = [mean_of(total, labels) for total in (loss, baseline_loss, hits)]
        return cls(int(labels), *means)

    @property
    def skill(self) -> float | None:
        """Share of the baseline's log-loss that is saved."""
        return skill_of(self.log_loss, self.baseline_log_loss)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The paper account since the journal's start, and other accounts that paid the same costs."""

    equity_e8: int
    gross_equity_e8: int
    buy_hold_equity_e8: int
    random_equity_e8: int
    drawdown_e8: int
    turnover_e8: int
    round_trips: int
    winning_trips: int

    def said(self) -> AccountSaid:
        """Return the amounts as exact decimals, the counts as numbers."""
        values: dict[str, Any] = {
            each.name.removesuffix("_e8"): format_e8(value) if each.name.endswith("_e8") else value
            for each in fields(self)
            for value in [getattr(self, each.name)]
        }
        return AccountSaid(**values)


@dataclass(slots=True)
class Score:
    """Sums over the decisions that were added."""

    decisions: int = 0
    fills: int = 0
    late: int = 0
    """Ticks that were taken up too late, and not traded on."""
    scored: int = 0
    hits: int = 0
    loss: float = 0.0
    baseline_loss: float = 0.0
    equity_e8: int | None = None
    last: pa.RecordBatch | None = None  # the last decision, one row
    reason: str = ""
    fingerprint: int | None = None
    milestones: Counter[str] = field(default_factory=Counter)
    milestone: str = ""
    """What happened to the learner last, and at which tick."""

    def add(self, effects: pa.RecordBatch) -> None:
        """Add the effects of a chunk."""
        kinds = effects.column("kind")
        decisions = compute.where(effects.select(COLUMNS), compute.equal(kinds, "decision"))
        self.fills += compute.total(compute.equal(kinds, "fill"))
        happened = compute.where(effects.select(COLUMNS), compute.equal(kinds, "milestone"))
        if happened.num_rows:
            self.milestones.update(happened.column("why").to_pylist())
            why, cause = (happened.column(name)[-1].as_py() for name in ("why", "cause"))
            self.milestone = f"{why} at offset {cause:,}"
        if not decisions.num_rows:
            return
        self.decisions += decisions.num_rows
        self.late += compute.total(compute.equal(decisions.column("reason"), LATE))
        self.scored += compute.total(decisions.column("scored"))
        self.hits += compute.total(decisions.column("scored_hits"))
        self.loss += _total(decisions.column("scored_loss"))
        self.baseline_loss += _total(decisions.column("scored_baseline_loss"))
        self.equity_e8 = int(counts_e8(decisions.column("equity"))[-1])
        self.last = decisions.slice(decisions.num_rows - 1)
        self.reason = decisions.column("reason")[-1].as_py()
        self.fingerprint = decisions.column("fingerprint")[-1].as_py()

    def since(self, before: Self) -> Self:
        """Return what was added since an earlier copy of this score."""
        added = {name: getattr(self, name) - getattr(before, name) for name in _SUMS}
        return replace(self, **added, milestones=self.milestones - before.milestones)

    def sums(self) -> dict[str, object]:
        """Return the sums as values that JSON holds exactly; `of_sums` is the inverse."""
        return {
            **{name: getattr(self, name) for name in _SUMS},
            "milestones": dict(self.milestones),
            "milestone": self.milestone,
        }

    @classmethod
    def of_sums(cls, said: dict[str, Any]) -> Self:
        """Return the score with these sums.

        Raises:
            KeyError, TypeError, ValueError: if they are not what `sums` returns.
        """
        return cls(
            decisions=int(said["decisions"]),
            fills=int(said["fills"]),
            late=int(said["late"]),
            scored=int(said["scored"]),
            hits=int(said["hits"]),
            loss=float(said["loss"]),
            baseline_loss=float(said["baseline_loss"]),
            milestones=Counter({str(why): int(n) for why, n in said["milestones"].items()}),
            milestone=str(said["milestone"]),
        )

    @property
    def account(self) -> Account | None:
        """The account at the last decision; ``None`` if a log of version 1 does not have it."""
        return None if self.last is None else _account(self.last)

    @property
    def equity(self) -> str | None:
        """The account at the last decision, as an exact decimal."""
        return None if self.equity_e8 is None else format_e8(self.equity_e8)

    @property
    def fingerprint_hex(self) -> str | None:
        """The fingerprint of the weights at the last decision, as 16 hexadecimal digits."""
        return None if self.fingerprint is None else f"{self.fingerprint:016x}"

    @property
    def learned(self) -> Learned:
        """How well directions were predicted."""
        return Learned.of_sums(
            labels=self.scored, hits=self.hits, loss=self.loss, baseline_loss=self.baseline_loss
        )

    @property
    def log_loss(self) -> float | None:
        """See `Learned`."""
        return self.learned.log_loss

    @property
    def baseline_log_loss(self) -> float | None:
        """See `Learned`."""
        return self.learned.baseline_log_loss

    @property
    def accuracy(self) -> float | None:
        """See `Learned`."""
        return self.learned.accuracy


_SUMS = ("decisions", "fills", "late", "scored", "hits", "loss", "baseline_loss")
"""What adds up over decisions: five counts, and two sums."""


def _account(decision: pa.RecordBatch) -> Account | None:
    if decision.column("round_trips").null_count:
        return None
    values = {}
    for each in fields(Account):
        column = decision.column(each.name.removesuffix("_e8"))
        is_money = each.name.endswith("_e8")
        values[each.name] = int(counts_e8(column)[0]) if is_money else column[0].as_py()
    return Account(**values)


def words_of(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    >>> words_of(1, "session"), words_of(1_200, "session"), words_of(0, "journey", "journeys")
    ('1 session', '1,200 sessions', '0 journeys')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _total(column: pa.Array) -> float:
    return float(np.sum(column.to_numpy(zero_copy_only=False), dtype=np.float64))


def money(value_e8: int | None) -> str | None:
    """Return an amount as text with two decimals, as people write it."""
    return None if value_e8 is None else f"{value_e8 / 10**8:,.2f}"


def price(value: float | None) -> str:
    """Return a price with all of its digits, or a dash.

    >>> price(100_044.47), price(0.00001234), price(29_999.995), price(None)
    ('100,044.47', '0.00001234', '29,999.995', '-')
    """
    if value is None:
        return "-"
    text = f"{value:,.9f}".rstrip("0")
    return text + "00"[: max(0, 2 - len(text.partition(".")[2]))]


def late_words(late: int) -> str:
    """Return, in words, how many ticks were too late to be traded on.

    >>> late_words(1), late_words(1_200)
    ('1 tick late, not traded on', '1,200 ticks late, not traded on')
    """
    return f"{words_of(late, 'tick')} late, not traded on"


def fraction(value: float | None, digits: int = 4) -> str:
    """Return a figure, or a dash where there is none yet."""
    return "-" if value is None else f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """Return a gain as a signed percentage; a small one with two digits more.

    >>> percent(0.0123), percent(-0.00002), percent(0.0), percent(None)
    ('+1.23 %', '-0.0020 %', '+0.00 %', '-')
    """
    if share is None:
        return "-"
    digits = 4 if 0 < abs(share) < 0.00005 else 2
    return f"{share + 0.0:+.{digits}%}".replace("%", " %")


def score_words(log_loss: float | None, baseline: float | None) -> str:
    """Return the text of a log-loss, its baseline, and the difference."""
    skill = skill_of(log_loss, baseline)
    if skill is None:
        return "no log-loss yet"
    word = "better" if skill > 0 else "worse"
    return f"log-loss {log_loss:.4f}, {abs(skill):.1%} {word} than the baseline's {baseline:.4f}"


def span(seconds: float) -> str:
    """Return a duration as text, in a convenient unit.

    >>> span(0.5), span(90), span(7200), span(3 * 86_400)
    ('0.5 s', '90 s', '120 min', '72 h')
    """
    for unit, size, most in (("s", 1, 120), ("min", 60, 180), ("h", 3_600, 96)):
        if seconds < size * most:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{seconds / 86_400:,.0f} days"
