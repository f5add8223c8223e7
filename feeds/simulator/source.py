"""What the stand-in exchange sends and when, in market time: the seam behind its sockets.

A source is advanced from one moment to the next; it owns no clock, no socket and no pace. Between
two advances its books stand at the moment last reached, so that a snapshot taken then continues
exactly with what the next advance brings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it goes out: its market, its channel, and its text."""

    market: str
    channel: str
    text: str


class Source(Protocol):
    """One or more markets, from their first moment on."""

    @property
    def markets(self) -> tuple[str, ...]:
        """The ids of the markets there are."""
        ...

    @property
    def due_ns(self) -> int | None:
        """When, in market time, the next frames are due; ``None`` when there are no more."""
        ...

    def advance(self) -> Sequence[Frame]:
        """Go on to `due_ns` and return its frames.

        Raises:
            RecordingUnreadable: if the next ones cannot be read.
        """
        ...

    def snapshot(self, market: str) -> str | None:
        """Return the snapshot frame of a market's book as it stands; ``None`` if unknown yet."""
        ...
