"""An evaluation as lines for people and as an object for programs."""

from dataclasses import asdict
from typing import Any

from analysis.evaluation.accounts import Account
from analysis.evaluation.answers import OURS
from analysis.evaluation.evaluation import Evaluation
from analysis.evaluation.report import Row
from journal.reading.score import fraction, percent

_HEAD = (
    f"{'':32} {'labels':>8} {'accuracy':>8} {'log-loss':>8} {'Brier':>7} {'ECE':>7} {'chance':>7}"
    f" {'MCC':>7} {'kappa':>7} {'skill':>6}   log-loss above ours"
)
_ACCOUNTS_HEAD = (
    f"{'paper account':32} {'fills':>8} {'net gain':>12} {'gross gain':>12}   gain below ours"
)


def as_lines(found: Evaluation) -> list[str]:
    """Return the table and what else is to be known."""
    report = found.report
    horizon_s = found.parameters.horizon_ms / 1_000
    rate = found.ticks / found.seconds if found.seconds else 0.0
    lines = [
        (
            f"{found.source.name}: direction over {horizon_s:g} s,"
            f" {found.ticks:,} ticks in {found.seconds:.1f} s ({rate:,.0f}/s)"
        ),
        "",
        _HEAD,
        *(_line(row) for row in report.rows),
        "",
    ]
    for name, parts in report.curves.items():
        said = "  ".join(
            f"{100 * part['from']:g}-{100 * part['to']:g}%: {part['accuracy']:.3f}"
            + (f" of {part['optimum']:.3f}" if "optimum" in part else "")
            for part in parts
        )
        lines.append(f"accuracy of {name}, by part of the stream: {said}")
    if report.adapting:
        said = "  ".join(f"{part['accuracy']:.3f}" for part in report.adapting)
        lines.append(f"accuracy of {OURS} in the 500 labels behind each change: {said}")
    lines += ["", f"the market itself moved by {percent(found.market_gain)}"]
    lines += ["", _ACCOUNTS_HEAD, *(_account_line(account) for account in found.accounts)]
    if found.engine_labels != found.labels:
        lines.append(
            f"the engine scored {found.engine_labels:,} labels, of {found.labels:,} that there are"
        )
    if found.lacking:
        names = " and ".join(found.lacking)
        lines.append(f"not installed, so without its rows: {names}; uv run --group test has it")
    return lines


def _line(row: Row) -> str:
    made, against = row.scores, ""
    if row.against is not None:
        against = f"{row.against.mean:+.4f} [{row.against.low:+.4f}, {row.against.high:+.4f}]"
    kappa = fraction(made.kappa, 3)
    skill = fraction(row.reached, 3)
    return (
        f"{row.name:32} {made.labels:8,} {made.accuracy:8.4f} {made.log_loss:8.4f}"
        f" {made.brier:7.4f} {made.ece:7.4f} {made.ece_by_chance:7.4f} {made.mcc:7.3f} {kappa:>7}"
        f" {skill:>6}   {against}"
    ).rstrip()


def _account_line(account: Account) -> str:
    fills = "-" if account.fills is None else f"{account.fills:,}"
    gross = "-" if account.gross_gain is None else f"{account.gross_gain:,.2f}"
    against = ""
    if account.against is not None:
        by = account.against
        against = f"{by.mean:+,.2f} [{by.low:+,.2f}, {by.high:+,.2f}]"
    return (
        f"{account.name:32} {fills:>8} {account.net_gain:12,.2f} {gross:>12}   {against}".rstrip()
    )


def as_summary(found: Evaluation) -> dict[str, Any]:
    """Return all figures by name."""
    report = found.report
    return {
        "source": found.source.name,
        "horizon_ms": found.parameters.horizon_ms,
        "parameters": asdict(found.parameters),
        "ticks": found.ticks,
        "seconds": round(found.seconds, 3),
        "forecasters": [
            {
                "name": row.name,
                **asdict(row.scores),
                "skill": row.reached,
                "worse_than_ours": None if row.against is None else asdict(row.against),
            }
            for row in report.rows
        ],
        "curves": report.curves,
        "adapting": report.adapting,
        "labels": found.labels,
        "engine_labels": found.engine_labels,
        "engine_hits": found.engine_hits,
        "accounts": [
            {
                "name": account.name,
                "fills": account.fills,
                "net_gain": account.net_gain,
                "gross_gain": account.gross_gain,
                "worse_than_ours": None if account.against is None else asdict(account.against),
            }
            for account in found.accounts
        ],
        "market_gain": found.market_gain,
        "not_installed": list(found.lacking),
    }
