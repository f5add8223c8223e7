"""The checkpoints that a journal keeps, and how good the learner was at each."""

from dataclasses import asdict, dataclass

from analysis.lines import time_of
from analysis.scoring.scores import learned_by
from engine.checkpoint import Checkpoints
from engine.errors import CheckpointDamaged
from eventlog.records import format_e8
from journal.layout import JournalPath
from journal.sidecar import covered, verified
from journal.summaries import CheckpointDamagedSaid, CheckpointSaid, CheckpointsKept


@dataclass(frozen=True, slots=True)
class KeptStates:
    """The checkpoints, oldest first, and how many there are."""

    states: tuple[CheckpointSaid | CheckpointDamagedSaid, ...]
    summary: CheckpointsKept


def kept_states(place: JournalPath) -> KeptStates:
    """Return the checkpoints that a journal keeps; only the beginning of each file is read."""
    kept, verification = Checkpoints(place.checkpoints), verified(place)
    states = tuple(_state(kept, offset, verification) for offset in kept.offsets())
    damaged = sum(isinstance(state, CheckpointDamagedSaid) for state in states)
    return KeptStates(states, CheckpointsKept(checkpoints=len(states), damaged=damaged))


def _state(
    kept: Checkpoints, offset: int, verification: dict[str, object] | None
) -> CheckpointSaid | CheckpointDamagedSaid:
    try:
        facts = kept.facts(offset)
    except CheckpointDamaged as error:
        return CheckpointDamagedSaid(offset=offset, problem=error.problem)
    return CheckpointSaid(
        offset=offset,
        time_ns=facts.time_ns,
        time=time_of(facts.time_ns),
        steps=facts.steps,
        **asdict(learned_by(facts)),
        equity=format_e8(facts.equity_e8),
        size_bytes=kept.path(offset).stat().st_size,
        digest=facts.digest,
        verified=covered(offset, verification),
    )
