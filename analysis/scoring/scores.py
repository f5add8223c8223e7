"""The definition of every score: what text, page, JSON and `trader evaluate` show is computed here.

What a running session needs as well is defined below it, in `journal.reading.score`: the mean,
skill and gain, and the figures of labels (`Learned`).
"""

from dataclasses import asdict, dataclass
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from analysis.summaries import IntervalSaid
from engine.snapshot import Facts
from journal.reading.score import Learned, mean_of

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
Amount = TypeVar("Amount", float, Floats)

CALIBRATION_BINS = 20
"""Equal intervals of probability, between 0 and 1."""

CLIP = 1e-4
"""In an evaluation no forecast counts as surer than this: a model that says 0 or 1 would have an
infinite loss. The engine's own sums are cut at 1e-6."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % interval, in the unit of the values."""

    mean: float
    low: float
    high: float
    blocks: int
    """The number of consecutive blocks; each counts as one observation."""

    @property
    def verdict(self) -> str:
        """Say whether the mean differs from zero: ``above``, ``below`` or ``unclear``.

        >>> Interval(0.2, 0.1, 0.3, 30).verdict, Interval(0.2, -0.1, 0.5, 30).verdict
        ('above', 'unclear')
        """
        return "above" if self.low > 0 else "below" if self.high < 0 else "unclear"

    def scaled(self, factor: float) -> Self:
        """Return the interval of the sum of so many values.

        >>> Interval(0.5, 0.25, 0.75, 30).scaled(4)
        Interval(mean=2.0, low=1.0, high=3.0, blocks=30)
        """
        bounds = (self.mean * factor, self.low * factor, self.high * factor)
        return type(self)(*bounds, self.blocks)

    def said(self) -> IntervalSaid:
        """Return the figures and the verdict as messages have them."""
        return IntervalSaid(**asdict(self), verdict=self.verdict)


def learned_by(facts: Facts) -> Learned:
    """Return what the state of a checkpoint had learned."""
    if not facts.scored:
        return Learned(0, None, None, None)
    accuracy = mean_of(facts.hits, facts.scored)
    return Learned(facts.scored, facts.log_loss, facts.baseline_log_loss, accuracy)


def log_losses(p_up: Floats, rose: Flags, *, clip: float = CLIP) -> Floats:
    """Return the log-loss of each forecast in nats, [labels].

    >>> log_losses(np.array([0.5, 0.9, 0.0]), np.array([True, False, True])).round(4).tolist()
    [0.6931, 2.3026, 9.2103]
    """
    losses: Floats = -np.log(np.clip(np.where(rose, p_up, 1 - p_up), clip, 1 - clip))
    return losses


def accuracy_of(p_up: Floats, rose: Flags) -> float:
    """Return the share of directions that were predicted; a half counts as a rise.

    >>> accuracy_of(np.array([0.9, 0.2, 0.5, 0.4]), np.array([True, False, False, True]))
    0.5
    """
    return float(np.mean((p_up >= 0.5) == rose))


def squared_errors(p_up: Floats, rose: Flags) -> Floats:
    """Return the squared error of each forecast, whose mean is the Brier score; a coin has 0.25.

    >>> squared_errors(np.array([0.5, 0.9]), np.array([True, False])).round(4).tolist()
    [0.25, 0.81]
    """
    errors: Floats = (p_up - rose) ** 2
    return errors


def bins_of(p_up: Floats) -> Int64s:
    """Return the calibration bin of each probability, [labels].

    >>> bins_of(np.array([0.0, 0.049, 0.05, 0.5, 1.0])).tolist()
    [0, 0, 1, 10, 19]
    """
    return np.minimum((p_up * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Sums that say how far probabilities are from how often they came true; parts can be added.

    Arrays are over the bins of probability, [`CALIBRATION_BINS`].
    """

    counts: Floats
    """Labels, by the probability that was given to a rise."""

    said: Floats
    """Sums of these probabilities."""

    rose: Floats
    """How many of them rose."""

    squares: float
    """Sum of the squared errors."""

    @classmethod
    def of(cls, p_up: Floats, rose: Flags) -> "Calibration":
        """Return the sums of forecasts and whether the price rose, both [labels]."""
        bins = bins_of(p_up)

        def summed(weights: Floats) -> Floats:
            sums: Floats = np.bincount(bins, weights, CALIBRATION_BINS).astype(np.float64)
            return sums

        squares = float(squared_errors(p_up, rose).sum())
        counts, said, risen = np.ones(len(bins)), p_up, rose.astype(np.float64)
        return cls(summed(counts), summed(said), summed(risen), squares)

    def __add__(self, other: "Calibration") -> "Calibration":
        """Return the sums of both parts."""
        return Calibration(
            self.counts + other.counts,
            self.said + other.said,
            self.rose + other.rose,
            self.squares + other.squares,
        )

    @property
    def labels(self) -> int:
        """How many probabilities there are."""
        return int(self.counts.sum())

    @property
    def error(self) -> float | None:
        """Expected calibration error (ECE): over the bins, each weighted by its labels, the mean
        distance of the mean probability from the share that rose (Naeini et al. 2015).

        >>> Calibration.of(np.array([0.81, 0.83, 0.12]), np.array([True, False, False])).error
        0.25333333333333335
        """
        return mean_of(float(np.abs(self.said - self.rose).sum()), self.labels)

    @property
    def brier(self) -> float | None:
        """Mean squared error (Brier 1950); a coin has 0.25."""
        return mean_of(self.squares, self.labels)


def error_by_chance(p_up: Floats, events: Int64s) -> float:
    """Return the calibration error that is to be expected if every probability is right.

    The gap of a bin is then about normal around zero, so that its mean size is sqrt(2 / pi) times
    its standard deviation. Labels of equal ``events`` count as one. Both arguments are [labels].

    >>> round(error_by_chance(np.full(100, 0.5), np.arange(100)), 4)
    0.0399
    """
    bins, gaps = bins_of(p_up), 0.0
    for number in np.unique(bins):
        part = bins == number
        variance = np.mean(p_up[part] * (1 - p_up[part])) / len(np.unique(events[part]))
        gaps += float(part.sum() * np.sqrt(2 / np.pi * variance))
    return gaps / len(p_up)


def matthews(said: Flags, rose: Flags) -> float:
    """Return the correlation of directions (Matthews 1975); 0 if either is always the same.

    >>> round(matthews(np.array([True, False, True]), np.array([True, False, True])), 9)
    1.0
    """
    if said.all() or rose.all() or not said.any() or not rose.any():
        return 0.0
    return float(np.corrcoef(said, rose)[0, 1])


def share_reached(accuracy: float, reference: float, best: float = 1.0) -> float | None:
    """Return the share that was reached of the distance from a reference's accuracy to the best.

    With persistence as the reference and a perfect forecast as the best, it is kappa (Zliobaite et
    al. 2015). ``None`` if the reference is not below the best.

    >>> share_reached(0.75, 0.5), share_reached(0.625, 0.5, best=0.75), share_reached(0.6, 1.0)
    (0.5, 0.5, None)
    """
    return None if best <= reference else (accuracy - reference) / (best - reference)


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one forecaster over labels that moved."""

    labels: int
    accuracy: float
    log_loss: float
    brier: float
    ece: float
    """See `Calibration.error`."""

    ece_by_chance: float
    """What it would be by chance alone. Labels of the same event (horizon) count as one, since they
    say nearly the same."""

    mcc: float
    """Matthews correlation coefficient."""

    kappa: float | None
    """The share that is reached of the distance from persistence to a perfect forecast."""


def scores_of(
    p_up: Floats, rose: Flags, *, persistence: float | None = None, events: Int64s | None = None
) -> Scores:
    """Return the figures of forecasts and whether the price rose, both [labels].

    ``persistence`` is the accuracy of persistence. Labels of equal ``events``, [labels], count as
    one in `Scores.ece_by_chance`; by default each counts for itself.

    >>> made = scores_of(np.array([0.9, 0.2, 0.6, 0.4]), np.array([True, False, False, True]))
    >>> made.accuracy, round(made.brier, 4), made.mcc
    (0.5, 0.1925, 0.0)
    """
    accuracy, calibration = accuracy_of(p_up, rose), Calibration.of(p_up, rose)
    assert calibration.error is not None, "there is a label"
    return Scores(
        labels=len(rose),
        accuracy=accuracy,
        log_loss=float(np.mean(log_losses(p_up, rose))),
        brier=float(np.mean(squared_errors(p_up, rose))),
        ece=calibration.error,
        ece_by_chance=error_by_chance(p_up, np.arange(len(rose)) if events is None else events),
        mcc=matthews(p_up >= 0.5, rose),
        kappa=None if persistence is None else share_reached(accuracy, persistence),
    )


def wilson(hits: float, count: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    >>> [round(bound, 3) for bound in wilson(5, 10)]
    [0.237, 0.763]
    """
    if not count:
        return 0.0, 1.0
    z = 1.959964
    share, bottom = hits / count, 1 + z * z / count
    centre = share + z * z / (2 * count)
    half = z * ((share * (1 - share) + z * z / (4 * count)) / count) ** 0.5
    return max(0.0, (centre - half) / bottom), min(1.0, (centre + half) / bottom)


def held_equity(market_gain: Amount, *, stake: float, cash: float) -> Amount:
    """Return the equity of buying once with a stake and holding, without costs.

    ``stake``, ``cash`` and the result are in the same currency; ``market_gain`` is a share.

    >>> held_equity(0.5, stake=1_000, cash=10_000)
    10500.0
    """
    return cash + stake * market_gain
