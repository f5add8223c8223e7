"""The running figures of a session, updated with every chunk.

Figures cover the journal since its beginning, as everywhere else; those of this session alone are
named so. `cli.render.live_view` draws them on a terminal; elsewhere a line a minute has most of
them.
"""

import sys
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TextIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from eventlog.printable import printable
from eventlog.schema import NAMES, counts_e8
from feeds import clock
from journal.reading.score import (
    Learned,
    Score,
    fraction,
    gain_of,
    late_words,
    mean_of,
    money,
    words_of,
)

LINE_S = 60.0
REDRAW_S = 0.5
WINDOW_S = 10.0
"""The time that one step of a trend covers."""

Int64s = npt.NDArray[np.int64]

_RECENT_LINES = 20
_RECENT_WINDOWS = 6
_LATENCIES = 2_048
_TREND = 24
_RECENT_CHUNKS = 2_000
_MS = 1e6
_OPTIONAL = tuple(
    name for name in ("gross_equity", "buy_hold_equity", "random_equity") if name in NAMES
)


@dataclass(slots=True)
class Window:
    """What was scored within one step of a trend."""

    began_s: float
    scored: int = 0
    hits: int = 0
    loss: float = 0.0
    baseline_loss: float = 0.0

    @property
    def learned(self) -> Learned:
        """How well directions were predicted in this window."""
        return Learned.of_sums(
            labels=self.scored, hits=self.hits, loss=self.loss, baseline_loss=self.baseline_loss
        )


def together(windows: Sequence[Window]) -> Learned:
    """Return how well directions were predicted over several windows."""
    return Learned.of_sums(
        labels=sum(each.scored for each in windows),
        hits=sum(each.hits for each in windows),
        loss=sum(each.loss for each in windows),
        baseline_loss=sum(each.baseline_loss for each in windows),
    )


@dataclass(slots=True)
class Figures:
    """The newest figures besides the score; ``None`` if not known yet."""

    price: float | None = None
    """The newest valid one."""
    first_price: float | None = None
    cash_e8: int | None = None
    """What the account began with."""
    session_equity_e8: int | None = None
    """The account when this session began."""
    position_e8: int | None = None
    received_ns: int | None = None
    waited_s: float | None = None
    """How long the newest tick had waited when it was decided on."""
    others_e8: dict[str, int] = field(default_factory=dict)
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """All that the live view shows of one session at a moment."""

    name: str
    feed: str
    age_s: float | None
    ticks: int
    pace: float
    p50_ms: float | None
    p99_ms: float | None
    durable: int
    behind: int
    score: Score
    session: Score | None
    """Of this session alone, if there was one before."""
    market_gain: float | None
    hold_gain: float | None
    figures: Figures
    skills: list[float]
    accuracies: list[float]
    recent: Learned
    """Of the newest windows of the trends."""
    reasons: Counter[str]
    health: dict[str, object]


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


class Watcher(Protocol):
    """Draws the panels of sessions: `cli.render.live_view` on a terminal."""

    def draw(self, panel: Panel) -> None:
        """Draw a session as it is now."""

    def leave(self, name: str) -> None:
        """Stop drawing a session that has ended."""


class Board:
    """Collects and shows the figures of a session, always marked as PAPER."""

    def __init__(
        self, name: str, stream: TextIO | None = None, watcher: Watcher | None = None
    ) -> None:
        """Show them to a watcher; without one, write lines to a stream, by default stderr."""
        self._name = name
        self._stream = sys.stderr if stream is None else stream
        self._watcher = watcher
        self._started_s = self._drawn_s = clock.monotonic_s()
        self._marks: deque[tuple[float, int, int, float]] = deque(maxlen=_RECENT_LINES)
        self._latencies_ms = np.full(_LATENCIES, np.nan)
        self._latency_count = 0
        self._reasons: deque[Counter[str]] = deque(maxlen=_RECENT_CHUNKS)
        self._windows: deque[Window] = deque([Window(self._started_s)], maxlen=_TREND + 1)
        self._health: dict[str, object] = {}
        self.figures = Figures()
        self.score = Score()
        """Since the journal's beginning."""
        self._before = Score()

    def begin(self, before: Score, *, cash_e8: int, first_price: float | None) -> None:
        """Continue from a journal's score so far, the cash at its beginning and its first price."""
        self.score, self._before = before, replace(before, milestones=before.milestones.copy())
        self.figures.cash_e8, self.figures.first_price = cash_e8, first_price
        self.figures.session_equity_e8 = before.equity_e8
        window = self._windows[-1]
        self._marks.append((window.began_s, before.decisions, before.scored, before.loss))

    def start(self) -> None:
        """Count from here on as this session: the engine has caught up with the log's tail."""
        self._before = replace(self.score, milestones=self.score.milestones.copy())
        self.figures.session_equity_e8 = self.score.equity_e8

    @property
    def ticks(self) -> int:
        """How many ticks were decided on since the journal began."""
        return self.score.decisions

    @property
    def session(self) -> Score:
        """The part of the score that is of this session."""
        return self.score.since(self._before)

    @property
    def market_gain(self) -> float | None:
        """How much the price itself has changed since it was first known, as a share."""
        return gain_of(self.figures.price, self.figures.first_price)

    @property
    def hold_gain(self) -> float | None:
        """What holding the stake of one order gained, as a share of all cash."""
        return gain_of(self.figures.others_e8.get("buy_hold_equity"), self.figures.cash_e8)

    @property
    def goes_on(self) -> bool:
        """Whether there were decisions before this session."""
        return self._before.decisions > 0

    def see(self, arrived: pa.RecordBatch) -> None:
        """Note when the newest of some records was received."""
        self.figures.received_ns = arrived.column("received_ns")[-1].as_py()

    def price(self, now: float | None) -> None:
        """Note the engine's present price; without one, the last one is kept."""
        figures = self.figures
        figures.price = figures.price if now is None else now
        figures.first_price = figures.first_price or figures.price

    def show(self, effects: pa.RecordBatch, *, durable_ns: Int64s | None = None) -> None:
        """Count effects that are durable.

        ``durable_ns``, shape (effects,), has the time at which each became durable, in ns since
        1970 UTC; by default it is now.
        """
        now_s = clock.monotonic_s()
        if durable_ns is None:
            durable_ns = np.full(effects.num_rows, clock.now_ns())
        before = (self.score.scored, self.score.hits, self.score.loss, self.score.baseline_loss)
        self.score.add(effects)
        kinds = effects.column("kind")
        is_decision = pc.equal(kinds, "decision")
        decisions = effects.filter(is_decision)
        if not decisions.num_rows:
            return
        self._take_decisions(decisions, durable_ns[is_decision.to_numpy(zero_copy_only=False)])
        if now_s - self._windows[-1].began_s >= WINDOW_S:
            self._windows.append(Window(now_s))
        window, score = self._windows[-1], self.score
        window.scored += score.scored - before[0]
        window.hits += score.hits - before[1]
        window.loss += score.loss - before[2]
        window.baseline_loss += score.baseline_loss - before[3]

    def _take_decisions(self, decisions: pa.RecordBatch, durable_ns: Int64s) -> None:
        figures = self.figures
        waited_ms = np.maximum(durable_ns - decisions.column("received_ns").to_numpy(), 0) / _MS
        waited_ms = waited_ms[-_LATENCIES:]
        slots = (self._latency_count + np.arange(len(waited_ms))) % _LATENCIES
        self._latencies_ms[slots] = waited_ms
        self._latency_count += len(waited_ms)
        figures.waited_s = float(waited_ms[-1]) / 1e3
        if figures.session_equity_e8 is None:
            figures.session_equity_e8 = int(counts_e8(decisions.column("equity"))[0])
            figures.cash_e8 = figures.cash_e8 or figures.session_equity_e8
        figures.position_e8 = int(counts_e8(decisions.column("position"))[-1])
        figures.confidence = float(np.mean(decisions.column("confidence").to_numpy()))
        for name in _OPTIONAL:
            column = decisions.column(name)
            if column[-1].is_valid:
                figures.others_e8[name] = int(counts_e8(column)[-1])
        counts = pc.value_counts(decisions.column("reason")).to_pylist()
        self._reasons.append(Counter({each["values"]: each["counts"] for each in counts}))

    def update(
        self,
        *,
        durable: int,
        checkpoint: int,
        feed: str,
        health: dict[str, object] | None = None,
    ) -> None:
        """Draw, if it is time to. ``health`` is the newest health sample, if there is one."""
        now_s = clock.monotonic_s()
        self._health = health or self._health
        if now_s - self._drawn_s < (LINE_S if self._watcher is None else REDRAW_S):
            return
        self._drawn_s = now_s
        self._draw(now_s, durable=durable, checkpoint=checkpoint, feed=feed)

    def finish(self, *, durable: int, checkpoint: int) -> None:
        """Draw for the last time."""
        now_s = clock.monotonic_s()
        self._draw(now_s, durable=durable, checkpoint=checkpoint, feed="closed")
        if self._watcher is not None:
            self._watcher.leave(self._name)

    def parts(self, now_s: float, *, durable: int, checkpoint: int, feed: str) -> list[str]:
        """Return the parts of a line, the most important first."""
        score, pace, recent = self.score, *self._pace(now_s)
        return [
            f"PAPER {self._name}",
            *([] if feed == "ok" else [f"feed {feed}"]),
            f"{words_of(self.ticks, 'tick')} {pace:,.0f}/s",
            f"log-loss {fraction(score.log_loss)} (baseline {fraction(score.baseline_log_loss)})",
            f"accuracy {fraction(score.accuracy, 3)}",
            f"equity {money(score.equity_e8) or '-'}",
            *([late_words(score.late)] if score.late else []),
            f"durable {durable:,}",
            f"recent log-loss {fraction(recent)}",
            score.reason or "no tick yet",
            f"checkpoint {checkpoint:,}",
        ]

    def panel(self, now_s: float, *, durable: int, checkpoint: int, feed: str) -> Panel:
        """Return everything that the live view shows of this session."""
        figures, windows = self.figures, [*self._windows]
        used = self._latencies_ms[: min(self._latency_count, _LATENCIES)]
        p50, p99 = (
            (float(np.percentile(used, share)) for share in (50, 99)) if len(used) else (None, None)
        )
        reasons: Counter[str] = Counter()
        for counts in [*self._reasons]:
            reasons.update(counts)
        age_s = None
        if figures.received_ns is not None:
            age_s = max(0.0, (clock.now_ns() - figures.received_ns) / 1e9)
        return Panel(
            name=self._name,
            feed=feed,
            age_s=age_s,
            ticks=self.ticks,
            pace=self._pace(now_s)[0],
            p50_ms=p50,
            p99_ms=p99,
            durable=durable,
            behind=max(0, durable - 1 - checkpoint),
            score=self.score,
            session=self.session if self.goes_on else None,
            market_gain=self.market_gain,
            hold_gain=self.hold_gain,
            figures=figures,
            skills=_known(each.learned.skill for each in windows),
            accuracies=_known(each.learned.accuracy for each in windows),
            recent=together(windows[-_RECENT_WINDOWS:]),
            reasons=reasons,
            health=self._health,
        )

    def _pace(self, now_s: float) -> tuple[float, float | None]:
        """Return ticks a second and the log-loss over the last lines; remember this moment."""
        score = self.score
        since_s, ticks, scored, loss = (
            self._marks[0] if self._marks else (self._started_s, 0, 0, 0.0)
        )
        self._marks.append((now_s, self.ticks, score.scored, score.loss))
        labels = score.scored - scored
        pace = (self.ticks - ticks) / max(now_s - since_s, 1e-9)
        return pace, mean_of(score.loss - loss, labels)

    def _draw(self, now_s: float, *, durable: int, checkpoint: int, feed: str) -> None:
        if self._watcher is not None:
            self._watcher.draw(self.panel(now_s, durable=durable, checkpoint=checkpoint, feed=feed))
            return
        parts = self.parts(now_s, durable=durable, checkpoint=checkpoint, feed=feed)
        self._stream.write(" · ".join(map(printable, parts)) + "\n")
        self._stream.flush()
