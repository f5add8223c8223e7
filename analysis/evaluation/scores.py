"""How good forecasts of a direction were: figures over probabilities and what came true."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Bins = list[npt.NDArray[np.int64]]

CLIP = 1e-4
"""No forecast counts as surer than this: a model that says 0 or 1 would have an infinite loss."""

ECE_BINS = 15


class Scores(NamedTuple):
    """Figures of one forecaster over the scored labels."""

    labels: int
    accuracy: float
    log_loss: float
    brier: float
    ece: float
    """Expected calibration error over `ECE_BINS` bins of equal mass."""

    ece_by_chance: float
    """What it would be if every probability were right, by chance alone: labels within a horizon of
    each other count as one, since they say nearly the same."""

    mcc: float
    """Matthews correlation coefficient."""

    kappa: float | None
    """(accuracy - that of persistence) / (1 - that of persistence) (Zliobaite et al. 2015)."""


def scores(
    p_up: Floats,
    rose: Flags,
    *,
    persistence: float | None = None,
    blocks: npt.NDArray[np.int64] | None = None,
) -> Scores:
    """Return the figures of forecasts, given the accuracy of persistence.

    ``blocks`` say which labels count as one: equal numbers; without, each counts for itself.

    >>> made = scores(np.array([0.9, 0.2, 0.6, 0.4]), np.array([True, False, False, True]))
    >>> made.accuracy, round(made.brier, 4), made.mcc
    (0.5, 0.1925, 0.0)
    """
    said_up, bins = p_up >= 0.5, _bins(p_up)
    accuracy = float(np.mean(said_up == rose))
    kappa = None
    if persistence is not None and persistence < 1:
        kappa = (accuracy - persistence) / (1 - persistence)
    return Scores(
        labels=len(rose),
        accuracy=accuracy,
        log_loss=float(np.mean(losses(p_up, rose))),
        brier=float(np.mean((p_up - rose) ** 2)),
        ece=_calibration_error(p_up, rose, bins),
        ece_by_chance=_by_chance(p_up, np.arange(len(rose)) if blocks is None else blocks, bins),
        mcc=_matthews(said_up, rose),
        kappa=kappa,
    )


def losses(p_up: Floats, rose: Flags, *, clip: float = CLIP) -> Floats:
    """Return the log-loss of each forecast."""
    said = np.clip(np.where(rose, p_up, 1 - p_up), clip, 1 - clip)
    loss: Floats = -np.log(said)
    return loss


def _calibration_error(p_up: Floats, rose: Flags, bins: Bins) -> float:
    gaps = [len(part) * abs(np.mean(p_up[part]) - np.mean(rose[part])) for part in bins]
    return float(np.sum(gaps) / len(rose))


def _by_chance(p_up: Floats, blocks: npt.NDArray[np.int64], bins: Bins) -> float:
    """Return the mean size of normal gaps: sqrt(2 / pi) of their deviation, bin by bin."""
    gaps = []
    for part in bins:
        counted = len(np.unique(blocks[part]))
        variance = np.mean(p_up[part] * (1 - p_up[part])) / counted
        gaps.append(len(part) * np.sqrt(2 / np.pi * variance))
    return float(np.sum(gaps) / len(p_up))


def _bins(p_up: Floats) -> Bins:
    """Return which forecasts are in each bin of equal mass."""
    order = np.argsort(p_up, kind="stable")
    return [part for part in np.array_split(order, ECE_BINS) if len(part)]


def _matthews(said: Flags, rose: Flags) -> float:
    if said.all() or rose.all() or not said.any() or not rose.any():
        return 0.0
    return float(np.corrcoef(said, rose)[0, 1])
