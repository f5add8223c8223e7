"""What the report's page draws."""

import json

import pytest

from cli.chronicle import Chronicle, gather
from cli.journal import Place
from cli.series import series
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL


@pytest.fixture(scope="module")
def told() -> Chronicle:
    place = Place(HERE / "kill-and-resume", JOURNAL)
    return gather(place, Reader.open(place.log))


def test_columns_are_of_one_length(told: Chronicle) -> None:
    """The page draws them against each other; time does not run backwards."""
    drawn = series(told)
    json.dumps(drawn, allow_nan=False)
    columns = drawn["columns"]

    assert {len(values) for values in columns.values()} == {told.curves.count}
    assert columns["time"] == sorted(columns["time"])
    assert columns["offset"][-1] == told.records - 1
    shares = [sum(x or 0 for x in row) for row in zip(*drawn["reasons"].values(), strict=True)]
    assert max(shares) == pytest.approx(100, rel=1e-4)
