"""A report as one self-contained file: no network, readable without a script.

The charts are drawn by uPlot 1.6.32 (MIT, its licence stands in every page),
which is part of this package as its author publishes it. The page's security policy forbids
fetching anything, and running any script but the two in it.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from analysis.figures import FrozenFigures, HealthFigures, Money, ReportSummary
from analysis.lines import time_of, with_detail
from eventlog.gaps import missing_ns
from eventlog.printable import printable
from journal import outputs
from journal.messages import as_json
from journal.reading.score import fraction, percent, price, words_of
from journal.summaries import LatencySaid

UPLOT_SHA256 = "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
"""Of the library as it was published; a test holds the file to it."""

_DASH = "-"

_SAMPLES_LEAST = 3
"""With no more health samples than this, no curve is drawn."""

LATENCIES = {
    "recorded_p50_ms": "recorded, p50",
    "recorded_p99_ms": "recorded, p99",
    "decided_p50_ms": "decided, p50",
    "decided_p99_ms": "decided, p99",
    "latency_p50_ms": "decision durable, p50",
    "latency_p99_ms": "decision durable, p99",
    "loop_lag_ms": "delay of the feed's loop",
}
"""The latencies of a health sample, by field → name in the chart."""

_ROWS_SHOWN = 50
"""Rows of gaps and of milestones: the newest, and the page says of how many."""

_CHARTS: tuple[tuple[str, str, str], ...] = (
    ("loss", "Learning", "log-loss of the direction next to the baseline; lower is better"),
    (
        "saved",
        "Compared with the frozen model",
        "log-loss saved a label; above 0, continued learning helps",
    ),
    ("accuracy", "Accuracy", "share of moves whose direction was predicted"),
    ("reliability", "Can its confidence be believed?", "how often it rose when it said so"),
    ("confidence", "Confidence over time", "how sure it says it is"),
    ("equity", "Equity", "the paper account next to holding the same stake"),
    ("drawdown", "Drawdown", "below the best so far"),
    ("price", "Price and trades", "the price; triangles are fills, up for a buy"),
    ("reasons", "Why it decided so", "share of each reason"),
    ("rate", "Learning rate", "with drift and growth marks"),
)

_SESSION_HEADS = (
    *("session", "from offset", "began", "lasted", "ticks"),
    *("log-loss", "baseline", "accuracy", "ended by"),
)


def write(path: Path, said: ReportSummary, series: dict[str, Any], *, force: bool) -> ReportSummary:
    """Write the page, whole or not at all; return the summary with its name and its size.

    Raises:
        CommandError: as `journal.outputs.check`.
        OSError: if it cannot be written.
    """
    size_bytes = outputs.write_text(path, render(said, series), force=force)
    return replace(said, html=str(path), bytes=size_bytes)


def render(figures: ReportSummary, series: dict[str, Any]) -> str:
    """Return the page."""
    assets = resources.files("cli.render") / "assets"
    uplot = (assets / "uPlot.iife.min.js").read_text(encoding="utf-8")
    script = (assets / "report.js").read_text(encoding="utf-8")
    style = (assets / "uPlot.min.css").read_text(encoding="utf-8")
    style += (assets / "report.css").read_text(encoding="utf-8")
    licence = (assets / "uPlot.LICENSE").read_text(encoding="utf-8")
    series = {**series, "latency": _latency(figures.health)}
    data = json.dumps(
        {
            "series": series,
            "along": _along(series),
            "figures": {"calibration": as_json(figures.calibration)},
        },
        allow_nan=False,
        separators=(",", ":"),
    ).replace("<", "\\u003c")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none';"
        f" script-src {_hash(uplot)} {_hash(script)}; style-src {_hash(style)}"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>PAPER {escape(figures.journal)}</title>
<link rel="icon" href="data:,">
<style>{style}</style></head><body>
{_body(figures, series)}
<details><summary class="soft">The charts' library and its licence</summary>
<pre class="soft">uPlot 1.6.32, https://github.com/leeoniya/uPlot
{escape(licence)}</pre></details>
<script id="data" type="application/json">{data}</script>
<script>{uplot}</script>
<script>{script}</script>
</body></html>
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


def _along(series: dict[str, Any]) -> str:
    """Return the initial x-axis of the charts: time, unless most of the log is in a bit of it."""
    times = series["columns"]["time"]
    first_s, last_s = times[0], times[-1]
    if last_s <= first_s:
        return "offset"
    bins = [min(int((time_s - first_s) / (last_s - first_s) * 20), 19) for time_s in times]
    most = max(bins.count(number) for number in range(20))
    missing_s = sum(gap["to"] - gap["from"] for gap in series["gaps"])
    sparse = most > len(times) / 2 or missing_s > (last_s - first_s) / 3
    return "offset" if sparse else "time"


def _latency(health: Sequence[HealthFigures]) -> dict[str, Any]:
    """Return what the health samples say of latency as columns, in ms, stage by stage."""
    health = health if len(health) > _SAMPLES_LEAST else []
    columns = {
        label: [sample.detail.get(name) for sample in health] for name, label in LATENCIES.items()
    }
    return {
        "time": [sample.received_ns / 1e9 for sample in health],
        "columns": {label: values for label, values in columns.items() if any(values)},
    }


def _body(figures: ReportSummary, series: dict[str, Any]) -> str:
    verified = figures.verified
    checked = "not verified yet: <code>trader verify --deep</code>"
    if verified is not None:
        verdict = f"{verified.get('verdict')} ({verified.get('depth')})"
        checked = f"verified {escape(verdict)} at {_time(verified.get('time_ns'))}"
    parts = [
        f'<h1><span class="paper">PAPER</span>{escape(figures.journal)}</h1>',
        (
            f'<p class="soft">{words_of(figures.records, "record")},'
            f" {words_of(figures.ticks, 'tick')},"
            f" {words_of(len(figures.sessions), 'session')}, {_time(figures.first_ns)} to"
            f" {_time(figures.last_ns)} · parameters <code>{figures.parameters}</code> ·"
            f" {checked}</p>"
        ),
        *(f'<p class="words">{escape(sentence)}</p>' for sentence in figures.words),
        _frozen_note(figures.frozen),
        _summary(figures),
        "<h2>Measures of success</h2>",
        _table(
            ("measure", "", "", "", ""),
            [
                (row.name, figure(row.value), row.unit, row.note, row.text)
                for row in figures.measures
            ],
            text=(2, 3, 4),
        ),
        (
            '<h2>Curves</h2><p class="soft">Along <button data-along="time">time</button>'
            ' <button data-along="offset">offset</button>. Drag to look closer, double click to'
            " come back. Gaps are shaded; dotted lines are where a session begins.</p>"
            "<noscript><p>The curves need a script; the tables below say the same.</p></noscript>"
        ),
        '<div class="charts">',
        *(
            f"<figure{_width(name)}><h3>{title}</h3>"
            f'<p class="soft">{text}{_scope(name, figures, series)}</p>'
            f'<div data-chart="{name}"></div></figure>'
            for name, title, text in _CHARTS
            if name != "saved" or figures.frozen is not None
        ),
        _latency_figure(figures, series),
        "</div>",
        *_tables(figures),
        "<h2>What is assumed</h2><ul>",
        *(f"<li>{escape(sentence)}</li>" for sentence in figures.assumptions),
        "</ul>",
    ]
    return "\n".join(parts)


def _frozen_note(frozen: FrozenFigures | None) -> str:
    if frozen is None:
        return (
            '<p class="soft">The frozen model has not been run: <code>trader report --frozen</code>'
            " adds the skill against it.</p>"
        )
    return (
        f'<p class="soft">The frozen model is the state after {frozen.after + 1:,} records, run'
        f" over the rest without learning: log-loss {fraction(frozen.frozen_log_loss)}, ours"
        f" {fraction(frozen.log_loss)} on the same {frozen.labels:,} labels, skill against it"
        f" {percent(frozen.skill)}.</p>"
    )


def _width(name: str) -> str:
    return ' class="wide"' if name == "price" else ""


def _scope(name: str, figures: ReportSummary, series: dict[str, Any]) -> str:
    """Return how much of the data a chart shows, where that is not obvious."""
    if name == "rate":
        counts = figures.counts
        drawn = len(figures.milestones)
        return (
            "" if drawn == counts.milestones else f" (the newest {_of(drawn, counts.milestones)})"
        )
    if name != "price":
        return ""
    marks = len(series["fills"])
    total = figures.money.fills
    if marks == total:
        return f": {words_of(total, 'fill')}, all of them"
    return (
        f": showing all {total:,} fills as {marks:,} marks; those of one side that are close to"
        " each other are one, at their mean price"
    )


def _of(shown: int, total: int) -> str:
    """Return how many of how many."""
    return f"{shown:,} of {total:,}"


def latency_scope(latency: LatencySaid) -> str:
    """Return over how many batches, or samples of them, the medians of latency are."""
    if latency.batches is None:
        return words_of(latency.samples, "sample")
    return words_of(latency.batches, "batch", "batches")


def _latency_figure(figures: ReportSummary, series: dict[str, Any]) -> str:
    if not series["latency"]["columns"]:
        return ""
    shown, total = len(figures.health), figures.counts.health
    newest = "" if shown == total else f", the newest {_of(shown, total)} of them"
    return (
        '<figure class="wide"><h3>Latency</h3><p class="soft">milliseconds from a frame received to'
        " its record durable, its decision made, and that durable,"
        f" from the health samples{newest}</p>"
        '<div data-chart="latency"></div></figure>'
    )


def _summary(figures: ReportSummary) -> str:
    learning, money, calibration = figures.learning, figures.money, figures.calibration
    return _table(
        ("learning", "", "account", "", "confidence", ""),
        [
            (
                *("labels", f"{learning.labels:,}"),
                *("equity, net of fees", amount(money.equity)),
                *("labels judged", f"{calibration.labels:,}"),
            ),
            (
                *("log-loss", fraction(learning.log_loss)),
                *("gain, net", percent(money.gain)),
                *("calibration error", fraction(calibration.error)),
            ),
            (
                *("baseline", fraction(learning.baseline_log_loss)),
                *("gain, before fees", percent(money.gross_gain)),
                *("before calibration", fraction(calibration.error_raw)),
            ),
            (
                *("accuracy", fraction(learning.accuracy, 3)),
                *("the market's own move", percent(money.market_gain)),
                *("Brier score", fraction(calibration.brier)),
            ),
            (
                *("skill", percent(learning.skill)),
                *(f"holding the same stake ({money.stake:,.0f})", percent(money.hold_gain)),
                *("a coin's", "0.2500"),
            ),
            (
                *("training steps", count(learning.steps)),
                *("random entry", percent(money.random_gain)),
                *("fills", f"{money.fills:,}, fees {money.fees:,.2f}"),
            ),
            (
                *("price, first and newest", _prices(money)),
                *("deepest drawdown", share(money.drawdown)),
                *("ticks too late to trade on", f"{figures.late:,}"),
            ),
            (
                *("trust in its skill", fraction(money.skill_confidence, 2)),
                *("round trips, won", _won(money)),
                *("crossing the spread cost", amount(money.spread_cost)),
            ),
        ],
        text=(2, 4),
    )


def _prices(money: Money) -> str:
    first, last = money.price_first, money.price_last
    return _DASH if first is None else f"{price(first)}, {price(last)}"


def _won(money: Money) -> str:
    if money.round_trips is None or money.winning_trips is None:
        return _DASH
    return f"{money.round_trips:,}, {money.winning_trips:,}"


def _tables(figures: ReportSummary) -> list[str]:
    total = sum(figures.holds.values()) or 1
    out = [
        "<h2>Why it decided so</h2>",
        _table(
            ("reason", "decisions", "share"),
            [
                (reason, f"{times:,}", f"{times / total:.1%}")
                for reason, times in figures.holds.items()
            ],
        ),
        "<h2>From the beginning to now</h2>",
        _table(
            (
                "until",
                "ticks",
                "labels",
                "log-loss",
                "baseline",
                "frozen model",
                "accuracy",
                "fills",
                "equity",
                "price",
            ),
            [
                (
                    row.until,
                    *(f"{row.ticks:,}", f"{row.labels:,}"),
                    *(fraction(row.log_loss), fraction(row.baseline_log_loss)),
                    *(fraction(row.frozen_log_loss), fraction(row.accuracy, 3)),
                    f"{row.fills:,}",
                    *(amount(row.equity), price(row.price)),
                )
                for row in figures.periods
            ],
        ),
        "<h2>Sessions</h2>",
        _table(
            _SESSION_HEADS,
            [
                (
                    *(str(row.number), f"{row.offset:,}", row.started),
                    *(f"{row.seconds:,.0f} s", f"{row.ticks:,}"),
                    *(fraction(row.log_loss), fraction(row.baseline_log_loss)),
                    *(fraction(row.accuracy, 3), row.ended),
                )
                for row in figures.sessions
            ],
            text=(8,),
        ),
        "<h2>Checkpoints</h2>",
        _table(
            (
                "after offset",
                "market time",
                "steps",
                "labels",
                "log-loss",
                "equity",
                "state",
                "verified",
            ),
            [
                (
                    *(f"{row.offset:,}", row.time or _DASH, f"{row.steps:,}"),
                    *(f"{row.labels:,}", fraction(row.log_loss), amount(row.equity)),
                    *(row.digest[:12], row.verified),
                )
                for row in figures.checkpoints
            ],
            text=(7,),
        ),
    ]
    if figures.influences:
        most = max(row.influence for row in figures.influences)
        rows = "".join(
            f"<tr><td>{escape(row.name)}</td><td>{row.influence:.4f}</td>"
            f'<td class="text"><meter max="{most:.6f}" value="{row.influence:.6f}"></meter>'
            "</td></tr>"
            for row in figures.influences
        )
        out += [
            "<h2>What it looks at</h2>",
            (
                '<p class="soft">how far each feature moved the answer "up", on average over the'
                " newest labelled samples: its value times the slope there</p>"
            ),
            f'<div class="scroll"><table>{rows}</table></div>',
        ]
    if figures.milestones:
        out += [
            "<h2>Drift and growth</h2>",
            _newest(figures.milestones, figures.counts.milestones),
            _table(
                ("when", "offset", "what"),
                [
                    (
                        time_of(row.received_ns),
                        f"{row.offset:,}",
                        with_detail(row.why, row.detail.items()),
                    )
                    for row in figures.milestones[-_ROWS_SHOWN:]
                ],
                text=(2,),
            ),
        ]
    if figures.health:
        out += [
            (
                f'<h2>Health</h2><p class="soft">'
                f"{words_of(figures.counts.health, 'sample')}, the newest of"
                f" {_time(figures.health[-1].received_ns)}; below, figures of"
                f" {_of(len(figures.health), figures.counts.health)}, but the medians of"
                f" latency are of {latency_scope(figures.latency)}</p>"
            ),
            _table(("", "newest", "median", "most"), _health(figures.health, figures.latency)),
        ]
    if figures.gaps:
        out += [
            "<h2>Gaps</h2>",
            _newest(figures.gaps, figures.counts.gaps),
            _table(
                ("from", "for", "why"),
                [
                    (
                        time_of(gap.from_ns),
                        f"{missing_ns(gap.from_ns, gap.to_ns) / 1e9:,.1f} s",
                        gap.why,
                    )
                    for gap in figures.gaps[-_ROWS_SHOWN:]
                ],
                text=(2,),
            ),
        ]
    return out


def _newest(rows: Sequence[object], total: int) -> str:
    """Say that a table has only the newest rows, if it has."""
    shown = min(len(rows), _ROWS_SHOWN)
    return "" if shown == total else f'<p class="soft">the newest {_of(shown, total)}</p>'


def _health(samples: Sequence[HealthFigures], latency: LatencySaid) -> list[tuple[str, ...]]:
    """Return a row for each figure of the samples that is a number."""
    newest, medians = samples[-1].detail, as_json(latency)
    rows = []
    for name in newest:
        values = [sample.detail.get(name) for sample in samples]
        numbers = sorted(value for value in values if isinstance(value, int | float))
        if numbers and not isinstance(newest[name], bool):
            middle = medians.get(name, numbers[len(numbers) // 2])
            said = (newest[name], middle, numbers[-1])
            rows.append((name.replace("_", " "), *(figure(value) for value in said)))
    return rows


def _table(
    head: tuple[str, ...],
    rows: list[tuple[str, ...]],
    *,
    text: tuple[int, ...] = (),
) -> str:
    def cells(tag: str, values: tuple[str, ...]) -> str:
        kinds = [' class="text"' if place in text else "" for place in range(len(values))]
        return "".join(
            f"<{tag}{kind}>{escape(printable(value))}</{tag}>"
            for kind, value in zip(kinds, values, strict=True)
        )

    top = f"<thead><tr>{cells('th', head)}</tr></thead>" if any(head) else ""
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table>{top}<tbody>{body}</tbody></table></div>'


def _time(time_ns: object) -> str:
    return time_of(time_ns) if isinstance(time_ns, int) else _DASH


def figure(value: float | None) -> str:
    """Return any figure in four digits or, if it is large, whole; or a dash."""
    if value is None:
        return _DASH
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"


def share(value: float | None) -> str:
    """Return a share as a percentage without a sign, or a dash."""
    return _DASH if value is None else f"{value:.2%}".replace("%", " %")


def amount(value: float | None) -> str:
    """Return an amount of money, or a dash."""
    return _DASH if value is None else f"{value:,.2f}"


def count(value: int | None) -> str:
    """Return a count, or a dash."""
    return _DASH if value is None else f"{value:,}"
