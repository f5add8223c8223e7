"""The process of a synthetic market, and the best possible prediction of it.

In every step of 100 ms of market time a signal ``x`` and the logarithm ``m`` of the mid price move:

    x' = phi x + sqrt(1 - phi²) eta          m' = m + drift + s beta x + sigma epsilon

with independent standard normal ``eta`` and ``epsilon`` and the regime ``s``, 1 or -1. ``x`` is
the logarithm of the ratio of the volumes at the best bid and the best ask, so the book shows it
exactly, and nothing else predicts the future: `Scenario.best_accuracy` is the accuracy of the best
forecaster of the mid's direction.
"""

import math
from dataclasses import dataclass

STEP_NS = 100_000_000
"""Market time between two steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The parameters of a synthetic market; returns are of the logarithm of the mid, per step.

    ``flip_hazard`` is the probability that the regime changes its sign at a step.
    """

    name: str
    phi: float = 0.9
    sigma: float = 15e-6
    beta: float = 7.5e-6
    drift: float = 0.0
    flip_hazard: float = 0.0

    def best_accuracy(self, horizon_s: float) -> float:
        """Return the best attainable accuracy for the direction of the mid over a horizon.

        If the regime flips, this is an upper bound: the accuracy of a forecaster that knows the
        regime, if it did not flip within the horizon.

        >>> [round(SCENARIOS["calm"].best_accuracy(horizon_s), 3) for horizon_s in (0.1, 0.5, 1, 5)]
        [0.648, 0.72, 0.71, 0.603]
        >>> SCENARIOS["random-walk"].best_accuracy(1.0)
        0.5

        Raises:
            ValueError: if the horizon is shorter than a step.
        """
        steps = round(horizon_s * 1e9 / STEP_NS)
        if steps < 1:
            raise ValueError(f"a horizon of {horizon_s} s is shorter than a step")
        predicted, rest = self.deviations(steps)
        if self.drift == 0:
            return 0.5 + math.atan2(predicted, rest) / math.pi
        return _expected_hits(self.drift * steps, predicted, rest)

    @property
    def accuracy_is_bound(self) -> bool:
        """Whether `best_accuracy` is only an upper bound."""
        return self.flip_hazard > 0

    def deviations(self, steps: int) -> tuple[float, float]:
        """Return the standard deviations of the return that x predicts, and of the rest."""
        reach = [(1 - self.phi**left) / (1 - self.phi) for left in range(steps + 1)]
        # An eta that comes with k steps left moves the mid by reach[k] in all.
        later = (1 - self.phi**2) * sum(each**2 for each in reach[:steps])
        return (
            self.beta * reach[steps],
            math.sqrt(steps * self.sigma**2 + self.beta**2 * later),
        )


def _expected_hits(mean: float, predicted: float, rest: float) -> float:
    """Return the accuracy of sign(mean + predicted x), averaged over x by the trapezoid rule."""
    width = 1e-3
    total = 0.0
    for place in range(-8_000, 8_001):
        x = place * width
        distance = abs(mean + predicted * x) / rest
        hit = 0.5 * (1 + math.erf(distance / math.sqrt(2)))
        total += hit * math.exp(-x * x / 2)
    return total * width / math.sqrt(2 * math.pi)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="calm"),
        Scenario(name="trending", drift=1e-6),
        Scenario(name="regime-switch", flip_hazard=1 / 2000),
        Scenario(name="random-walk", beta=0.0),
    )
}
"""The scenarios of ``trader exchange --scenario``. Regimes last 200 s on average."""
