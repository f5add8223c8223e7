"""The status line of a running session: redrawn on a terminal, a line a minute elsewhere."""

import shutil
import sys
from collections import deque
from typing import TextIO

import pyarrow as pa

from cli.score import Score, fraction, money
from feeds import clock

REDRAW_S = 1.0
LINE_S = 60.0
_RECENT_LINES = 10


class Board:
    """Says how a session goes. PAPER is always in sight."""

    def __init__(self, name: str, stream: TextIO = sys.stderr) -> None:
        self._name = name
        self._stream = stream
        self._terminal = stream.isatty()
        self._started_s = self._drawn_s = clock.monotonic_s()
        self._marks: deque[tuple[float, int, int, float]] = deque(maxlen=_RECENT_LINES)
        self.score = Score()

    @property
    def ticks(self) -> int:
        """How many ticks were decided on."""
        return self.score.decisions

    def show(self, effects: pa.RecordBatch) -> None:
        """Count the effects of a chunk."""
        self.score.add(effects)

    def update(self, *, durable: int, checkpoint: int, feed: str) -> None:
        """Draw the line if it is time to."""
        now_s = clock.monotonic_s()
        if now_s - self._drawn_s < (REDRAW_S if self._terminal else LINE_S):
            return
        self._drawn_s = now_s
        parts = self.parts(now_s, durable=durable, checkpoint=checkpoint, feed=feed)
        self._draw(parts, last=False)

    def finish(self, *, durable: int, checkpoint: int) -> None:
        """Draw the line for the last time."""
        now_s = clock.monotonic_s()
        parts = self.parts(now_s, durable=durable, checkpoint=checkpoint, feed="closed")
        self._draw(parts, last=True)

    def parts(self, now_s: float, *, durable: int, checkpoint: int, feed: str) -> list[str]:
        """Return what the line says, what matters most first.

        The moment is remembered for the rates of the next line.
        """
        score = self.score
        first = self._marks[0] if self._marks else (self._started_s, 0, 0, 0.0)
        since_s, ticks, scored, loss = first
        self._marks.append((now_s, self.ticks, score.scored, score.loss))
        rate = (self.ticks - ticks) / max(now_s - since_s, 1e-9)
        labels = score.scored - scored
        recent = (score.loss - loss) / labels if labels else None
        return [
            f"PAPER {self._name}",
            *([] if feed == "ok" else [f"feed {feed}"]),
            f"{self.ticks:,} ticks {rate:,.0f}/s",
            f"log-loss {fraction(score.log_loss)} (baseline {fraction(score.baseline_log_loss)})",
            f"accuracy {fraction(score.accuracy, 3)}",
            f"equity {money(score.equity_e8) or '-'}",
            f"durable {durable:,}",
            f"recent log-loss {fraction(recent)}",
            score.reason or "no tick yet",
            f"checkpoint {checkpoint:,}",
        ]

    def _draw(self, parts: list[str], *, last: bool) -> None:
        if self._terminal:
            line = fitted(parts, shutil.get_terminal_size().columns - 1)
            self._stream.write(f"\r\x1b[K{line}" + ("\n" if last else ""))
        else:
            self._stream.write(" · ".join(parts) + "\n")
        self._stream.flush()


def fitted(parts: list[str], columns: int) -> str:
    """Return as many of the parts, from the first on, as fit into so many columns.

    >>> fitted(["PAPER BTC-AUD", "12 ticks", "accuracy 0.5"], 25)
    'PAPER BTC-AUD · 12 ticks'
    """
    line = parts[0]
    for part in parts[1:]:
        if len(line) + 3 + len(part) > columns:
            break
        line += f" · {part}"
    return line[:columns]
