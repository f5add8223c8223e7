"""The history of a journal that a report shows, gathered in one pass over a few of its columns."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis import curves
from analysis.adaptation import Adaptation, Return
from analysis.curves import Curves
from analysis.scoring.reliability import READS, Reliability
from engine.checkpoint import Checkpoints
from engine.errors import CheckpointDamaged
from engine.snapshot import Facts
from eventlog.reader import Reader
from eventlog.recovery import LOCK
from eventlog.storage import DISK
from journal import frozen
from journal.frozen import Frozen
from journal.header import Rules, rules_of
from journal.layout import JournalPath
from journal.live.latency import Latencies
from journal.reading.columns import decimals_of, numbers
from journal.reading.details import detail_of
from journal.reading.prices import Priced
from journal.sidecar import recoveries

BUCKETS = 800
SHOWN_MOST = 2_000
"""How many gaps, health samples and milestones are kept: the newest, and the count of all (I10).
If there are more fills than that, those of one bucket and side are drawn as one mark."""

_ALSO = (
    *READS,
    *("session", "detail", "why", "from_ns", "to_ns", "side", "price", "volume", "scored"),
    *("scored_hits", "scored_loss", "scored_baseline_loss"),
)


@dataclass(slots=True)
class Session:
    """One process lifetime, as the log tells it."""

    number: int
    offset: int
    started_ns: int
    first_ns: int
    """When it began or, if that is earlier, as in an import, when its first record was received."""
    last_ns: int
    ended: bool = False
    running: bool = False
    why: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    ticks: int = 0
    scored: float = 0.0
    hits: float = 0.0
    loss: float = 0.0
    baseline_loss: float = 0.0
    _seen: bool = False

    def look_at(self, times_ns: npt.NDArray[np.int64]) -> None:
        """Include the times at which some of its records were received, [records]."""
        if not len(times_ns):
            return
        first_ns, last_ns = int(times_ns.min()), int(times_ns.max())
        self.first_ns = min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns) if self._seen else last_ns
        self._seen = True


@dataclass(slots=True)
class History:
    """A journal from its first record to its last."""

    place: JournalPath
    rules: Rules
    records: int
    curves: Curves
    reliability: Reliability
    sessions: list[Session]
    gaps: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    milestones: list[dict[str, Any]]
    health: list[dict[str, Any]]
    checkpoints: list[Facts]
    damaged_checkpoints: int
    returns: list[Return]
    counts: Counter[str]
    """How many gaps, milestones (and of each kind of these) and health samples there are."""
    missing_ns: int
    """The sum of the lengths of all gaps."""
    latencies: Latencies
    recoveries: int
    """How many starts found the journal there already, including those that were refused."""
    frozen: Frozen | None = None


class _Notes:
    """What the pass collects besides the curves."""

    def __init__(self, horizon_ns: int) -> None:
        self.reliability = Reliability(horizon_ns)
        self.adaptation = Adaptation()
        self.sessions: list[Session] = []
        self.gaps: list[dict[str, Any]] = []
        self.fills: list[dict[str, Any]] = []
        self.milestones: list[dict[str, Any]] = []
        self.health: list[dict[str, Any]] = []
        self.counts = Counter[str]()
        self.missing_ns = 0
        self.latencies = Latencies()

    def take(self, table: pa.Table, priced: Priced) -> None:
        kinds = table.column("kind")
        self._take_sessions(table)
        self._take_scores(table)
        self._count(table, kinds)
        self._take_rare(table, kinds, "gap", self.gaps, ("from_ns", "to_ns", "why"))
        self._take_rare(table, kinds, "milestone", self.milestones, ("why", "detail", "cause"))
        self._take_rare(table, kinds, "health", self.health, ("detail",))
        self._take_fills(table.filter(pc.equal(kinds, "fill")))
        self.reliability.add(table, priced)

    def _count(self, table: pa.Table, kinds: pa.ChunkedArray) -> None:
        """Count what is kept only in part, and sum the lengths of gaps and the latencies."""
        gaps = table.filter(pc.equal(kinds, "gap"))
        lasted_ns = pc.subtract(gaps.column("to_ns"), gaps.column("from_ns")).to_numpy()
        self.counts["gaps"] += gaps.num_rows
        self.missing_ns += int(np.maximum(lasted_ns, 0).sum())
        reasons = table.column("why").filter(pc.equal(kinds, "milestone"))
        self.counts["milestones"] += len(reasons)
        self.counts.update(reasons.to_pylist())
        samples = table.column("detail").filter(pc.equal(kinds, "health"))
        self.counts["health"] += len(samples)
        for sample in samples.to_pylist():
            self.latencies.add(detail_of(sample))

    def _take_fills(self, fills: pa.Table) -> None:
        """Keep one more than is drawn one by one, which shows that there are more."""
        room = SHOWN_MOST + 1 - len(self.fills)
        if not fills.num_rows or room <= 0:
            return
        fills = fills.slice(0, room)
        prices, volumes = (decimals_of(fills.column(name)) for name in ("price", "volume"))
        rows = fills.select(["offset", "cause", "received_ns", "side"]).to_pylist()
        for row, price, volume in zip(rows, prices.tolist(), volumes.tolist(), strict=True):
            self.fills.append({**row, "price": price, "volume": volume})

    def _take_sessions(self, table: pa.Table) -> None:
        rows = table.filter(pc.is_valid(table.column("session")))
        columns = ["offset", "received_ns", "kind", "session", "why", "detail"]
        for row in rows.select(columns).to_pylist():
            if row["kind"] == "session_started":
                detail = detail_of(row["detail"])
                began = row["received_ns"]
                self.sessions.append(
                    Session(row["session"], row["offset"], began, began, began, detail=detail)
                )
            elif self.sessions:
                self.sessions[-1].ended, self.sessions[-1].why = True, row["why"]

    def _take_scores(self, table: pa.Table) -> None:
        if not self.sessions:
            return
        offsets = table.column("offset").to_numpy()
        starts = np.array([session.offset for session in self.sessions])
        which = np.maximum(np.searchsorted(starts, offsets, "right") - 1, 0)
        times = table.column("received_ns").to_numpy()
        # Starts and ends of sessions are of when a process ran, not of when imported data is from.
        is_data = pc.is_null(table.column("session")).to_numpy()
        decided = pc.equal(table.column("kind"), "decision").to_numpy()
        values = {
            name: numbers(table.column(name), missing=0.0)
            for name in ("scored", "scored_hits", "scored_loss", "scored_baseline_loss")
        }
        drifts = table.column("offset").filter(
            pc.and_(
                pc.equal(table.column("kind"), "milestone"),
                pc.fill_null(pc.equal(table.column("why"), "drift"), False),
            )
        )
        has = values["scored"] > 0
        saved = values["scored_baseline_loss"] - values["scored_loss"]
        self.adaptation.add(offsets[has], values["scored"][has], saved[has], drifts.to_pylist())
        for index in np.unique(which):
            mine, session = which == index, self.sessions[index]
            session.look_at(times[mine & is_data])
            session.ticks += int((mine & decided).sum())
            session.scored += float(values["scored"][mine].sum())
            session.hits += float(values["scored_hits"][mine].sum())
            session.loss += float(values["scored_loss"][mine].sum())
            session.baseline_loss += float(values["scored_baseline_loss"][mine].sum())

    def _take_rare(
        self,
        table: pa.Table,
        kinds: pa.ChunkedArray,
        kind: str,
        into: list[dict[str, Any]],
        names: tuple[str, ...],
    ) -> None:
        rows = table.select(["offset", "received_ns", *names]).filter(pc.equal(kinds, kind))
        into += rows.slice(max(0, rows.num_rows - SHOWN_MOST)).to_pylist()
        del into[:-SHOWN_MOST]


def gather(
    place: JournalPath, log: Reader, *, advance: Callable[[int], None] = lambda _: None
) -> History:
    """Return the history of a journal, from one pass over its log.

    ``advance`` is called with the number of records of each table that is done.
    """
    rules = rules_of(log, place)
    notes = _Notes(rules.known.horizon_ms * 10**6)
    drawn = curves.read(log, buckets=BUCKETS, also=_ALSO, watch=notes.take, advance=advance)
    if notes.sessions and not notes.sessions[-1].ended:
        notes.sessions[-1].running = DISK.locked(place.log / LOCK)
    checkpoints = Checkpoints(place.checkpoints)
    facts, damaged = [], 0
    for offset in checkpoints.offsets():
        try:
            facts.append(checkpoints.facts(offset))
        except CheckpointDamaged:
            damaged += 1
    return History(
        place=place,
        rules=rules,
        records=log.end,
        curves=drawn,
        reliability=notes.reliability,
        sessions=notes.sessions,
        gaps=notes.gaps,
        fills=notes.fills,
        milestones=[_with_detail(row) for row in notes.milestones],
        health=[_with_detail(row) for row in notes.health],
        checkpoints=facts,
        damaged_checkpoints=damaged,
        returns=notes.adaptation.finish(),
        counts=notes.counts,
        missing_ns=notes.missing_ns,
        latencies=notes.latencies,
        recoveries=max(recoveries(place), len(notes.sessions) - 1, 0),
        frozen=frozen.read(place, log, buckets=drawn.count),
    )


def _with_detail(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "detail": detail_of(row["detail"])}
