"""What a report says."""

import json

import pytest

from cli.chronicle import Chronicle, gather
from cli.figures import figures, series
from cli.journal import Place
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL

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
def told() -> Chronicle:
    place = Place(HERE / "kill-and-resume", JOURNAL)
    return gather(place, Reader.open(place.log))


def test_figures_are_json_without_numbers_that_are_none(told: Chronicle) -> None:
    """JSON has no NaN, so neither have we."""
    json.dumps(figures(told, None), allow_nan=False)
    json.dumps(series(told), allow_nan=False)


def test_the_measures_of_success_are_there_by_name(told: Chronicle) -> None:
    """Each with a unit and a sentence; a recovery was attempted and succeeded."""
    said = figures(told, None)["measures"]

    assert [row["name"] for row in said] == MEASURES
    assert all(row["unit"] and row["text"] for row in said)
    recovery = said[MEASURES.index("recovery reliability")]
    assert recovery["value"] == 1.0
    assert recovery["note"] == "attempted: 1, succeeded: 1"


def test_the_table_adds_up(told: Chronicle) -> None:
    """The parts of the table that needs no script are the whole."""
    said = figures(told, None)

    assert sum(row["labels"] for row in said["periods"]) == said["learning"]["labels"]
    assert sum(row["fills"] for row in said["periods"]) == said["money"]["fills"]
    assert sum(said["holds"].values()) == sum(row["ticks"] for row in said["sessions"])


def test_a_verification_covers_what_it_saw(told: Chronicle) -> None:
    """A checkpoint behind the verified records is not yet verified."""
    last = told.checkpoints[-1].offset
    said = figures(told, {"verdict": "clean", "depth": "deep", "records": last})["checkpoints"]

    assert said[-1]["verified"] == "not yet"
    assert said[0]["verified"] == "clean (deep)"
    quick = figures(told, {"verdict": "clean", "depth": "quick", "records": last + 1})
    assert quick["checkpoints"][0]["verified"] == "not looked at"


def test_columns_are_of_one_length(told: Chronicle) -> None:
    """The page draws them against each other; time does not run backwards."""
    drawn = series(told)
    columns = drawn["columns"]

    assert {len(values) for values in columns.values()} == {told.curves.count}
    assert columns["time"] == sorted(columns["time"])
    assert columns["offset"][-1] == told.records - 1
    shares = [sum(x or 0 for x in row) for row in zip(*drawn["reasons"].values(), strict=True)]
    assert max(shares) == pytest.approx(100, rel=1e-4)
