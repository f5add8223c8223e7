"""The engine after any record."""

import shutil
from pathlib import Path

import pytest

from cli.exit_codes import code_of
from engine.checkpoint import Checkpoints
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.errors import CommandError
from journal.header import header_of
from journal.layout import JournalPath
from journal.rederive import state_after


def test_the_state_between_two_checkpoints(tmp_path: Path) -> None:
    """Derived from the nearest one before, and the same from the first one."""
    shutil.copytree(HERE / "kill-and-resume" / JOURNAL, tmp_path / JOURNAL)
    place = JournalPath(tmp_path, JOURNAL)
    log = Reader.open(place.log)
    header = header_of(log, place)
    offset = Checkpoints(place.checkpoints).offsets()[-1] - 5

    near = state_after(place, log, header, offset)
    for kept in Checkpoints(place.checkpoints).offsets()[1:]:
        Checkpoints(place.checkpoints).path(kept).unlink()
    far = state_after(place, log, header, offset)

    assert far.after == 0
    assert near.engine.digest == far.engine.digest


def test_nothing_to_begin_with(tmp_path: Path) -> None:
    """Without a state that checks it cannot be told."""
    shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / JOURNAL)
    place = JournalPath(tmp_path, JOURNAL)
    for path in place.checkpoints.glob("*.snapshot"):
        path.write_bytes(b"\0" * 200)
    log = Reader.open(place.log)

    with pytest.raises(CommandError) as caught:
        state_after(place, log, header_of(log, place), 100)

    assert code_of(caught.value) == 5
