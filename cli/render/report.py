"""A report as lines of a terminal, what they come to last."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from analysis.lines import time_of
from analysis.summaries import ReportSummary
from cli.render.labels import labelled
from cli.render.page import LATENCIES, amount, figure, latency_scope, share
from journal.messages import as_json
from journal.reading.score import fraction, late_words, percent, words_of

_PERIODS_SHOWN, _REASONS_SHOWN = 6, 2
"""On a terminal, so that all of it stands on a screen; the page and ``--json`` have the others."""


def tables(figures: ReportSummary) -> Iterator[str]:
    """Yield the figures as lines of at most 80 columns, what they come to last.

    A terminal shows the end: its last screen answers whether it learns and whether it paid.
    """
    said = as_json(figures)
    yield from (*_course(said), "", *_verdict(said))


def _course(said: dict[str, Any]) -> list[str]:
    """Return how it went, a line a period."""
    return [
        f"PAPER {said['journal']}, {time_of(said['first_ns'])} to {time_of(said['last_ns'])}",
        (
            f"  {'until':20} {'labels':>9} {'log-loss':>8} {'baseline':>8} {'frozen':>8}"
            f" {'accuracy':>8} {'equity':>11}"
        ),
        *(
            f"  {row['until'][:19]}Z {row['labels']:>9,} {fraction(row['log_loss']):>8}"
            f" {fraction(row['baseline_log_loss']):>8} {fraction(row['frozen_log_loss']):>8}"
            f" {fraction(row['accuracy'], 3):>8} {amount(row['equity']):>11}"
            for row in _merged(said["periods"], _PERIODS_SHOWN)
        ),
    ]


def _verdict(said: dict[str, Any]) -> list[str]:
    """Return one screen: the answers in words, then the figures behind them."""
    learning, money, calibration = said["learning"], said["money"], said["calibration"]
    total = sum(said["holds"].values()) or 1
    named = [*said["holds"].items()]
    reasons = [f"{times / total:.1%} {reason}" for reason, times in named[:_REASONS_SHOWN]]
    if rest := sum(times for _, times in named[_REASONS_SHOWN:]):
        reasons.append(f"{rest / total:.1%} {words_of(len(named) - _REASONS_SHOWN, 'other')}")
    learned = (
        f"{learning['labels']:,} labels, accuracy {fraction(learning['accuracy'], 3)}, log-loss"
        f" {fraction(learning['log_loss'])}, baseline {fraction(learning['baseline_log_loss'])},"
        f" skill {percent(learning['skill'])}"
    )
    judged = f"{words_of(calibration['labels'], 'label')} judged again from the prices, "
    calibrated = (
        f"{'' if calibration['labels'] == learning['labels'] else judged}"
        f"calibration error {fraction(calibration['error'])} (raw"
        f" {fraction(calibration['error_raw'])}), Brier {fraction(calibration['brier'])}"
        " (coin 0.2500)"
    )
    earned = (
        f"equity {amount(money['equity'])}, {percent(money['gain'])} net,"
        f" {percent(money['gross_gain'])} gross, drawdown {share(money['drawdown'])};"
        f" the market itself {percent(money['market_gain'])}, holding the same stake"
        f" {percent(money['hold_gain'])}, random entry {percent(money['random_gain'])};"
        f" {words_of(money['fills'], 'fill')}, fees {money['fees']:,.2f}"
        f"{_late_words(said['late'])}"
    )
    facts = {
        "learning": learned,
        "frozen": _frozen_words(said["frozen"]),
        "confidence": calibrated,
        "account": earned,
        "why": ", ".join(reasons),
        "latency": _latency_words(said["latency"]),
    }
    return [
        (
            f"PAPER {said['journal']}: {words_of(said['records'], 'record')},"
            f" {words_of(said['ticks'], 'tick')}, {words_of(len(said['sessions']), 'session')}"
        ),
        *(line for words in said["words"] for line in wrap(words, 79)),
        "",
        *(line for label, text in facts.items() for line in labelled(label, text, width=11)),
        *(
            f"  {row['name']:21} {figure(row['value']):>9} {row['unit']:12} {row['note']}".rstrip()
            for row in said["measures"]
        ),
    ]


def _late_words(late: int) -> str:
    return f"; {late_words(late)}" if late else ""


def _merged(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return at most so many rows, each of equally many neighbours."""
    each = -(-len(rows) // count)
    return [_one(rows[start : start + each]) for start in range(0, len(rows), each)]


def _one(rows: list[dict[str, Any]]) -> dict[str, Any]:
    merged = {**rows[-1], "labels": sum(row["labels"] for row in rows)}
    for name in ("log_loss", "baseline_log_loss", "frozen_log_loss", "accuracy"):
        told = [row for row in rows if row[name] is not None and row["labels"]]
        labels = sum(row["labels"] for row in told)
        total = sum(row[name] * row["labels"] for row in told)
        merged[name] = total / labels if labels else None
    return merged


def _latency_words(latency: dict[str, Any]) -> str:
    """Return the medians over the whole journal, and of how much they are."""
    told = [
        f"{label.removesuffix(', p50')} {latency[name]:,.1f}"
        for name, label in LATENCIES.items()
        if latency.get(name) is not None
    ]
    if not told:
        return "no sample of it: nothing was received as it happened"
    return f"{', '.join(told)} ms (p50, {latency_scope(latency)})"


def _frozen_words(frozen: dict[str, Any] | None) -> str:
    if frozen is None:
        return "the frozen model has not been run: trader report --frozen"
    return (
        f"its log-loss {fraction(frozen['frozen_log_loss'])}, ours {fraction(frozen['log_loss'])}:"
        f" skill {percent(frozen['skill'])} on {frozen['labels']:,} labels"
    )
