"""The checks of a journal beyond its log: checkpoints, and every interval run again."""

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
"""Up to so many records one process is faster than starting several."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of the log from one kept state to the next, or to the log's end."""

    place: JournalPath
    header: JournalHeader
    after: int
    end: int
    claimed: bool
    """Whether all its sessions ran on this machine's arithmetic."""


def check_bytes(place: JournalPath) -> list[Finding]:
    """Return which snapshots and deltas are not what was kept, reading every byte of them.

    None is beyond repair: an earlier state counts, and the log leads from there.
    """
    checkpoints = Checkpoints(place.checkpoints)
    findings: list[Finding] = []
    for offset in checkpoints.offsets():
        path = checkpoints.path(offset)
        try:
            _, _, name, _ = checkpoints.read(offset)
        except CheckpointDamaged as error:
            said = Finding("checkpoint.bytes", path, offset, error.problem, repairable=False)
            findings.append(said)
            continue
        path = path.with_suffix(".deltas")
        try:
            for _ in checkpoints.deltas(offset, name):
                pass
            interrupted = checkpoints.interrupted(offset, name)
            if interrupted and not DISK.locked(place.log / LOCK):
                findings.append(Finding("deltas", path, offset, interrupted, repairable=True))
        except CheckpointDamaged as error:
            said = Finding("checkpoint.bytes", path, offset, error.problem, repairable=False)
            findings.append(said)
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
        # A version that has more parameters goes on with its defaults for them.
        if facts.parameters not in (header.parameters_digest, header.parameters.digest):
            find("checkpoint.parameters", offset, "made with other parameters than the journal's")
        if offset == 0 and facts.digest != header.initial_state:
            find("checkpoint.genesis", offset, "not the first state that the first session names")
    if not offsets or offsets[0] != 0:
        find("checkpoint.missing", 0, "the first state is not there")
    return findings


def check_step(place: JournalPath, log: Reader) -> list[Finding]:
    """Return the finding that another version of the step decided; nothing where this one did.

    Then nothing can be said of the decisions: another code decides otherwise on any machine.
    """
    other = sessions.other_step(sessions.between(log, 0, log.end))
    if other is None:
        return []
    said = sessions.sentence(place, other)
    return [Finding("step.other", log.directory, other.offset, said, repairable=False)]


def intervals(
    place: JournalPath,
    log: Reader,
    header: JournalHeader,
    *,
    arithmetics: dict[int, str],
    ours: str,
) -> list[Interval]:
    """Return the stretches between the snapshots that check, and from the last to the end."""
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
    """Say whether every session that recorded a part of the stretch had our arithmetic."""
    begun = sorted(arithmetics)
    first = max((offset for offset in begun if offset <= after), default=0)
    return all(arithmetics[offset] == ours for offset in begun if first <= offset < end)


def rerun_all(stretches: list[Interval], advance: Advance) -> Iterator[Finding]:
    """Run every stretch again; yield where decisions or states differ. In parallel if it pays."""
    records = sum(stretch.end - stretch.after - 1 for stretch in stretches)
    jobs = min(os.cpu_count() or 1, len(stretches))
    if records <= ALONE_RECORDS or jobs == 1:
        for stretch in stretches:
            yield from rerun_one(stretch)
            advance(stretch.end - stretch.after - 1)
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
        for stretch, findings in zip(stretches, pool.map(rerun_one, stretches), strict=True):
            yield from findings
            advance(stretch.end - stretch.after - 1)


def rerun_one(stretch: Interval) -> list[Finding]:
    """Run one stretch again; return the first differing decision or state.

    On the way the state is compared with that of every delta, at the end with the next snapshot.
    """
    # Here and not above: the other checks do not need TensorFlow.
    from engine.engine import Engine
    from journal.replay import rerun

    log, checkpoints = Reader.open(stretch.place.log), Checkpoints(stretch.place.checkpoints)
    path = checkpoints.path(stretch.after)
    check = "replay" if stretch.claimed else "unclaimed"
    try:
        state, _, name, _ = checkpoints.read(stretch.after)
        kept = list(checkpoints.deltas(stretch.after, name))
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
        log, stretch.header, state, after=stretch.after, end=stretch.end, stops=stops, watch=watch
    )
    if outcome.divergence is not None:
        offset, message = outcome.divergence.offset, str(outcome.divergence)
        return [Finding(f"{check}.decision", log.directory, offset, message, repairable=False)]
    if stops and stops[-1] == stretch.end - 1 and digest(reached) != outcome.engine.digest:
        differing.append(stops[-1])
    if differing:
        message = f"the state kept after offset {differing[0]} is not the one that is derived"
        return [Finding(f"{check}.state", path, differing[0], message, repairable=False)]
    expected = _facts(checkpoints, stretch.end - 1)
    if expected is not None and expected.digest != outcome.engine.digest:
        message = f"the state is not the one that the state after {stretch.after} leads to"
        path = checkpoints.path(stretch.end - 1)
        return [Finding(f"{check}.state", path, stretch.end - 1, message, repairable=False)]
    return []


def _facts(checkpoints: Checkpoints, offset: int) -> Facts | None:
    try:
        return checkpoints.facts(offset)
    except (CheckpointDamaged, FileNotFoundError):
        return None
