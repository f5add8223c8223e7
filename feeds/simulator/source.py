"""Sources: the frames that the simulator sends, and their market times.

A source is advanced from one moment to the next; it has no clock, no socket and no pace. Between
two advances its books are those of the last moment, so a snapshot taken then is continued exactly
by the frames of the next advance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """One message to send: its market, its channel and its text."""

    market: str
    channel: str
    text: str


class Source(Protocol):
    """One or more markets, from their first moment on."""

    @property
    def markets(self) -> tuple[str, ...]:
        """The ids of the markets."""
        ...

    @property
    def due_ns(self) -> int | None:
        """The market time of the next frames; ``None`` after the last."""
        ...

    def advance(self) -> Sequence[Frame]:
        """Advance to `due_ns` and return its frames.

        Raises:
            RecordingUnreadable: if the next ones cannot be read.
        """
        ...

    def snapshot(self, market: str) -> str | None:
        """Return the snapshot frame of a market's present book; ``None`` if still unknown."""
        ...
