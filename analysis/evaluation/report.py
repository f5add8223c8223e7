"""The honest table: every forecaster on the same labels, and how sure the differences are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.evaluation.confidence import Interval, interval
from analysis.evaluation.questions import Questions
from analysis.evaluation.scores import Scores, losses, scores

Floats = npt.NDArray[np.float64]

OPTIMUM = "known optimum"
CURVE = ((0.0, 0.005), (0.10, 0.15), (0.25, 0.50), (0.60, 0.80), (0.80, 1.0))
"""Parts of the stream at which a learning curve is looked at (Sahoo et al. 2018)."""

_ADAPTING_LABELS = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One forecaster."""

    name: str
    scores: Scores
    skill: float | None
    """(accuracy - 1/2) / (that of the optimum - 1/2)."""

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
    best = None if optimum is None else _accuracy(optimum, asked, scored)
    rows = []
    for name, p_up in known.items():
        where = scored & np.isfinite(p_up)
        if not where.any():
            continue
        rose = asked.rose[where]
        lagging = _accuracy(known[persistence], asked, where)
        blocks = asked.time_ns[where] // horizon_ns
        figures = scores(p_up[where], rose, persistence=lagging, blocks=blocks)
        against = None
        if name != ours:
            difference = losses(p_up[where], rose) - losses(known[ours][where], rose)
            against = interval(difference, asked.time_ns[where], block_ns=horizon_ns)
        skill = None
        if best is not None and best > 0.51:
            skill = (figures.accuracy - 0.5) / (best - 0.5)
        rows.append(Row(name, figures, skill, against))
    return Report(
        rows=tuple(rows),
        curves={name: _curve(known[name], asked, optimum) for name in curves_of},
        adapting=[_behind(change, known[ours], asked, optimum) for change in changes],
    )


def _accuracy(p_up: Floats, asked: Questions, where: npt.NDArray[np.bool_]) -> float:
    return float(np.mean((p_up[where] >= 0.5) == asked.rose[where]))


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
        "accuracy": float(np.mean((p_up[places] >= 0.5) == rose)),
        "log_loss": float(np.mean(losses(p_up[places], rose))),
    }
    if optimum is not None:
        part["optimum"] = float(np.mean((optimum[places] >= 0.5) == rose))
    return part
