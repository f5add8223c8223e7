"""The measures of success: each a name, a figure, its unit, and what it means."""

import numpy as np

from analysis.figures import Learning, Measure
from analysis.history import History
from analysis.scoring.smoothing import Floats, smoothed
from journal.reading.score import mean_of


def measures(history: History, learning: Learning) -> list[Measure]:
    """Return the measures of success; a figure that is not known yet is ``None``."""
    drawn = history.curves
    scored, saved = drawn.sums["scored"], drawn.sums["scored_baseline_loss"]
    saved = saved - drawn.sums["scored_loss"]
    better = smoothed(saved, scored)
    settled = better[np.isfinite(better)][len(better) // 10 :]
    first, last = _ends(saved, scored)
    early, late = _ends(drawn.means["confidence"], drawn.decisions)
    span_ns = max(int(drawn.time_ns[-1] - drawn.time_ns[0]), 1) if history.records else 1
    missing_ns = min(history.missing_ns, span_ns)
    tried = history.recoveries
    came_back = sum(1 for session in history.sessions if session.number > 1 and session.ticks)
    back = sum(1 for each in history.returns if each.labels is not None)
    sessions, gaps = len(history.sessions), history.counts["gaps"]

    def measure(name: str, value: float | None, unit: str, text: str, *, note: str = "") -> Measure:
        return Measure(name=name, value=value, unit=unit, text=text, note=note)

    return [
        measure(
            "cumulative learning",
            float(saved.sum()) if learning.labels else None,
            "nats",
            "log-loss saved against the baseline, summed over all labels",
        ),
        measure(
            "learning velocity",
            None if first is None or last is None else last - first,
            "nats a label",
            "how much more is saved in the last quarter than in the first",
        ),
        measure(
            "adaptation speed",
            _adaptation(history),
            "labels",
            "median number of labels after a drift alarm until it saves as much as before it",
            note=f"marks: {len(history.returns)}, back: {back}",
        ),
        measure(
            "session continuity",
            max(0.0, 1 - missing_ns / span_ns) if history.records else None,
            "share",
            "of the time that is recorded",
            note=f"sessions: {sessions}, gaps: {gaps}",
        ),
        measure(
            "recovery reliability",
            came_back / tried if tried else None,
            "share",
            "of the starts on what was there already that went on to decide",
            note=f"attempted: {tried}, succeeded: {came_back}",
        ),
        measure(
            "long-term stability",
            float((settled > 0).mean()) if len(settled) else None,
            "share",
            "of the time, after the first tenth, it was better than the baseline",
        ),
        measure(
            "confidence over time",
            None if early is None or late is None else late - early,
            "probability",
            "how much surer it is in the last quarter than in the first",
        ),
    ]


def _ends(sums: Floats, weights: Floats) -> tuple[float | None, float | None]:
    """Return the means of the first and of the last quarter of the weight."""
    total = weights.sum()
    if not total:
        return None, None
    reached = np.cumsum(weights)
    early, late = reached <= total / 4, reached > total * 3 / 4
    return mean_of(sums[early].sum(), weights[early].sum()), mean_of(
        sums[late].sum(), weights[late].sum()
    )


def _adaptation(history: History) -> float | None:
    """Return the median number of labels until it was back; ``None`` if that mark had no return."""
    took = sorted(float("inf") if back.labels is None else back.labels for back in history.returns)
    middle = took[len(took) // 2] if took else float("inf")
    return None if middle == float("inf") else middle
