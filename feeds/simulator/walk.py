"""The walk of a synthetic market's mid price, and of the signal that predicts it.

The process is that of `feeds.simulator.scenario`; `feeds.simulator.market` derives a book and
trades from it.
"""

import math
from collections.abc import Sequence

from feeds.simulator.draws import normal_pair
from feeds.simulator.scenario import Scenario


class Walk:
    """Signal, regime and mid after a number of steps.

    Args:
        scenario: the process.
        price: the first mid.
        row: uniform draws, the first two of which give the first signal.
    """

    def __init__(self, scenario: Scenario, *, price: float, row: Sequence[float]) -> None:
        self._scenario = scenario
        self._renewal = math.sqrt(1 - scenario.phi**2)
        self.signal, _ = normal_pair(row[0], row[1])
        self.regime = 1
        self.log_mid = math.log(price)

    def move(self, row: Sequence[float]) -> None:
        """Advance one step by the first three uniform draws of ``row``."""
        scenario = self._scenario
        eta, epsilon = normal_pair(row[0], row[1])
        predictable = scenario.drift + self.regime * scenario.beta * self.signal
        self.log_mid += predictable + scenario.sigma * epsilon
        self.signal = scenario.phi * self.signal + self._renewal * eta
        # This step was predicted under the regime before it; the next one has the new regime.
        if row[2] < scenario.flip_hazard:
            self.regime = -self.regime
