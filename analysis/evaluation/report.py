"""The honest table: every forecaster on the same labels, and how sure the differences are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.evaluation.confidence import interval
from analysis.evaluation.questions import Questions
from analysis.scoring.scores import (
    Interval,
    Scores,
    accuracy_of,
    log_losses,
    scores_of,
    share_reached,
)

Floats = npt.NDArray[np.float64]

OPTIMUM = "known optimum"
CURVE = ((0.0, 0.005), (0.10, 0.15), (0.25, 0.50), (0.60, 0.80), (0.80, 1.0))
"""Parts of the stream at which a learning curve is looked at (Sahoo et al. 2018)."""

_ADAPTING_LABELS = 500
_BEST_LEAST = 0.51
"""Where the optimum itself is hardly above a coin, no share of it is told."""


@dataclass(frozen=True, slots=True)
class Row:
    """One forecaster."""

    name: str
    scores: Scores
    reached: float | None
    """Share of what the optimum reaches above a coin's accuracy."""

    against: Interval | None
    """Its log-loss minus ours: above zero where we are better."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found."""

    rows: tuple[Row, ...]
    curves: dict[str, list[dict[str, float]]]
    adapting: list[dict[str, float]]
    """Ours, in the labels behind each change of the rule."""

    notes: dict[str, Any] = field(default_factory=dict)


def report(
    asked: Questions,
    forecasts: Mapping[str, Floats],
    *,
    ours: str,
    persistence: str,
    horizon_ns: int,
    optimum: Floats | None = None,
    curves_of: tuple[str, ...] = (),
    changes: tuple[int, ...] = (),
) -> Report:
    """Return the table of forecasts, each [predictions]; NaN where one was not asked.

    ``changes`` are the predictions at which the rule of a made-up market changed.
    """
    known = {**({} if optimum is None else {OPTIMUM: optimum}), **forecasts}
    scored = asked.moved
    best = 0.0 if optimum is None else accuracy_of(optimum[scored], asked.rose[scored])
    rows = []
    for name, p_up in known.items():
        where = scored & np.isfinite(p_up)
        if not where.any():
            continue
        rose = asked.rose[where]
        lagging = accuracy_of(known[persistence][where], rose)
        events = asked.time_ns[where] // horizon_ns
        figures = scores_of(p_up[where], rose, persistence=lagging, events=events)
        against = None
        if name != ours:
            difference = log_losses(p_up[where], rose) - log_losses(known[ours][where], rose)
            against = interval(difference, asked.time_ns[where], block_ns=horizon_ns)
        reached = share_reached(figures.accuracy, 0.5, best) if best > _BEST_LEAST else None
        rows.append(Row(name, figures, reached, against))
    return Report(
        rows=tuple(rows),
        curves={name: _curve(known[name], asked, optimum) for name in curves_of},
        adapting=[_behind(change, known[ours], asked, optimum) for change in changes],
    )


def _curve(p_up: Floats, asked: Questions, optimum: Floats | None) -> list[dict[str, float]]:
    scored = np.flatnonzero(asked.moved)
    parts = []
    for start, end in CURVE:
        places = scored[int(len(scored) * start) : int(len(scored) * end)]
        if len(places):
            parts.append({"from": start, "to": end, **_part(p_up, asked, optimum, places)})
    return parts


def _behind(
    change: int, p_up: Floats, asked: Questions, optimum: Floats | None
) -> dict[str, float]:
    places = np.flatnonzero(asked.moved)
    places = places[places >= change][:_ADAPTING_LABELS]
    return {"at": float(change), **_part(p_up, asked, optimum, places)}


def _part(
    p_up: Floats, asked: Questions, optimum: Floats | None, places: npt.NDArray[np.int64]
) -> dict[str, float]:
    rose = asked.rose[places]
    part = {
        "labels": float(len(places)),
        "accuracy": accuracy_of(p_up[places], rose),
        "log_loss": float(np.mean(log_losses(p_up[places], rose))),
    }
    if optimum is not None:
        part["optimum"] = accuracy_of(optimum[places], rose)
    return part
