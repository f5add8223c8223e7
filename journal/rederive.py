"""The engine as it was after any record: from the nearest checkpoint, over the records since.

Effects derived on the way are compared with the recorded ones. So a state, a feature or a model
taken from this engine is known to be the one that decided.
"""

from dataclasses import dataclass

from engine.checkpoint import Checkpoints
from engine.comparison import Divergence
from engine.engine import Engine
from engine.errors import CheckpointDamaged
from eventlog.reader import Reader
from journal.errors import JournalCorrupt
from journal.header import JournalHeader
from journal.layout import JournalPath
from journal.progress import progress
from journal.reading.sessions import check_between
from journal.replay import rerun


@dataclass(frozen=True, slots=True)
class Rederived:
    """An engine after a record, and how it was derived."""

    engine: Engine
    after: int
    """The offset of the checkpoint that it began with."""
    compared: int
    """How many effects were compared with recorded ones."""
    divergence: Divergence | None
    """The first difference between derived and recorded effects."""


def state_after(place: JournalPath, log: Reader, header: JournalHeader, offset: int) -> Rederived:
    """Return the engine after the record at an offset.

    Raises:
        JournalCorrupt: if there is no undamaged checkpoint at or before it.
        JournalIncompatible: if another version of the step decided the records since.
    """
    checkpoints = Checkpoints(place.checkpoints)
    for after in reversed([each for each in checkpoints.offsets() if each <= offset]):
        try:
            state = checkpoints.read(after).state
        except CheckpointDamaged:
            continue
        check_between(log, place, after, offset + 1)
        with progress("re-deriving", offset - after) as advance:
            outcome = rerun(log, header, state, after=after, end=offset + 1, advance=advance)
        compared = outcome.comparison.compared
        return Rederived(outcome.engine, after, compared, outcome.divergence)
    problem = f"{place.checkpoints}: no checkpoint that checks at or before {offset}"
    raise JournalCorrupt(problem)
