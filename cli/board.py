"""The status line of a running session: redrawn on a terminal, a line a minute elsewhere."""

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
        self._draw(self.line(now_s, durable=durable, checkpoint=checkpoint, feed=feed), last=False)

    def finish(self, *, durable: int, checkpoint: int) -> None:
        """Draw the line for the last time."""
        now_s = clock.monotonic_s()
        line = self.line(now_s, durable=durable, checkpoint=checkpoint, feed="closed")
        self._draw(line, last=True)

    def line(self, now_s: float, *, durable: int, checkpoint: int, feed: str) -> str:
        """Return the line, and remember the moment for the rates of the next."""
        score = self.score
        first = self._marks[0] if self._marks else (self._started_s, 0, 0, 0.0)
        since_s, ticks, scored, loss = first
        self._marks.append((now_s, self.ticks, score.scored, score.loss))
        rate = (self.ticks - ticks) / max(now_s - since_s, 1e-9)
        labels = score.scored - scored
        recent = (score.loss - loss) / labels if labels else None
        return (
            f"PAPER {self._name} · {self.ticks:,} ticks {rate:,.0f}/s"
            f" · log-loss {fraction(score.log_loss)} (recent {fraction(recent)},"
            f" baseline {fraction(score.baseline_log_loss)})"
            f" · accuracy {fraction(score.accuracy, 3)}"
            f" · equity {money(score.equity_e8) or '-'}"
            f" · {score.reason or 'no tick yet'}"
            f" · durable {durable:,} · checkpoint {checkpoint:,} · feed {feed}"
        )

    def _draw(self, line: str, *, last: bool) -> None:
        if self._terminal:
            self._stream.write(f"\r\x1b[K{line}" + ("\n" if last else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()
