"""A report as lines of a terminal, the conclusions last."""

from collections.abc import Iterator
from textwrap import wrap

from analysis.figures import FrozenFigures, ReportSummary
from analysis.lines import time_of
from analysis.report import merged
from cli.render.labels import labelled
from cli.render.page import LATENCIES, amount, figure, latency_scope, share
from journal.messages import as_json
from journal.reading.score import fraction, late_words, percent, words_of
from journal.summaries import LatencySaid

_PERIODS_SHOWN, _REASONS_SHOWN = 6, 2
"""On a terminal, so that all of it stands on a screen; the page and ``--json`` have the others."""


def tables(figures: ReportSummary) -> Iterator[str]:
    """Yield the figures as lines of at most 80 columns, the conclusions last.

    A terminal shows the end: its last screen answers whether it learns and whether it paid.
    """
    yield from (*_course(figures), "", *_verdict(figures))


def _course(said: ReportSummary) -> list[str]:
    """Return the course of the journal, a line a period."""
    return [
        f"PAPER {said.journal}, {_time(said.first_ns)} to {_time(said.last_ns)}",
        (
            f"  {'until':20} {'labels':>9} {'log-loss':>8} {'baseline':>8} {'frozen':>8}"
            f" {'accuracy':>8} {'equity':>11}"
        ),
        *(
            f"  {row.until[:19]}Z {row.labels:>9,} {fraction(row.log_loss):>8}"
            f" {fraction(row.baseline_log_loss):>8} {fraction(row.frozen_log_loss):>8}"
            f" {fraction(row.accuracy, 3):>8} {amount(row.equity):>11}"
            for row in merged(said.periods, _PERIODS_SHOWN)
        ),
    ]


def _verdict(said: ReportSummary) -> list[str]:
    """Return one screen: the answers in words, then the figures that they are based on."""
    learning, money, calibration = said.learning, said.money, said.calibration
    total = sum(said.holds.values()) or 1
    named = [*said.holds.items()]
    reasons = [f"{times / total:.1%} {reason}" for reason, times in named[:_REASONS_SHOWN]]
    if rest := sum(times for _, times in named[_REASONS_SHOWN:]):
        reasons.append(f"{rest / total:.1%} {words_of(len(named) - _REASONS_SHOWN, 'other')}")
    learned = (
        f"{learning.labels:,} labels, accuracy {fraction(learning.accuracy, 3)}, log-loss"
        f" {fraction(learning.log_loss)}, baseline {fraction(learning.baseline_log_loss)},"
        f" skill {percent(learning.skill)}"
    )
    judged = f"{words_of(calibration.labels, 'label')} judged again from the prices, "
    calibrated = (
        f"{'' if calibration.labels == learning.labels else judged}"
        f"calibration error {fraction(calibration.error)} (raw"
        f" {fraction(calibration.error_raw)}), Brier {fraction(calibration.brier)}"
        " (coin 0.2500)"
    )
    earned = (
        f"equity {amount(money.equity)}, {percent(money.gain)} net,"
        f" {percent(money.gross_gain)} gross, drawdown {share(money.drawdown)};"
        f" the market itself {percent(money.market_gain)}, holding the same stake"
        f" {percent(money.hold_gain)}, random entry {percent(money.random_gain)};"
        f" {words_of(money.fills, 'fill')}, fees {money.fees:,.2f}"
        f"{_late_words(said.late)}"
    )
    facts = {
        "learning": learned,
        "frozen": _frozen_words(said.frozen),
        "confidence": calibrated,
        "account": earned,
        "why": ", ".join(reasons),
        "latency": _latency_words(said.latency),
    }
    return [
        (
            f"PAPER {said.journal}: {words_of(said.records, 'record')},"
            f" {words_of(said.ticks, 'tick')}, {words_of(len(said.sessions), 'session')}"
        ),
        *(line for words in said.words for line in wrap(words, 79)),
        "",
        *(line for label, text in facts.items() for line in labelled(label, text, width=11)),
        *(
            f"  {row.name:21} {figure(row.value):>9} {row.unit:12} {row.note}".rstrip()
            for row in said.measures
        ),
    ]


def _time(time_ns: int | None) -> str:
    return "-" if time_ns is None else time_of(time_ns)


def _late_words(late: int) -> str:
    return f"; {late_words(late)}" if late else ""


def _latency_words(latency: LatencySaid) -> str:
    """Return the medians over the whole journal, and over how many batches or samples."""
    medians = as_json(latency)
    texts = [
        f"{label.removesuffix(', p50')} {medians[name]:,.1f}"
        for name, label in LATENCIES.items()
        if medians.get(name) is not None
    ]
    if not texts:
        return "no sample of it: nothing was received as it happened"
    return f"{', '.join(texts)} ms (p50, {latency_scope(latency)})"


def _frozen_words(frozen: FrozenFigures | None) -> str:
    if frozen is None:
        return "the frozen model has not been run: trader report --frozen"
    return (
        f"its log-loss {fraction(frozen.frozen_log_loss)}, ours {fraction(frozen.log_loss)}:"
        f" skill {percent(frozen.skill)} on {frozen.labels:,} labels"
    )
