"""What a person reads of a decision."""

import pytest

from analysis.decision import explain
from cli.render.decision import to_lines
from eventlog.reader import Reader
from fixtures.record import HERE
from journal import layout


@pytest.mark.parametrize("home", ["gap", "kill-and-resume"])
def test_it_fits_on_one_screen(home: str) -> None:
    """Every fact in fewer lines than a terminal has, and none of them wider than one."""
    place = layout.find(HERE / home, None)
    lines = [*to_lines(explain(place, Reader.open(place.log), "last"))]
    labels = {line[2:12].strip() for line in lines[2:]}

    assert lines[0].startswith("PAPER BTC-AUD, offset ")
    assert {"because", "model", "edge", "tick", "before", "account", "lineage"} <= labels
    assert len(lines) < 24
    assert max(map(len, lines)) < 80


def test_a_note_and_a_window_are_told() -> None:
    """Why it is another decision than the one of the offset, and how far back reasons count."""
    place = layout.find(HERE / "gap", None)
    lines = [*to_lines(explain(place, Reader.open(place.log), "0", window_s=5.0))]

    assert lines[1] == "(offset 0 is a session_started without a decision: the next one)"
    assert any("decisions in the 5.0 s before:" in line for line in lines)
