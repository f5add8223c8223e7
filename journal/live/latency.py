"""The latency over all health samples, each weighted by its number of batches.

A sample has the median and the 99th percentile over the batches since the sample before. One that
was taken while a backlog was processed has a latency of seconds, but few batches, so it has little
weight.
"""

from collections.abc import Mapping

import numpy as np

from journal.summaries import LatencySaid

STAGES = ("recorded", "decided", "latency")
"""The stages of a batch: it is durable, it is decided on, its decisions are durable, too."""

BATCHES = "batches"
"""The name of a sample's number of batches; samples of earlier versions have none."""


class Latencies:
    """Collects health samples, in the order of the log."""

    def __init__(self) -> None:
        """Begin without a sample."""
        self._values_ms: dict[str, list[float]] = {stage: [] for stage in STAGES}
        self._weights: dict[str, list[int]] = {stage: [] for stage in STAGES}
        self.samples = 0
        self.batches: int | None = 0
        """The sum over all samples; ``None`` if one has no number of batches."""

    def add(self, sample: Mapping[str, object]) -> None:
        """Add a health sample; one without a batch is ignored."""
        medians = {stage: sample.get(f"{stage}_p50_ms") for stage in STAGES}
        known = {stage: value for stage, value in medians.items() if isinstance(value, int | float)}
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
        """Return the medians in ms, and the number of samples and batches."""
        medians = {
            f"{stage}_p50_ms": middle(self._values_ms[stage], self._weights[stage])
            for stage in STAGES
        }
        return LatencySaid(samples=self.samples, batches=self.batches, **medians)


def middle(values: list[float], weights: list[int]) -> float | None:
    """Return the weighted median: where half of the weight is reached; ``None`` without values.

    >>> middle([20_853.0, 20.0, 19.0], [3, 500, 400]), middle([], [])
    (20.0, None)
    """
    if not values:
        return None
    order = np.argsort(values)
    reached = np.cumsum(np.array(weights)[order])
    at = int(np.searchsorted(reached, reached[-1] / 2))
    return values[int(order[at])]
