"""An evaluation as lines for people, none wider than `COLUMNS` unless a name or a file is."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from analysis.summaries import (
    AfterChange,
    EvaluatedAccount,
    EvaluationSummary,
    Forecaster,
    IntervalSaid,
    StreamPart,
)
from journal.reading.score import fraction, percent

COLUMNS = 100
_NAME = 32

_LOSSES_HEAD = f"{'labels':>8} {'accuracy':>8} {'skill':>6} {'log-loss':>8}   log-loss above ours"
_PROBABILITIES_HEAD = f"{'Brier':>8} {'ECE':>8} {'chance':>8} {'MCC':>8} {'kappa':>8}"
_ACCOUNTS_HEAD = f"{'fills':>7} {'net gain':>10} {'gross gain':>10}   gain below ours"


def as_lines(found: EvaluationSummary) -> Iterator[str]:
    """Yield the tables and the remarks on them."""
    rate = found.ticks / found.seconds if found.seconds else 0.0
    yield from _wrapped(
        f"{found.source}: direction over {found.horizon_ms / 1_000:g} s,"
        f" {found.ticks:,} ticks in {found.seconds:.1f} s ({rate:,.0f}/s)"
    )
    yield from _table("forecaster", _LOSSES_HEAD, map(_losses, found.forecasters))
    yield from _table(
        "its probabilities", _PROBABILITIES_HEAD, map(_probabilities, found.forecasters)
    )
    yield from _parts(found)
    if found.adapting:
        yield ""
        yield from _wrapped(_adapting(found.adapting))
    yield ""
    yield f"the market itself moved by {percent(found.market_gain)}"
    yield from _table("paper account", _ACCOUNTS_HEAD, map(_account, found.accounts))
    if found.engine_labels != found.labels:
        yield f"the engine scored {found.engine_labels:,} of the {found.labels:,} labels there are"
    if found.not_installed:
        names = " and ".join(found.not_installed)
        yield from _wrapped(
            f"not installed, so without its rows: {names}; uv run --group test has it"
        )


def _wrapped(text: str) -> list[str]:
    return wrap(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def _table(title: str, head: str, rows: "Iterator[tuple[str, str]]") -> Iterator[str]:
    """Yield a head and rows of a name and its figures; a long name has a line of its own."""
    yield ""
    yield f"{title:{_NAME}} {head}"
    for name, figures in rows:
        if len(name) > _NAME:
            yield from _wrapped(name)
            name = ""
        yield f"{name:{_NAME}} {figures}".rstrip()


def _losses(row: Forecaster) -> tuple[str, str]:
    return row.name, (
        f"{row.labels:8,} {row.accuracy:8.4f} {fraction(row.skill, 3):>6} {row.log_loss:8.4f}"
        f"   {_interval(row.worse_than_ours, 4)}"
    )


def _probabilities(row: Forecaster) -> tuple[str, str]:
    return row.name, (
        f"{row.brier:8.4f} {row.ece:8.4f} {row.ece_by_chance:8.4f} {row.mcc:8.3f}"
        f" {fraction(row.kappa, 3):>8}"
    )


def _account(account: EvaluatedAccount) -> tuple[str, str]:
    fills = "-" if account.fills is None else f"{account.fills:,}"
    gross = "-" if account.gross_gain is None else _plain(account.gross_gain, 2)
    return account.name, (
        f"{fills:>7} {_plain(account.net_gain, 2):>10} {gross:>10}"
        f"   {_interval(account.worse_than_ours, 2)}"
    )


def _interval(found: IntervalSaid | None, digits: int) -> str:
    if found is None:
        return ""
    mean, low, high = (
        f"{_zero(value, digits):+,.{digits}f}" for value in (found.mean, found.low, found.high)
    )
    return f"{mean} [{low}, {high}]"


def _plain(value: float, digits: int) -> str:
    return f"{_zero(value, digits):,.{digits}f}"


def _zero(value: float, digits: int) -> float:
    """Return a rounded value that is not minus zero."""
    return round(value, digits) + 0.0


def _parts(found: EvaluationSummary) -> Iterator[str]:
    """Yield the accuracy by part of the stream, the optimum's first where it is known."""
    first: Sequence[StreamPart] = next(iter(found.curves.values()), ())
    if not first:
        return
    head = "".join(f"{f'{100 * part.start:g}-{100 * part.end:g}%':>10}" for part in first)
    rows = {name: [part.accuracy for part in parts] for name, parts in found.curves.items()}
    if first[0].optimum is not None:
        rows = {"known optimum": [part.optimum or 0.0 for part in first], **rows}
    yield from _table(
        "accuracy by part of the stream",
        head,
        ((name, "".join(f"{value:10.3f}" for value in values)) for name, values in rows.items()),
    )


def _adapting(changes: Sequence[AfterChange]) -> str:
    most = max(change.labels for change in changes)
    figures = "  ".join(f"{change.accuracy:.3f}" for change in changes)
    return f"accuracy of ours in the {most:,} labels after each change: {figures}"
