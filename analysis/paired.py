"""Two journals' decisions on the same ticks, paired.

A fork copies every input of its origin, so the n-th tick of one is the n-th tick of the other. This
is checked by the times at which they were received; where these differ for the first time, pairing
ends, and the comparison says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.lines import time_of
from analysis.scoring.scores import Interval
from analysis.scoring.uncertainty import blocked
from analysis.summaries import (
    Compared,
    ComparedFigure,
    Comparison,
    DifferenceInterval,
    FirstDifference,
)
from eventlog.reader import Reader
from journal.errors import UsageError
from journal.header import rules_of
from journal.layout import JournalPath
from journal.progress import progress
from journal.reading.columns import numbers
from journal.reading.score import mean_of

Floats = npt.NDArray[np.float64]

CELLS = 600
"""The pairs are summed in about so many consecutive cells, from which intervals are computed."""

_READ = (
    *("kind", "received_ns", "cause", "action", "reason", "p_up", "scored", "scored_hits"),
    *("scored_loss", "equity", "position"),
)
_NUMBERS = ("p_up", "scored", "scored_hits", "scored_loss", "equity")
_GATHERED = 1 << 16


@dataclass(slots=True)
class _Stream:
    """One side's decisions, in order."""

    log: Reader
    advance: Callable[[int], None]

    def portions(self) -> Iterator[pa.Table]:
        """Yield tables of decisions, as they come."""
        for batch in self.log.read(0, self.log.end, columns=_READ):
            self.advance(batch.num_rows)
            decided = batch.filter(pc.equal(batch.column("kind"), "decision"))
            if decided.num_rows:
                yield pa.Table.from_batches([decided])


def _together(left: _Stream, right: _Stream) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield tables of equally many decisions of both sides, in order."""
    sources = [left.portions(), right.portions()]
    waiting: list[list[pa.Table]] = [[], []]
    ended = [False, False]
    while True:
        for side, source in enumerate(sources):
            while not ended[side] and sum(each.num_rows for each in waiting[side]) < _GATHERED:
                table = next(source, None)
                ended[side] = table is None
                if table is not None:
                    waiting[side].append(table)
        if not waiting[0] or not waiting[1]:
            return
        first, second = (pa.concat_tables(tables) for tables in waiting)
        count = min(first.num_rows, second.num_rows)
        yield first.slice(0, count), second.slice(0, count)
        for side, table in enumerate((first, second)):
            rest = table.slice(count)
            waiting[side] = [rest] if rest.num_rows else []


def compared(a: JournalPath, b: JournalPath) -> Comparison:
    """Compare two journals, which are only read. Log-losses are in nats, gains are shares of cash.

    Raises:
        UsageError: if they did not decide on the same ticks.
        NoLog: if one has no log.
    """
    logs = [Reader.open(place.log) for place in (a, b)]
    with progress("comparing", sum(log.end for log in logs)) as advance:
        return pair(a, logs[0], b, logs[1], advance=advance)


def pair(
    place_a: JournalPath,
    log_a: Reader,
    place_b: JournalPath,
    log_b: Reader,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Compare two open journals; ``advance`` is called with the number of records of each batch.

    Raises:
        UsageError: if they did not decide on the same ticks.
    """
    rules_a, rules_b = rules_of(log_a, place_a), rules_of(log_b, place_b)
    sums = _Sums(max(log_a.end, log_b.end))
    paired = different = 0
    offsets_differ = False
    first: FirstDifference | None = None
    parted: str | None = None
    for a, b in _together(_Stream(log_a, advance), _Stream(log_b, advance)):
        times_a, times_b = (table.column("received_ns").to_numpy() for table in (a, b))
        apart = np.flatnonzero(times_a != times_b)
        count = int(apart[0]) if len(apart) else a.num_rows
        if count:
            a, b = a.slice(0, count), b.slice(0, count)
            other = _different_actions(a, b)
            different += int(other.sum())
            if first is None:
                first = _first_difference(a, b)
            moved = pc.not_equal(a.column("cause"), b.column("cause"))
            offsets_differ = offsets_differ or bool(pc.any(moved).as_py())
            sums.add(a, b)
            paired += count
        if len(apart):
            parted = time_of(int(times_a[apart[0]]))
            break
    if not paired:
        raise UsageError(
            "these journals did not decide on the same ticks, so nothing can be paired",
            hint="A fork does: trader replay --set key=value --out DIR",
        )
    # A parameter that an earlier version did not have counts as left at its default.
    in_force_a, in_force_b = (asdict(rules.known) | rules.values for rules in (rules_a, rules_b))
    names = sorted({*in_force_a, *in_force_b})
    values = [(name, in_force_a.get(name), in_force_b.get(name)) for name in names]
    rows = sums.rows(float(rules_a.known.cash), float(rules_b.known.cash))
    return Comparison(
        a=Compared(journal=str(place_a.home / place_a.name), records=log_a.end),
        b=Compared(journal=str(place_b.home / place_b.name), records=log_b.end),
        parameters={name: [in_a, in_b] for name, in_a, in_b in values if in_a != in_b},
        paired=paired,
        parted=parted,
        different_actions=different,
        first_difference=first,
        rows=tuple(rows),
        words=tuple(_words(rows, parted, offsets_differ=offsets_differ)),
    )


def _different_actions(a: pa.Table, b: pa.Table) -> npt.NDArray[np.bool_]:
    differs: npt.NDArray[np.bool_] = pc.not_equal(a.column("action"), b.column("action")).to_numpy()
    return differs


def _first_difference(a: pa.Table, b: pa.Table) -> FirstDifference | None:
    """Return the first decision that is not the same on both sides, in words."""
    differs = pc.or_(
        pc.not_equal(a.column("reason"), b.column("reason")),
        pc.not_equal(a.column("p_up"), b.column("p_up")),
    )
    rows = np.flatnonzero(differs.to_numpy())
    if not len(rows):
        return None
    row_a, row_b = (table.slice(int(rows[0]), 1).to_pylist()[0] for table in (a, b))
    return FirstDifference(
        tick_a=row_a["cause"],
        tick_b=row_b["cause"],
        time=time_of(row_a["received_ns"]),
        a=f"{row_a['action']}: {row_a['reason']}, p_up {row_a['p_up']:.6f}",
        b=f"{row_b['action']}: {row_b['reason']}, p_up {row_b['p_up']:.6f}",
    )


class _Sums:
    """Sums over consecutive cells of both sides."""

    def __init__(self, records: int) -> None:
        self._per_cell = max(records // CELLS, 1)
        self._done = 0
        size = records // self._per_cell + 1
        self._sums = {(side, name): np.zeros(size) for side in "ab" for name in _NUMBERS[1:4]}
        self._equity = {side: np.full(size, np.nan) for side in "ab"}
        self._size = size

    def add(self, a: pa.Table, b: pa.Table) -> None:
        count = a.num_rows
        cells = (self._done + np.arange(count)) // self._per_cell
        self._done += count
        for side, table in (("a", a), ("b", b)):
            for name in _NUMBERS[1:4]:
                values = numbers(table.column(name), missing=0.0)
                self._sums[side, name] += np.bincount(cells, values, self._size)
            # The last of each cell: later rows overwrite earlier ones.
            self._equity[side][cells] = numbers(table.column("equity"), missing=np.nan)

    def rows(self, cash_a: float, cash_b: float) -> list[ComparedFigure]:
        """Return a row for each figure: both sides, the difference, and its 95 % interval."""
        out = []
        scored_a, scored_b = self._sums["a", "scored"], self._sums["b", "scored"]
        # Where both scored the same labels the difference is paired, label by label.
        both = np.where(scored_a == scored_b, scored_a, 0.0)
        for name, column in (("log-loss", "scored_loss"), ("accuracy", "scored_hits")):
            a, b = self._sums["a", column], self._sums["b", column]
            interval = blocked(np.where(both > 0, b - a, 0.0), both)
            means = (mean_of(a.sum(), scored_a.sum()), mean_of(b.sum(), scored_b.sum()))
            out.append(_row(name, "", *means, interval=interval))
        steps = []
        for side, cash in (("a", cash_a), ("b", cash_b)):
            equity = self._equity[side][np.isfinite(self._equity[side])]
            steps.append(np.diff(equity, prepend=cash) / cash)
        gains = [float(step.sum()) for step in steps]
        difference = steps[1] - steps[0]
        interval = blocked(difference, np.ones(len(difference)))
        if interval is not None:
            interval = interval.scaled(len(difference))
        out.append(_row("gain", "share", *gains, interval=interval))
        return out


def _row(
    name: str, unit: str, a: float | None, b: float | None, *, interval: Interval | None
) -> ComparedFigure:
    return ComparedFigure(
        name=name,
        unit=unit,
        a=a,
        b=b,
        difference=None if a is None or b is None else b - a,
        interval=None
        if interval is None
        else DifferenceInterval(
            low=interval.low,
            high=interval.high,
            blocks=interval.blocks,
            verdict=interval.verdict,
        ),
    )


def _words(rows: list[ComparedFigure], parted: str | None, *, offsets_differ: bool) -> list[str]:
    by_name = {row.name: row.interval for row in rows}
    said = []
    better = {"above": "worse", "below": "better"}
    for name, words in (("log-loss", better), ("gain", {"above": "more", "below": "less"})):
        interval = by_name[name]
        subject = "B predicts" if name == "log-loss" else "B earned"
        if interval is None:
            said.append(f"{name}: too little to say.")
        elif interval.verdict == "unclear":
            said.append(f"{name}: no difference that is distinguishable from none.")
        else:
            said.append(f"{subject} {words[interval.verdict]} than A, beyond chance.")
    if offsets_differ:
        said.append("The same ticks stand at other offsets, which what is replayed is drawn by:")
        said.append("equal rules would not give equal weights either.")
    if parted is not None:
        said.append(f"From {parted} on the ticks differ: later ones are not paired.")
    return said
