"""What all health samples together say of latency, each counted by the batches that it is of.

A sample says the median and the 99th percentile of the batches since the one before. One that was
taken while a backlog was worked off is of few batches and of seconds; it weighs as little as it is.
"""

from collections.abc import Mapping

import numpy as np

from journal.summaries import LatencySaid

STAGES = ("recorded", "decided", "latency")
"""How far a batch has come: it is durable, it is decided on, its decisions are durable, too."""

BATCHES = "batches"
"""What a sample calls the number of batches that it is of; earlier versions did not say."""


class Latencies:
    """Samples as they come, in the order of the log."""

    def __init__(self) -> None:
        """Begin without one."""
        self._values_ms: dict[str, list[float]] = {stage: [] for stage in STAGES}
        self._weights: dict[str, list[int]] = {stage: [] for stage in STAGES}
        self.samples = 0
        self.batches: int | None = 0
        """Of all samples; ``None`` once one did not say."""

    def add(self, sample: Mapping[str, object]) -> None:
        """Take note of a health sample; of one that is of no batch, nothing."""
        said = {stage: sample.get(f"{stage}_p50_ms") for stage in STAGES}
        known = {stage: value for stage, value in said.items() if isinstance(value, int | float)}
        if not known:
            return
        self.samples += 1
        count = sample.get(BATCHES)
        weight = count if isinstance(count, int) and count > 0 else None
        self.batches = None if weight is None or self.batches is None else self.batches + weight
        for stage, value in known.items():
            self._values_ms[stage].append(float(value))
            self._weights[stage].append(weight or 1)

    def said(self) -> LatencySaid:
        """Return the medians, and of how many samples and batches they are."""
        medians = {
            f"{stage}_p50_ms": middle(self._values_ms[stage], self._weights[stage])
            for stage in STAGES
        }
        return LatencySaid(samples=self.samples, batches=self.batches, **medians)


def middle(values: list[float], weights: list[int]) -> float | None:
    """Return the value at which half of the weight is reached; ``None`` of nothing.

    >>> middle([20_853.0, 20.0, 19.0], [3, 500, 400]), middle([], [])
    (20.0, None)
    """
    if not values:
        return None
    order = np.argsort(values)
    reached = np.cumsum(np.array(weights)[order])
    at = int(np.searchsorted(reached, reached[-1] / 2))
    return values[int(order[at])]
