"""The data of the charts of a report's page: curves, one row a bucket, and marks."""

from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.curves import Curves
from analysis.history import SHOWN_MOST, History
from analysis.report import BESIDE, held, others
from analysis.scoring.smoothing import Floats, banded, filled, smoothed
from journal.frozen import Frozen

_DIGITS, _EXACT = 7, 14
_REASONS = 5
"""How many reasons have a colour of their own; the others share one."""

_MARKS = {"drift": "drift", "grew": "growth"}
"""Kind of milestone → kind of mark; all others share one."""


def series(history: History) -> dict[str, Any]:
    """Return the data of the charts: columns, one row a bucket, and marks; times are in s."""
    drawn = history.curves
    sums, scored = drawn.sums, drawn.sums["scored"]
    loss, width = banded(sums["scored_loss"], scored)
    hits, hits_width = banded(sums["scored_hits"], scored)
    equity = filled(drawn.lasts["equity"])
    price = filled(drawn.price_last)
    named = sorted(drawn.reasons, key=lambda reason: -drawn.reasons[reason].sum())
    offsets = (np.arange(drawn.count) + 1) * max(history.records, 1) / drawn.count - 1
    columns = {
        "time": drawn.time_ns / 1e9,
        "offset": np.floor(offsets),
        "loss": loss,
        "loss_low": loss - width,
        "loss_high": loss + width,
        "baseline": smoothed(sums["scored_baseline_loss"], scored),
        **_frozen_curves(history.frozen),
        **{name: _curve(drawn, column) for name, column in BESIDE.items()},
        "accuracy": hits,
        "accuracy_low": hits - hits_width,
        "accuracy_high": hits + hits_width,
        "equity": equity,
        "gross": _optional(drawn, "gross_equity"),
        "hold": held(history),
        "random": _optional(drawn, "random_equity"),
        "drawdown": -drawn.falls * 100,
        "price": price,
        "price_low": np.where(np.isfinite(drawn.price_low), drawn.price_low, np.nan),
        "price_high": np.where(np.isfinite(drawn.price_high), drawn.price_high, np.nan),
        "learning_rate": filled(drawn.lasts["learning_rate"]),
        "skill_confidence": _optional(drawn, "skill_confidence"),
        "confidence": smoothed(drawn.means["confidence"], drawn.decisions),
        "p_move": smoothed(drawn.means["p_move"], drawn.decisions),
        "ticks": drawn.decisions,
    }
    cells_per_record = drawn.count / max(history.records, 1)

    def mark(offset: int, label: str, kind: str) -> dict[str, Any]:
        cell = min(int(offset * cells_per_record), drawn.count - 1)
        time_s = float(drawn.time_ns[cell] / 1e9)
        return {"offset": offset, "time": time_s, "label": label, "kind": kind}

    return {
        "columns": {
            name: _rounded(values, _EXACT if name in ("time", "offset") else _DIGITS)
            for name, values in columns.items()
            if values is not None
        },
        "reasons": {
            reason: _rounded(smoothed(counts, drawn.decisions) * 100)
            for reason, counts in _most_frequent(drawn, named).items()
        },
        "fills": _fills(history, mark),
        "marks": [
            *(
                mark(session.offset, f"session {session.number}", "session")
                for session in history.sessions
            ),
            *_milestones(history, mark),
        ],
        "gaps": [{"from": gap["from_ns"] / 1e9, "to": gap["to_ns"] / 1e9} for gap in history.gaps],
    }


def _most_frequent(drawn: Curves, named: list[str]) -> dict[str, Floats]:
    """Return the counts of the most frequent reasons, and of all others together."""
    most = {reason: drawn.reasons[reason] for reason in named[:_REASONS]}
    rest = named[_REASONS:]
    if len(rest) == 1:
        return {**most, rest[0]: drawn.reasons[rest[0]]}
    others: Floats = np.sum([drawn.reasons[reason] for reason in rest], axis=0)
    return {**most, f"{len(rest)} others": others} if rest else most


Mark = Callable[[int, str, str], dict[str, Any]]


def _fills(history: History, mark: Mark) -> list[dict[str, Any]]:
    """Return the marks of the fills: one each or, if there are many, one a bucket and side.

    ``count`` is how many fills a mark stands for, ``price`` their mean.
    """
    drawn = history.curves
    if len(history.fills) <= SHOWN_MOST:
        return [
            {
                "offset": fill["cause"],
                "time": fill["received_ns"] / 1e9,
                "side": fill["side"],
                "price": fill["price"],
                "count": 1,
            }
            for fill in history.fills
        ]
    marks = []
    sides = (("buy", drawn.buys, drawn.bought_at), ("sell", drawn.sells, drawn.sold_at))
    for side, counts, prices in sides:
        for cell in np.flatnonzero(counts).tolist():
            at = mark(cell * history.records // drawn.count, "", "")
            price = float(f"{prices[cell] / counts[cell]:.{_EXACT}g}")
            facts = {"side": side, "price": price, "count": int(counts[cell])}
            marks.append({"offset": at["offset"], "time": at["time"], **facts})
    return sorted(marks, key=lambda each: float(each["offset"]))


def _milestones(history: History, mark: Mark) -> list[dict[str, Any]]:
    """Return a mark for each bucket and kind of milestone, which says how many it stands for."""
    counts: dict[tuple[int, str], list[int]] = {}
    for row in history.milestones:
        cell = row["cause"] * history.curves.count // max(history.records, 1)
        counts.setdefault((cell, str(row["why"])), []).append(row["cause"])
    return [
        mark(
            offsets[0],
            why if len(offsets) == 1 else f"{why} x {len(offsets)}",
            _MARKS.get(why, "other"),
        )
        for (_, why), offsets in counts.items()
    ]


def _frozen_curves(frozen: Frozen | None) -> dict[str, Floats]:
    """Return the frozen model's log-loss, and what is saved against it, with a band."""
    if frozen is None:
        return {}
    scored, loss = frozen.sums["scored"], frozen.sums["frozen_loss"]
    # There is nothing to draw before it was frozen, nor after the last record that it ran over.
    known = np.flatnonzero(scored)
    within = np.zeros(len(scored), bool)
    if len(known):
        within[known[0] : known[-1] + 1] = True
    saved, width = banded(loss - frozen.sums["loss"], scored)
    curves = {
        "frozen": smoothed(loss, scored),
        "saved": saved,
        "saved_low": saved - width,
        "saved_high": saved + width,
    }
    return {name: np.where(within, curve, np.nan) for name, curve in curves.items()}


def _curve(drawn: Curves, column: str) -> Floats | None:
    """Return the running mean of another forecaster's scores, or ``None``."""
    sums = others(drawn, column)
    return None if sums is None else smoothed(sums, drawn.sums["scored"])


def _optional(drawn: Curves, name: str) -> Floats | None:
    """Return a curve that only newer logs have, or ``None``."""
    values = drawn.lasts.get(name)
    return None if values is None or not np.isfinite(values).any() else filled(values)


def _rounded(values: Floats, digits: int = _DIGITS) -> list[float | None]:
    """Return the values with so many digits: the pixels of a page show no more."""
    return [float(f"{x:.{digits}g}") if np.isfinite(x) else None for x in values.tolist()]
