"""What the report's page draws: the curves of a journal, one row a stretch, and its marks."""

from typing import Any

import numpy as np

from cli.chronicle import Chronicle
from cli.curves import Curves
from cli.figures import BESIDE, held, others
from cli.frozen import Frozen
from cli.smoothing import Floats, band, filled, smooth

_DIGITS, _EXACT = 7, 14


_MARKS = {"drift": "drift", "grew": "growth"}
"""What a milestone says → how its mark is drawn; others are drawn alike."""


def series(told: Chronicle) -> dict[str, Any]:
    """Return what the page draws: columns of equal length, one row a stretch."""
    drawn = told.curves
    sums, scored = drawn.sums, drawn.sums["scored"]
    loss, width = band(sums["scored_loss"], scored)
    hits, hits_width = band(sums["scored_hits"], scored)
    equity = filled(drawn.lasts["equity"])
    price = filled(drawn.price_last)
    peaks = np.maximum.accumulate(np.where(np.isfinite(equity), equity, -np.inf))
    named = sorted(drawn.reasons, key=lambda reason: -drawn.reasons[reason].sum())
    offsets = (np.arange(drawn.count) + 1) * max(told.records, 1) / drawn.count - 1
    columns = {
        "time": drawn.time_ns / 1e9,
        "offset": np.floor(offsets),
        "loss": loss,
        "loss_low": loss - width,
        "loss_high": loss + width,
        "baseline": filled(smooth(sums["scored_baseline_loss"], scored)),
        **_beside_frozen(told.frozen),
        **{name: _curve(drawn, column) for name, column in BESIDE.items()},
        "accuracy": hits,
        "accuracy_low": hits - hits_width,
        "accuracy_high": hits + hits_width,
        "equity": equity,
        "gross": _optional(drawn, "gross_equity"),
        "hold": held(drawn, float(told.rules.known.cash)),
        "random": _optional(drawn, "random_equity"),
        "drawdown": np.where(np.isfinite(equity), equity / peaks - 1, np.nan) * 100,
        "price": price,
        "price_low": np.where(np.isfinite(drawn.price_low), drawn.price_low, np.nan),
        "price_high": np.where(np.isfinite(drawn.price_high), drawn.price_high, np.nan),
        "learning_rate": filled(drawn.lasts["learning_rate"]),
        "trust": _optional(drawn, "trust"),
        "confidence": filled(smooth(drawn.means["confidence"], drawn.decisions)),
        "p_move": filled(smooth(drawn.means["p_move"], drawn.decisions)),
        "ticks": drawn.ticks,
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
            reason: _rounded(filled(smooth(drawn.reasons[reason], drawn.decisions)) * 100)
            for reason in named[:6]
        },
        "fills": [
            {
                "offset": fill["offset"],
                "time": fill["received_ns"] / 1e9,
                "side": fill["side"],
                "price": fill["price"],
            }
            for fill in told.fills
        ],
        "marks": [
            *(
                mark(session.offset, f"session {session.number}", "session")
                for session in told.sessions
            ),
            *(
                mark(row["offset"], str(row["why"]), _MARKS.get(str(row["why"]), "other"))
                for row in told.milestones[-200:]
            ),
        ],
        "gaps": [
            {"from": gap["from_ns"] / 1e9, "to": gap["to_ns"] / 1e9} for gap in told.gaps[-500:]
        ],
    }


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
    saved, width = band(loss - frozen.sums["loss"], scored)
    curves = {
        "frozen": filled(smooth(loss, scored)),
        "saved": saved,
        "saved_low": saved - width,
        "saved_high": saved + width,
    }
    return {name: np.where(within, curve, np.nan) for name, curve in curves.items()}


def _curve(drawn: Curves, column: str) -> Floats | None:
    """Return the running mean of what somebody else scored, or ``None``."""
    sums = others(drawn, column)
    return None if sums is None else filled(smooth(sums, drawn.sums["scored"]))


def _optional(drawn: Curves, name: str) -> Floats | None:
    """Return a curve that only newer logs have, or ``None``."""
    values = drawn.lasts.get(name)
    return None if values is None or not np.isfinite(values).any() else filled(values)


def _rounded(values: Floats, digits: int = _DIGITS) -> list[float | None]:
    """Return the values with so many digits, which a page's pixels do not need more of."""
    return [float(f"{x:.{digits}g}") if np.isfinite(x) else None for x in values.tolist()]
