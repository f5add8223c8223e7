"""Adaptation speed: after how many labels the learner is as good again as before a drift alarm.

A drift mark comes some labels after the change itself, when the predictions have already suffered.
So the level *before* is the mean log-loss saved against the baseline, per label, over
`BEFORE_LABELS` labels that end `BLURRED_LABELS` labels before the mark. The learner is *back* as
soon as the mean over `TRAILING_LABELS` labels, all of them after the mark, reaches that level.
Where the next mark or the end of the log comes first, it did not get back, which counts as longer
than any other return.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

BEFORE_LABELS = 2_000
BLURRED_LABELS = 500
TRAILING_LABELS = 500
SEARCHED_LABELS = 20_000
"""A return is searched for within so many labels after a mark (I10)."""


@dataclass(frozen=True, slots=True)
class Return:
    """What came after one drift mark."""

    offset: int
    labels: float | None
    """How many labels after the mark it was back; ``None`` if it did not get back."""


class Adaptation:
    """Measures the return after each drift mark, in the order of the log, in bounded memory."""

    def __init__(self) -> None:
        """Begin before the first label."""
        self.returns: list[Return] = []
        self._offsets: Int64s = np.zeros(1, np.int64) - 1
        self._labels: Floats = np.zeros(1)  # cumulative at each decision, as is _saved
        self._saved: Floats = np.zeros(1)
        self._marks: list[int] = []

    def add(self, offsets: Int64s, scored: Floats, saved: Floats, marks: list[int]) -> None:
        """Add decisions that scored labels, and the drift marks that were recorded with them.

        Args:
            offsets: of the decisions, [decisions].
            scored: labels that each decision scored, [decisions].
            saved: nats saved against the baseline on these labels, [decisions].
            marks: offsets of the drift marks, in order.
        """
        self._offsets = np.append(self._offsets, offsets)
        self._labels = np.append(self._labels, self._labels[-1] + np.cumsum(scored))
        self._saved = np.append(self._saved, self._saved[-1] + np.cumsum(saved))
        self._marks += marks
        while self._marks and (len(self._marks) > 1 or self._is_past(self._marks[0])):
            self._settle(self._marks.pop(0), until=self._marks[0] if self._marks else None)
        self._forget()

    def finish(self) -> list[Return]:
        """Return what came after each mark that had enough labels before it."""
        if self._marks:
            self._settle(self._marks.pop(), until=None)
        return self.returns

    def _at(self, offset: int) -> int:
        """Return the index of the last decision before an offset."""
        return int(np.searchsorted(self._offsets, offset)) - 1

    def _is_past(self, mark: int) -> bool:
        return bool(self._labels[-1] - self._labels[self._at(mark)] > SEARCHED_LABELS)

    def _mean(self, first: Int64s | int, last: Int64s | int) -> Floats:
        labels = self._labels[last] - self._labels[first]
        return np.asarray((self._saved[last] - self._saved[first]) / np.maximum(labels, 1e-9))

    def _settle(self, mark: int, *, until: int | None) -> None:
        labels, at = self._labels, self._at(mark)
        blurred = int(np.searchsorted(labels, labels[at] - BLURRED_LABELS))
        first = int(np.searchsorted(labels, labels[at] - BLURRED_LABELS - BEFORE_LABELS))
        if labels[blurred] - labels[first] < TRAILING_LABELS:
            return  # too few labels before the mark
        end = len(labels) if until is None else self._at(until) + 1
        searched = np.arange(int(np.searchsorted(labels, labels[at] + TRAILING_LABELS)), end)
        searched = searched[labels[searched] <= labels[at] + SEARCHED_LABELS]
        starts = np.searchsorted(labels, labels[searched] - TRAILING_LABELS)
        back = searched[self._mean(starts, searched) >= self._mean(first, blurred)]
        took = float(labels[back[0]] - labels[at]) if len(back) else None
        self.returns.append(Return(mark, took))

    def _forget(self) -> None:
        newest = self._labels[self._at(self._marks[0]) if self._marks else -1]
        kept = int(np.searchsorted(self._labels, newest - BLURRED_LABELS - BEFORE_LABELS - 1))
        kept = max(kept - 1, 0)
        self._offsets = self._offsets[kept:]
        self._labels = self._labels[kept:]
        self._saved = self._saved[kept:]
