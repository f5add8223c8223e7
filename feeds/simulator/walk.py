"""The walk of a synthetic market's mid price, and of the signal that foretells it.

The process is the one of `feeds.simulator.scenario`; what the market makes of it, a book
and trades, is not known here.
"""

import math
from collections.abc import Sequence

from feeds.simulator.draws import normal_pair
from feeds.simulator.scenario import Scenario


class Walk:
    """Signal, regime and mid after so many steps.

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
        """Go one step on, by the first three uniform draws of ``row``."""
        scenario = self._scenario
        eta, epsilon = normal_pair(row[0], row[1])
        foretold = scenario.drift + self.regime * scenario.beta * self.signal
        self.log_mid += foretold + scenario.sigma * epsilon
        self.signal = scenario.phi * self.signal + self._renewal * eta
        # What foretold this step was the regime before it; the next step has the new one.
        if row[2] < scenario.flip_hazard:
            self.regime = -self.regime
