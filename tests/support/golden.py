"""What the committed journals lead to, and whether this machine can say so."""

import json
from pathlib import Path

import pytest

from engine.engine import arithmetic_digest
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal import layout
from journal.header import header_of
from journal.reading import sessions

EXPECTED = json.loads((HERE / "expected.json").read_text())


def claim(home: Path) -> None:
    """Skip where this machine's arithmetic is not the recorded one: nothing can be claimed."""
    place = layout.find(home, JOURNAL)
    log = Reader.open(place.log)
    initial_state = header_of(log, place)
    if set(sessions.arithmetics(log).values()) != {arithmetic_digest(initial_state.parameters)}:
        pytest.skip("recorded on other arithmetic than this build's on this machine")
