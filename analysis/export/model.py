"""The network as it stood at any record, as a Keras file. Loads TensorFlow."""

from pathlib import Path

from engine.learner import network
from eventlog.reader import Reader
from journal import outputs
from journal.errors import JournalDiverged
from journal.header import header_of
from journal.layout import JournalPath
from journal.rederive import state_after
from journal.summaries import ModelExported


def write(out: Path, place: JournalPath, log: Reader, offset: int, *, force: bool) -> ModelExported:
    """Save the network as it stood after an offset.

    Raises:
        JournalDiverged: if what is derived on the way is not what was recorded.
        OSError: if it cannot be written.
    """
    header = header_of(log, place)
    derived = state_after(place, log, header, offset)
    if derived.divergence is not None:
        problem = f"what is derived on the way is not what was recorded {derived.divergence}"
        raise JournalDiverged(problem, hint="trader verify --deep looks further.")
    model = network.model_at(derived.engine.state(), header.parameters)
    with outputs.replacing(out, force=force) as temporary:
        model.save(temporary)
    return ModelExported(
        file=str(out),
        offset=offset,
        weights=int(model.count_params()),
        from_checkpoint=derived.after,
        compared=derived.compared,
        bytes=out.stat().st_size,
    )
