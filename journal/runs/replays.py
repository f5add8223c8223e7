"""A replay or a fork, from its plan to its summary."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.checkpoint import Checkpoints
from engine.executor.choice import Choice
from eventlog.printable import printable
from eventlog.reader import Reader
from feeds import clock
from journal import compile_cache, layout
from journal.asked import preflight
from journal.asked.offsets import check_order, resolve
from journal.errors import JournalCorrupt, UsageError
from journal.header import JournalHeader, header_of
from journal.layout import JournalPath
from journal.progress import progress, stage
from journal.reading import sessions
from journal.summaries import DifferenceSaid, Forked, Replayed

if TYPE_CHECKING:
    from journal.replay import Rerun

START = "checkpoint"
"""Where a replay begins by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """What a replay was asked for; offsets are texts that `journal.asked.offsets` parses."""

    home: Path
    journal: str | None
    """``None`` if the home has only one."""
    start: str
    stop: str
    executor: Choice = Choice.AUTO
    """Who runs the step."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """The journal that is replayed, with the offsets to start at and to stop before."""

    place: JournalPath
    log: Reader
    checkpoints: Checkpoints
    header: JournalHeader
    start: int
    end: int


def _opened(plan: ReplayPlan) -> _Opened:
    place = layout.find(plan.home, plan.journal)
    log, checkpoints = Reader.open(place.log), Checkpoints(place.checkpoints)
    header = header_of(log, place)
    start, end = (resolve(text, log, checkpoints) for text in (plan.start, plan.stop))
    return _Opened(place, log, checkpoints, header, start, end)


def fork(plan: ReplayPlan, *, out: Path | None, assignments: Sequence[str] | None) -> Forked:
    """Make a new journal of a recorded one's inputs, with other parameters; return both outcomes.

    Args:
        plan: the recorded journal; a fork begins with its first record.
        out: the home of the new journal.
        assignments: the new journal's parameters, as ``--set`` takes them.

    Raises:
        UsageError: if ``out`` is missing or has that journal already, or if the plan does not start
            at the beginning.
        ParameterError: if a parameter is unknown, or its value invalid.
        EventLogError, CommandError: if the journal cannot be read, or the new one cannot be made.
    """
    opened = _opened(plan)
    if plan.start not in (START, "beginning"):
        raise UsageError(f"--from {printable(plan.start, 80)}: a fork has every tick")
    recorded = opened.header.parameters
    chosen = None if assignments is None else list(assignments)
    target, parameters, changed = preflight.check_fork(opened.place, recorded, out, chosen)
    compile_cache.reuse(plan.executor)
    with stage("load"):
        from journal.fork import fork as forked
    return forked(
        opened.log,
        target,
        opened.place,
        end=opened.end,
        parameters=parameters,
        venue=opened.header.venue,
        chosen=changed,
    )


def replay(plan: ReplayPlan) -> Replayed:
    """Run recorded ticks through the engine again; return a summary.

    It begins at the newest checkpoint before the start, since the engine needs a state.

    Raises:
        UsageError: if the end is before the start.
        JournalCorrupt: if there is no checkpoint before the start.
        JournalIncompatible: if another version of the step recorded a part of it.
        EventLogError, CommandError: if the journal cannot be read.
    """
    opened = _opened(plan)
    check_order(plan.start, opened.start, plan.stop, opened.end)
    before = [each for each in opened.checkpoints.offsets() if each < max(opened.start, 1)]
    if not before:
        problem = f"{opened.place.checkpoints}: no checkpoint before {opened.start}"
        raise JournalCorrupt(problem)
    after = max(before)
    sessions.check_between(opened.log, opened.place, after, opened.end)
    compile_cache.reuse(plan.executor)
    with stage("load"):
        from journal.replay import rerun
    header = opened.header
    ours = compile_cache.compiled(header.parameters, header.rules)  # not to count as replaying
    claimed = set(sessions.arithmetics(opened.log, after, opened.end).values()) == {ours}
    state = opened.checkpoints.read(after).state
    started_s = clock.monotonic_s()
    with progress("replaying", opened.end - after - 1) as advance:
        outcome = rerun(opened.log, header, state, after=after, end=opened.end, advance=advance)
    seconds = clock.monotonic_s() - started_s
    return _replayed(opened, outcome, after=after, seconds=seconds, is_claimed=claimed)


def _replayed(
    opened: _Opened, outcome: "Rerun", *, after: int, seconds: float, is_claimed: bool
) -> Replayed:
    score, divergence = outcome.score, outcome.divergence
    return Replayed(
        journal=opened.place.name,
        start=after + 1,
        end=opened.end,
        ticks=score.decisions,
        compared=outcome.comparison.compared,
        diverged_at=None if divergence is None else divergence.offset,
        same_arithmetic=is_claimed,
        seconds=round(seconds, 3),
        ticks_per_second=round(score.decisions / seconds if seconds else 0.0, 1),
        fingerprint=score.fingerprint_hex,
        state=outcome.engine.digest,
        log_loss=score.log_loss,
        baseline_log_loss=score.baseline_log_loss,
        accuracy=score.accuracy,
        equity=score.equity,
        account=None if score.account is None else score.account.said(),
        executor=outcome.engine.executor,
        difference=None if divergence is None else DifferenceSaid(**asdict(divergence)),
    )
