"""The line between a source and one client, and its faults, sans I/O.

Faults are random, on average once in a number of frames of one line. They are drawn from (seed,
line, frame), so they are the same for a seed and depend neither on timing nor on each other.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from feeds.simulator.draws import Draws
from feeds.simulator.faults import GARBAGE, LINE_FAULTS, Fault
from feeds.simulator.frames import timestamp
from feeds.timestamps import parse_timestamp_ns


@dataclass(frozen=True, slots=True)
class Send:
    """Send this: text as a text frame, bytes as a binary one."""

    payload: str | bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End this connection, with a closing handshake or, ``abruptly``, without.

    ``within`` is a text of which only the first half is still sent.
    """

    abruptly: bool
    within: str | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more on this connection, and leave it open."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop this market's subscription silently."""

    market: str


@dataclass(frozen=True, slots=True)
class Maintain:
    """Close every connection, and refuse handshakes for a while."""


@dataclass(frozen=True, slots=True)
class Shut:
    """Close every connection and the listening socket for a while."""


Action = Send | Close | Stall | Forget | Maintain | Shut

_ENDS: dict[str, Action] = {
    "close": Close(abruptly=False),
    "drop": Close(abruptly=True),
    "stall": Stall(),
    "maintenance": Maintain(),
    "shut": Shut(),
}
_CHECKSUM = re.compile(r'("checksum":\s?")([0-9]+)(")')
_TIMESTAMP = re.compile(r'("timestamp":\s?")([^"]+)(")')
_HOUR_NS = 3_700 * 10**9
"""A little more than the largest move of event time that the engine accepts."""


class FaultyLine:
    """The line to one client, the ``number``-th that connected."""

    def __init__(self, faults: Sequence[Fault], *, seed: int, number: int) -> None:
        self._faults = tuple(fault for fault in faults if fault.name in LINE_FAULTS)
        self._draws = Draws(seed=seed, stream=f"line {number}", width=2 * len(self._faults) or 1)
        self._frames = 0
        self._held: str | None = None
        self._deltas: list[str] = []
        self._off_ns = 0

    def carry(self, text: str, market: str) -> Iterator[Action]:
        """Yield the actions for one frame; an action that ends the line is the last."""
        row = self._draws.row(self._frames)
        self._frames += 1
        held, self._held = self._held, None
        happening = {
            fault.name: row[2 * place + 1]
            for place, fault in enumerate(self._faults)
            if row[2 * place] < 1 / fault.every_frames
        }
        end = next((_ENDS[name] for name in happening if name in _ENDS), None)
        if "cut" in happening:
            end = Close(abruptly=True, within=text)
        if end is not None:
            yield end
            return
        yield from self._send(text, market, happening)
        if held is not None:
            yield Send(held)

    def _send(self, text: str, market: str, happening: dict[str, float]) -> Iterator[Action]:
        if "garbage" in happening:
            garbage = GARBAGE[int(happening["garbage"] * len(GARBAGE))]
            yield Send(garbage.replace("MARKET", market) if isinstance(garbage, str) else garbage)
        if "forget" in happening:
            yield Forget(market)
        if "clock" in happening:
            self._off_ns = 0 if self._off_ns else _HOUR_NS
        if self._off_ns:
            text = _TIMESTAMP.sub(self._set_off, text)
        if "bad-checksum" in happening:
            text = _CHECKSUM.sub(_another, text)
        if "reorder" in happening:
            self._held = text
        elif "lose" not in happening:
            yield Send(text)
        if "duplicate" in happening:
            yield Send(text)
        if '"checksum"' in text:
            self._deltas = [*self._deltas[-1:], text]
        elif "stale" in happening and '"snapshot"' in text and len(self._deltas) == 2:
            yield Send(self._deltas[0])

    def _set_off(self, match: re.Match[str]) -> str:
        return f"{match[1]}{timestamp(parse_timestamp_ns(match[2]) + self._off_ns)}{match[3]}"


def _another(checksum: re.Match[str]) -> str:
    return f"{checksum[1]}{int(checksum[2]) ^ 1}{checksum[3]}"
