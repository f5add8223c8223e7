"""What the report's page draws: the curves of a journal, one row a stretch, and its marks."""

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
"""So many have a colour of their own; the others share one."""

_MARKS = {"drift": "drift", "grew": "growth"}
"""What a milestone says → how its mark is drawn; others are drawn alike."""


def series(told: History) -> dict[str, Any]:
    """Return what the page draws: columns of equal length, one row a stretch."""
    drawn = told.curves
    sums, scored = drawn.sums, drawn.sums["scored"]
    loss, width = banded(sums["scored_loss"], scored)
    hits, hits_width = banded(sums["scored_hits"], scored)
    equity = filled(drawn.lasts["equity"])
    price = filled(drawn.price_last)
    named = sorted(drawn.reasons, key=lambda reason: -drawn.reasons[reason].sum())
    offsets = (np.arange(drawn.count) + 1) * max(told.records, 1) / drawn.count - 1
    columns = {
        "time": drawn.time_ns / 1e9,
        "offset": np.floor(offsets),
        "loss": loss,
        "loss_low": loss - width,
        "loss_high": loss + width,
        "baseline": smoothed(sums["scored_baseline_loss"], scored),
        **_beside_frozen(told.frozen),
        **{name: _curve(drawn, column) for name, column in BESIDE.items()},
        "accuracy": hits,
        "accuracy_low": hits - hits_width,
        "accuracy_high": hits + hits_width,
        "equity": equity,
        "gross": _optional(drawn, "gross_equity"),
        "hold": held(told),
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
    place_of = drawn.count / max(told.records, 1)

    def mark(offset: int, label: str, kind: str) -> dict[str, Any]:
        place = min(int(offset * place_of), drawn.count - 1)
        time_s = float(drawn.time_ns[place] / 1e9)
        return {"offset": offset, "time": time_s, "label": label, "kind": kind}

    return {
        "columns": {
            name: _rounded(values, _EXACT if name in ("time", "offset") else _DIGITS)
            for name, values in columns.items()
            if values is not None
        },
        "reasons": {
            reason: _rounded(smoothed(counts, drawn.decisions) * 100)
            for reason, counts in _heaped(drawn, named).items()
        },
        "fills": _fills(told, mark),
        "marks": [
            *(
                mark(session.offset, f"session {session.number}", "session")
                for session in told.sessions
            ),
            *_milestones(told, mark),
        ],
        "gaps": [{"from": gap["from_ns"] / 1e9, "to": gap["to_ns"] / 1e9} for gap in told.gaps],
    }


def _heaped(drawn: Curves, named: list[str]) -> dict[str, Floats]:
    """Return the counts of the most frequent reasons, and of all others together."""
    most = {reason: drawn.reasons[reason] for reason in named[:_REASONS]}
    rest = named[_REASONS:]
    if len(rest) == 1:
        return {**most, rest[0]: drawn.reasons[rest[0]]}
    others: Floats = np.sum([drawn.reasons[reason] for reason in rest], axis=0)
    return {**most, f"{len(rest)} others": others} if rest else most


Mark = Callable[[int, str, str], dict[str, Any]]


def _fills(told: History, mark: Mark) -> list[dict[str, Any]]:
    """Return what is drawn of the fills: each, or of many those of a stretch and side as one.

    ``count`` is how many a mark stands for, ``price`` their mean.
    """
    drawn = told.curves
    if len(told.fills) <= SHOWN_MOST:
        return [
            {
                "offset": fill["cause"],
                "time": fill["received_ns"] / 1e9,
                "side": fill["side"],
                "price": fill["price"],
                "count": 1,
            }
            for fill in told.fills
        ]
    marks = []
    sides = (("buy", drawn.buys, drawn.bought_at), ("sell", drawn.sells, drawn.sold_at))
    for side, counts, prices in sides:
        for place in np.flatnonzero(counts).tolist():
            at = mark(place * told.records // drawn.count, "", "")
            price = float(f"{prices[place] / counts[place]:.{_EXACT}g}")
            facts = {"side": side, "price": price, "count": int(counts[place])}
            marks.append({"offset": at["offset"], "time": at["time"], **facts})
    return sorted(marks, key=lambda each: float(each["offset"]))


def _milestones(told: History, mark: Mark) -> list[dict[str, Any]]:
    """Return a mark for each stretch and kind of milestone, which says how many it stands for."""
    counts: dict[tuple[int, str], list[int]] = {}
    for row in told.milestones:
        place = row["cause"] * told.curves.count // max(told.records, 1)
        counts.setdefault((place, str(row["why"])), []).append(row["cause"])
    return [
        mark(
            offsets[0],
            why if len(offsets) == 1 else f"{why} x {len(offsets)}",
            _MARKS.get(why, "other"),
        )
        for (_, why), offsets in counts.items()
    ]


def _beside_frozen(frozen: Frozen | None) -> dict[str, Floats]:
    """Return what the frozen self loses, and what is saved on it, with a band."""
    if frozen is None:
        return {}
    scored, loss = frozen.sums["scored"], frozen.sums["frozen_loss"]
    # Before it froze, and behind where it was run to, there is nothing to draw.
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
    """Return the running mean of what somebody else scored, or ``None``."""
    sums = others(drawn, column)
    return None if sums is None else smoothed(sums, drawn.sums["scored"])


def _optional(drawn: Curves, name: str) -> Floats | None:
    """Return a curve that only newer logs have, or ``None``."""
    values = drawn.lasts.get(name)
    return None if values is None or not np.isfinite(values).any() else filled(values)


def _rounded(values: Floats, digits: int = _DIGITS) -> list[float | None]:
    """Return the values with so many digits, which a page's pixels do not need more of."""
    return [float(f"{x:.{digits}g}") if np.isfinite(x) else None for x in values.tolist()]
