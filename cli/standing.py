"""How a journal stands: read from its files alone, while a session runs and after it was killed.

What a session knows of its feed is in the health samples that it records; everything else follows
from the newest records, the newest checkpoint, and the size of the files.
"""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa

from cli import journal, notes
from cli.journal import Place
from cli.notes import verified
from cli.score import COLUMNS as SCORED
from cli.score import Score, gain_of
from engine.checkpoint import Checkpoints
from engine.errors import CheckpointDamaged
from engine.snapshot import Facts
from eventlog import compute
from eventlog.reader import Reader
from eventlog.records import E8, Decision
from eventlog.recovery import LOCK
from eventlog.schema import counts_e8
from eventlog.storage import DISK
from feeds import clock

RECENT_RECORDS = 8_000
"""Records from the end that "recent" means."""

HEALTH_RECORDS = 60_000
"""From the end, in which a health sample is looked for: one is taken every minute."""

_FIRST_RECORDS = 4_096
_DAY_S = 86_400.0


@dataclass(slots=True)
class Standing:
    """What there is to say. ``None`` is what cannot be known yet."""

    place: Place
    running: bool
    ended: bool
    """Whether the newest session ended on purpose."""
    records: int
    session: int | None
    last_received_ns: int | None
    now_ns: int
    recent: Score
    recent_ticks_per_s: float | None
    last: tuple[int, Decision] | None
    holds: Counter[str]
    """Reasons of the recent decisions that held."""
    cash_e8: int
    """What the account began with."""
    market_gain: float | None
    """What buying and holding gained since the start, as a share."""
    facts: Facts | None
    free_bytes: int
    days_left: float | None
    """Until the disk is full, if it goes on as in the recent records, or as its session says."""
    health: dict[str, object] = field(default_factory=dict)
    verified: dict[str, object] | None = None

    @property
    def state(self) -> str:
        """One word: empty, running, stopped or killed."""
        if not self.records:
            return "empty"
        return "running" if self.running else "stopped" if self.ended else "killed"

    @property
    def age_s(self) -> float | None:
        """How long ago the last record was received."""
        if self.last_received_ns is None:
            return None
        return (self.now_ns - self.last_received_ns) / 10**9

    @property
    def gain(self) -> float | None:
        """What the account gained since the start, as a share."""
        return None if self.last is None else gain_of(self.last[1].equity_e8, self.cash_e8)


def look(place: Place, log: Reader) -> Standing:
    """Return how a journal stands now."""
    start = max(0, log.end - RECENT_RECORDS)
    columns = tuple({*SCORED, "offset", "received_ns", "bid", "ask", "session", "detail"})
    recent, holds = Score(), Counter[str]()
    times: list[int] = []
    middle_e8: int | None = None
    health: dict[str, object] = {}
    ended = False
    decided: int | None = None
    for batch in log.read(start, log.end, columns=columns):
        recent.add(batch)
        kinds = batch.column("kind")
        said = compute.where(kinds, compute.is_in(kinds, _SESSIONS)).to_pylist()
        ended = said[-1] == "session_ended" if said else ended
        times += compute.where(
            batch.column("received_ns"), compute.is_in(kinds, _TICKS)
        ).to_pylist()
        middle_e8 = _last_middle_e8(batch) or middle_e8
        decisions = compute.where(batch, compute.equal(kinds, "decision"))
        if decisions.num_rows:
            decided = decisions.column("offset")[-1].as_py()
        holds.update(compute.counts(decisions.column("reason")))
        samples = compute.where(batch.column("detail"), compute.equal(kinds, "health"))
        if len(samples):
            for sample in samples.to_pylist():
                health.update(journal.detail_of(sample))
    health = health or _health(log, start)
    session = notes.newest_session(place, log.end)
    if session is None and (before := journal.predecessor_of(log)) is not None:
        session = before.session
    last = None if decided is None else _decision_at(log, decided)
    cash_e8 = _cash_e8(log)
    free_bytes = DISK.free_bytes(place.log)
    seconds = (times[-1] - times[0]) / 10**9 if len(times) > 1 else 0.0
    per_s = (len(times) - 1) / seconds if seconds > 0 else None
    return Standing(
        place=place,
        running=DISK.locked(place.log / LOCK),
        ended=ended,
        records=log.end,
        session=session,
        last_received_ns=journal.last_received_ns(log),
        now_ns=clock.now_ns(),
        recent=recent,
        recent_ticks_per_s=per_s,
        last=last,
        holds=Counter({reason: n for reason, n in holds.items() if not _acts(reason)}),
        cash_e8=cash_e8,
        market_gain=_market_gain(log, last[1], cash_e8, middle_e8) if last else None,
        facts=newest_facts(Checkpoints(place.checkpoints)),
        free_bytes=free_bytes,
        days_left=_days_left(place, log, seconds, log.end - start, free_bytes)
        or _number(health.get("disk_days_left")),
        health=health,
        verified=verified(place),
    )


_TICKS = pa.array(["quote", "trade", "book"])
_SESSIONS = pa.array(["session_started", "session_ended"])


def _decision_at(log: Reader, offset: int) -> tuple[int, Decision]:
    ((_, decision),) = journal.records(log, offset, offset + 1)
    assert isinstance(decision, Decision)
    return offset, decision


def _health(log: Reader, end: int) -> dict[str, object]:
    """Return the newest health sample before an offset, from its end on."""
    for stop in range(end, max(0, log.end - HEALTH_RECORDS), -RECENT_RECORDS):
        newest: dict[str, object] = {}
        for batch in log.read(max(0, stop - RECENT_RECORDS), stop, columns=("kind", "detail")):
            samples = compute.where(
                batch.column("detail"), compute.equal(batch.column("kind"), "health")
            )
            if len(samples):
                newest = journal.detail_of(samples[-1].as_py())
        if newest:
            return newest
    return {}


def _acts(reason: str) -> bool:
    return reason.startswith(("entry", "exit"))


def _last_middle_e8(batch: pa.RecordBatch) -> int | None:
    quotes = compute.where(batch, compute.equal(batch.column("kind"), "quote"))
    if not quotes.num_rows:
        return None
    bid_e8, ask_e8 = counts_e8(quotes.column("bid"))[-1], counts_e8(quotes.column("ask"))[-1]
    return int(bid_e8 + ask_e8) // 2


def _cash_e8(log: Reader) -> int:
    """Return what the first session began with, of a log that has a record."""
    for batch in log.read(0, min(1, log.end), columns=("kind", "detail")):
        parameters = journal.detail_of(batch.column("detail")[0].as_py()).get("parameters")
        return int(parameters.get("cash", 0) * E8) if isinstance(parameters, dict) else 0
    return 0


def _market_gain(log: Reader, last: Decision, cash_e8: int, middle_e8: int | None) -> float | None:
    """Return what a holder's account gained; of the mid, where version 1 did not keep one."""
    if last.holder_equity_e8 is not None:
        return gain_of(last.holder_equity_e8, cash_e8)
    for batch in log.read(0, min(_FIRST_RECORDS, log.end), columns=("kind", "bid", "ask")):
        quotes = compute.where(batch, compute.equal(batch.column("kind"), "quote"))
        if quotes.num_rows:
            return gain_of(middle_e8, _last_middle_e8(quotes.slice(0, 1)))
    return None


def newest_facts(checkpoints: Checkpoints, *, at_most: int | None = None) -> Facts | None:
    """Return what the newest snapshot says of itself, of those whose beginning checks.

    With ``at_most``, of those at or before an offset.
    """
    for offset in reversed(checkpoints.offsets()):
        if at_most is not None and offset > at_most:
            continue
        try:
            return checkpoints.facts(offset)
        except CheckpointDamaged:
            continue
    return None


def _days_left(
    place: Place, log: Reader, seconds: float, records: int, free_bytes: int
) -> float | None:
    """Return for how long the disk lasts, from the size of what is sealed and the recent pace."""
    sealed = sorted(place.log.glob("*.parquet"))
    if not sealed or seconds <= 0:
        return None
    opened = [int(path.stem) for path in place.log.glob("*.open")]
    sealed_records = min(opened, default=log.end)
    if not sealed_records:
        return None
    per_record = sum(path.stat().st_size for path in sealed) / sealed_records
    return free_bytes / (per_record * records / seconds) / _DAY_S


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
