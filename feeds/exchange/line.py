"""The line between a source and one client, and what goes wrong on it, sans I/O.

Faults happen at random, on average once in so many frames of one line, and the same for the same
seed: they are drawn from (seed, line, frame), so that they depend neither on timing nor on each
other.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from feeds.exchange.draws import Draws
from feeds.exchange.faults import GARBAGE, Fault


@dataclass(frozen=True, slots=True)
class Send:
    """Send this: text as a text frame, bytes as a binary one."""

    payload: str | bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End this connection, with a closing handshake or, ``abruptly``, without."""

    abruptly: bool


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more on this connection, and leave it open."""


Action = Send | Close | Stall

_CHECKSUM = re.compile(r'("checksum":\s?")([0-9]+)(")')


class FaultyLine:
    """The line to one client, the ``number``-th that connected."""

    def __init__(self, faults: Sequence[Fault], *, seed: int, number: int) -> None:
        self._faults = tuple(faults)
        self._draws = Draws(seed=seed, stream=f"line {number}", width=2 * len(faults) or 1)
        self._frames = 0

    def carry(self, text: str, market: str) -> Iterator[Action]:
        """Yield what becomes of one frame; nothing follows a `Close` or a `Stall`."""
        row = self._draws.row(self._frames)
        self._frames += 1
        for place, fault in enumerate(self._faults):
            if row[2 * place] >= 1 / fault.every_frames:
                continue
            match fault.name:
                case "close" | "drop":
                    yield Close(abruptly=fault.name == "drop")
                    return
                case "stall":
                    yield Stall()
                    return
                case "garbage":
                    garbage = GARBAGE[int(row[2 * place + 1] * len(GARBAGE))]
                    yield Send(
                        garbage.replace("MARKET", market) if isinstance(garbage, str) else garbage
                    )
                case "bad-checksum":
                    text = _CHECKSUM.sub(_another, text)
        yield Send(text)


def _another(checksum: re.Match[str]) -> str:
    return f"{checksum[1]}{int(checksum[2]) ^ 1}{checksum[3]}"
