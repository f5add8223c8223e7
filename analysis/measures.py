"""The measures of success by name: each a figure, its unit, and what it means."""

import numpy as np

from analysis.figures import Learning, Measure
from analysis.history import History
from analysis.scoring.smoothing import Floats, smoothed
from journal.reading.score import mean_of


def measures(told: History, learning: Learning) -> list[Measure]:
    """Return the measures of success by name: a figure, its unit, and what it means."""
    drawn = told.curves
    scored, saved = drawn.sums["scored"], drawn.sums["scored_baseline_loss"]
    saved = saved - drawn.sums["scored_loss"]
    better = smoothed(saved, scored)
    settled = better[np.isfinite(better)][len(better) // 10 :]
    first, last = _ends(saved, scored)
    sure, sure_last = _ends(drawn.means["confidence"], drawn.decisions)
    span_ns = max(int(drawn.time_ns[-1] - drawn.time_ns[0]), 1) if told.records else 1
    missing_ns = min(told.missing_ns, span_ns)
    tried = told.recoveries
    came_back = sum(1 for session in told.sessions if session.number > 1 and session.ticks)
    back = sum(1 for each in told.returns if each.labels is not None)
    sessions, gaps = len(told.sessions), told.counts["gaps"]

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
            _adaptation(told),
            "labels",
            "median number of labels after a drift alarm until it saves as much as before it",
            note=f"marks: {len(told.returns)}, back: {back}",
        ),
        measure(
            "session continuity",
            max(0.0, 1 - missing_ns / span_ns) if told.records else None,
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
            None if sure is None or sure_last is None else sure_last - sure,
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


def _adaptation(told: History) -> float | None:
    """Return the median of labels until it was back, over all drift marks that had a before."""
    took = sorted(float("inf") if back.labels is None else back.labels for back in told.returns)
    middle = took[len(took) // 2] if took else float("inf")
    return None if middle == float("inf") else middle
