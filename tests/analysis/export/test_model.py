"""The network as a Keras file."""

from pathlib import Path

import numpy as np
import pytest

from analysis.export.model import write
from engine.arithmetic import keras
from engine.learner import network
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.header import header_of
from journal.layout import JournalPath
from journal.rederive import state_after


# Keras asks NumPy in a way that NumPy is about to drop; it is theirs to mend.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_network_at_an_offset_opens_by_itself(tmp_path: Path) -> None:
    """The Keras file holds the weights of the state at that offset, and opens by itself."""
    out = tmp_path / "model.keras"
    place = JournalPath(HERE / "gap", JOURNAL)
    log = Reader.open(place.log)
    saved = write(out, place, log, 900, force=False)
    derived = state_after(place, log, header_of(log, place), 900)

    assert saved.offset == 900
    assert saved.bytes == out.stat().st_size
    model = keras.saving.load_model(out)
    expected = derived.engine.state()["learner.weights"]
    assert network.flatten(model).tobytes() == np.asarray(expected).tobytes()
