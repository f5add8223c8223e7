"""The table of scores: every forecaster on the same labels, with intervals of the differences."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.evaluation.confidence import interval
from analysis.evaluation.questions import Questions
from analysis.scoring.scores import accuracy_of, log_losses, scores_of, share_reached
from analysis.summaries import AfterChange, Forecaster, IntervalSaid, StreamPart

Floats = npt.NDArray[np.float64]

OPTIMUM = "known optimum"
CURVE = ((0.0, 0.005), (0.10, 0.15), (0.25, 0.50), (0.60, 0.80), (0.80, 1.0))
"""The parts of the stream that a learning curve shows (Sahoo et al. 2018)."""

ADAPTING_LABELS = 500
"""How many labels after a change of the rule are scored."""

_BEST_LEAST = 0.51
"""If the optimum is less accurate, hardly better than a coin, no share of it is reported."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found."""

    rows: tuple[Forecaster, ...]
    curves: dict[str, tuple[StreamPart, ...]]
    adapting: tuple[AfterChange, ...]
    """Ours, in the labels after each change of the rule."""


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
    """Return the table of scores.

    Args:
        asked: the predictions and their labels.
        forecasts: probabilities of a rise by name, [predictions]; NaN where one made none.
        ours: the name of the forecaster that others are compared with.
        persistence: the name of the reference of kappa.
        horizon_ns: labels within one horizon of each other count as one.
        optimum: the best possible forecast, [predictions], where it is known.
        curves_of: the names of which a learning curve is made.
        changes: indices of the predictions at which the rule of a synthetic market changed.
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
        rows.append(
            Forecaster(
                name=name,
                **asdict(figures),
                skill=share_reached(figures.accuracy, 0.5, best) if best > _BEST_LEAST else None,
                worse_than_ours=None
                if name == ours
                else _against(p_up, known[ours], asked, where, horizon_ns),
            )
        )
    return Report(
        rows=tuple(rows),
        curves={name: tuple(_curve(known[name], asked, optimum)) for name in curves_of},
        adapting=tuple(_after(change, known[ours], asked, optimum) for change in changes),
    )


def _against(
    p_up: Floats, ours: Floats, asked: Questions, where: npt.NDArray[np.bool_], horizon_ns: int
) -> IntervalSaid | None:
    """Return the interval of a log-loss minus ours: above zero, ours is better."""
    rose = asked.rose[where]
    difference = log_losses(p_up[where], rose) - log_losses(ours[where], rose)
    mean = interval(difference, asked.time_ns[where], block_ns=horizon_ns)
    return None if mean is None else mean.said()


def _curve(p_up: Floats, asked: Questions, optimum: Floats | None) -> Iterator[StreamPart]:
    scored = np.flatnonzero(asked.moved)
    for start, end in CURVE:
        labels = scored[int(len(scored) * start) : int(len(scored) * end)]
        if len(labels):
            part = _part(p_up, asked, optimum, labels)
            yield StreamPart(start=start, end=end, **part._asdict())


def _after(change: int, p_up: Floats, asked: Questions, optimum: Floats | None) -> AfterChange:
    labels = np.flatnonzero(asked.moved)
    labels = labels[labels >= change][:ADAPTING_LABELS]
    return AfterChange(at=change, **_part(p_up, asked, optimum, labels)._asdict())


class _Part(NamedTuple):
    labels: int
    accuracy: float
    log_loss: float
    optimum: float | None


def _part(
    p_up: Floats, asked: Questions, optimum: Floats | None, places: npt.NDArray[np.int64]
) -> _Part:
    rose = asked.rose[places]
    return _Part(
        labels=len(places),
        accuracy=accuracy_of(p_up[places], rose),
        log_loss=float(np.mean(log_losses(p_up[places], rose))),
        optimum=None if optimum is None else accuracy_of(optimum[places], rose),
    )
