"""Checks of a journal's checkpoints, and of its decisions by running every interval again."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from engine import delta
from engine.checkpoint import Checkpoints, belongs
from engine.errors import CheckpointDamaged
from engine.snapshot import Facts
from engine.state import digest
from eventlog.integrity import Finding
from eventlog.reader import Reader
from eventlog.recovery import LOCK
from eventlog.storage import DISK
from journal.header import JournalHeader
from journal.layout import JournalPath
from journal.progress import Advance
from journal.reading import sessions

ALONE_RECORDS = 200_000
"""Up to this number of records, one process is faster than starting several."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The records from one snapshot to the next, or to the log's end."""

    place: JournalPath
    header: JournalHeader
    after: int
    """The offset of the last record in the first snapshot."""
    end: int
    """The offset to stop before."""
    claimed: bool
    """Whether all its sessions ran on this machine's arithmetic."""


def check_bytes(place: JournalPath) -> list[Finding]:
    """Return the damaged snapshots and deltas, reading every byte of them.

    A damaged one can be replaced: an earlier state is used, and the log leads on from there.
    """
    checkpoints = Checkpoints(place.checkpoints)
    findings: list[Finding] = []
    for offset in checkpoints.offsets():
        path = checkpoints.path(offset)
        try:
            _, _, name, _ = checkpoints.read(offset)
        except CheckpointDamaged as error:
            finding = Finding("checkpoint.bytes", path, offset, error.problem, repairable=False)
            findings.append(finding)
            continue
        path = path.with_suffix(".deltas")
        try:
            for _ in checkpoints.deltas(offset, name):
                pass
            interrupted = checkpoints.interrupted(offset, name)
            if interrupted and not DISK.locked(place.log / LOCK):
                findings.append(Finding("deltas", path, offset, interrupted, repairable=True))
        except CheckpointDamaged as error:
            finding = Finding("checkpoint.bytes", path, offset, error.problem, repairable=False)
            findings.append(finding)
    return findings


def check_checkpoints(
    place: JournalPath, log: Reader, header: JournalHeader, advance: Advance
) -> list[Finding]:
    """Return what is wrong with the snapshots and the deltas, reading every byte of them."""
    checkpoints = Checkpoints(place.checkpoints)
    findings = check_bytes(place)

    def find(check: str, offset: int, message: str) -> None:
        path = checkpoints.path(offset)
        findings.append(Finding(check, path, offset, message, repairable=False))

    offsets = checkpoints.offsets()
    for offset in offsets:
        advance(1)
        try:
            _, facts, name, _ = checkpoints.read(offset)
            chains = [(offset, bytes.fromhex(facts.chain))]
            chains += [(end, chain) for end, chain, _ in checkpoints.deltas(offset, name)]
        except CheckpointDamaged:
            continue  # a finding already
        foreign = [end for end, chain in chains if not belongs(log, end, chain)]
        if foreign:
            find("checkpoint.anchor", offset, f"not of this log's history at offset {foreign[0]}")
        # A version with more parameters continues a journal with its defaults for them.
        if facts.parameters not in (header.parameters_digest, header.parameters.digest):
            find("checkpoint.parameters", offset, "made with other parameters than the journal's")
        if offset == 0 and facts.digest != header.initial_state:
            find("checkpoint.genesis", offset, "not the first state that the first session names")
    if not offsets or offsets[0] != 0:
        find("checkpoint.missing", 0, "the first state is not there")
    return findings


def check_step(place: JournalPath, log: Reader) -> list[Finding]:
    """Return a finding if another version of the step recorded a part of the journal.

    Its decisions cannot be checked then: another step decides differently on any machine.
    """
    other = sessions.other_step(sessions.between(log, 0, log.end))
    if other is None:
        return []
    message = sessions.sentence(place, other)
    return [Finding("step.other", log.directory, other.offset, message, repairable=False)]


def intervals(
    place: JournalPath,
    log: Reader,
    header: JournalHeader,
    *,
    arithmetics: dict[int, str],
    ours: str,
) -> list[Interval]:
    """Return the intervals between undamaged snapshots, and from the last one to the log's end."""
    checkpoints = Checkpoints(place.checkpoints)
    starts: list[int] = []
    for offset in checkpoints.offsets():
        try:
            checkpoints.facts(offset)
        except CheckpointDamaged:
            continue
        if offset < log.end:
            starts.append(offset)
    ends = [*(offset + 1 for offset in starts[1:]), log.end]
    return [
        Interval(place, header, after, end, claimed=_claimed(arithmetics, ours, after, end))
        for after, end in zip(starts, ends, strict=True)
    ]


def _claimed(arithmetics: dict[int, str], ours: str, after: int, end: int) -> bool:
    """Return whether every session that recorded a part of the interval had our arithmetic."""
    begun = sorted(arithmetics)
    first = max((offset for offset in begun if offset <= after), default=0)
    return all(arithmetics[offset] == ours for offset in begun if first <= offset < end)


def rerun_all(todo: list[Interval], advance: Advance) -> Iterator[Finding]:
    """Run every interval again, in parallel if it pays; yield where decisions or states differ."""
    records = sum(interval.end - interval.after - 1 for interval in todo)
    jobs = min(os.cpu_count() or 1, len(todo))
    if records <= ALONE_RECORDS or jobs == 1:
        for interval in todo:
            yield from rerun_one(interval)
            advance(interval.end - interval.after - 1)
        return
    from engine.executor.selection import selected
    from journal import compile_cache

    # A child is started afresh, not forked: TensorFlow does not survive a fork.
    with ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),
        initializer=compile_cache.reuse,
        initargs=(selected(),),
    ) as pool:
        for interval, findings in zip(todo, pool.map(rerun_one, todo), strict=True):
            yield from findings
            advance(interval.end - interval.after - 1)


def rerun_one(interval: Interval) -> list[Finding]:
    """Run one interval again; return the first differing decision or state.

    The state is compared with that of every delta on the way, and with the next snapshot at the
    end.
    """
    # Imported here: the other checks do not need TensorFlow.
    from engine.engine import Engine
    from journal.replay import rerun

    log, checkpoints = Reader.open(interval.place.log), Checkpoints(interval.place.checkpoints)
    path = checkpoints.path(interval.after)
    check = "replay" if interval.claimed else "unclaimed"
    try:
        state, _, name, _ = checkpoints.read(interval.after)
        kept = list(checkpoints.deltas(interval.after, name))
    except CheckpointDamaged:
        return []  # already a finding
    differing: list[int] = []
    reached = delta.copied(state)

    def watch(engine: Engine) -> None:
        if differing or not kept or engine.position < kept[0][0]:
            return
        end, _, change = kept.pop(0)
        delta.add(reached, change)
        small = engine.small_bytes()
        if any(small[name] != reached[name].tobytes() for name in small):
            differing.append(end)

    stops = [end for end, _, _ in kept]
    outcome = rerun(
        log,
        interval.header,
        state,
        after=interval.after,
        end=interval.end,
        stops=stops,
        watch=watch,
    )
    if outcome.divergence is not None:
        offset, message = outcome.divergence.offset, str(outcome.divergence)
        return [Finding(f"{check}.decision", log.directory, offset, message, repairable=False)]
    if stops and stops[-1] == interval.end - 1 and digest(reached) != outcome.engine.digest:
        differing.append(stops[-1])
    if differing:
        message = f"the state kept after offset {differing[0]} is not the one that is derived"
        return [Finding(f"{check}.state", path, differing[0], message, repairable=False)]
    expected = _facts(checkpoints, interval.end - 1)
    if expected is not None and expected.digest != outcome.engine.digest:
        message = f"the state is not the one that the state after {interval.after} leads to"
        path = checkpoints.path(interval.end - 1)
        return [Finding(f"{check}.state", path, interval.end - 1, message, repairable=False)]
    return []


def _facts(checkpoints: Checkpoints, offset: int) -> Facts | None:
    try:
        return checkpoints.facts(offset)
    except (CheckpointDamaged, FileNotFoundError):
        return None
