"""The measures of success."""

import pytest

from analysis.history import History, gather
from analysis.report import figures
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath
from journal.messages import as_json

MEASURES = [
    "cumulative learning",
    "learning velocity",
    "adaptation speed",
    "session continuity",
    "recovery reliability",
    "long-term stability",
    "confidence over time",
]


@pytest.fixture(scope="module")
def told() -> History:
    place = JournalPath(HERE / "kill-and-resume", JOURNAL)
    return gather(place, Reader.open(place.log))


def test_the_measures_of_success_are_there_by_name(told: History) -> None:
    """Each with a unit and a sentence; a recovery was attempted and succeeded."""
    said = as_json(figures(told, None))["measures"]

    assert [row["name"] for row in said] == MEASURES
    assert all(row["unit"] and row["text"] for row in said)
    recovery = said[MEASURES.index("recovery reliability")]
    assert recovery["value"] == 1.0
    assert recovery["note"] == "attempted: 1, succeeded: 1"
