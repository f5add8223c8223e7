"""What the report's page draws."""

import json
from copy import copy

import pytest

from analysis.history import SHOWN_MOST, History, gather
from analysis.series import series
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath


@pytest.fixture(scope="module")
def told() -> History:
    place = JournalPath(HERE / "kill-and-resume", JOURNAL)
    return gather(place, Reader.open(place.log))


def test_columns_are_of_one_length(told: History) -> None:
    """The page draws them against each other; time does not run backwards."""
    drawn = series(told)
    json.dumps(drawn, allow_nan=False)
    columns = drawn["columns"]

    assert {len(values) for values in columns.values()} == {told.curves.count}
    assert columns["time"] == sorted(columns["time"])
    assert columns["offset"][-1] == told.records - 1
    shares = [sum(x or 0 for x in row) for row in zip(*drawn["reasons"].values(), strict=True)]
    assert max(shares) == pytest.approx(100, rel=1e-4)


def test_all_fills_are_drawn(told: History) -> None:
    """One by one while they are few; of many, those of a bucket and a side are one mark."""
    few = series(told)["fills"]
    many = copy(told)
    many.fills = [told.fills[0]] * (SHOWN_MOST + 1)
    marks = series(many)["fills"]
    drawn = told.curves

    assert len(few) == drawn.fills.sum()
    assert {each["count"] for each in few} == {1}
    assert sum(each["count"] for each in marks) == drawn.fills.sum()
    assert len(marks) < len(few)
    for side in ("buy", "sell"):
        prices = [each["price"] for each in few if each["side"] == side]
        kept = [(each["price"], each["count"]) for each in marks if each["side"] == side]
        mean = sum(price * count for price, count in kept) / sum(count for _, count in kept)
        assert mean == pytest.approx(sum(prices) / len(prices))
    assert [each["time"] for each in marks] == sorted(each["time"] for each in marks)


def test_milestones_of_a_bucket_are_one_mark(told: History) -> None:
    """Which says how many it stands for."""
    often = copy(told)
    row = {"offset": 100, "cause": 99, "received_ns": 1, "why": "drift", "detail": {}}
    often.milestones = [row] * 3
    (mark,) = (each for each in series(often)["marks"] if each["kind"] == "drift")

    assert mark["label"] == "drift x 3"


def test_all_reasons_make_up_the_whole(told: History) -> None:
    """Those without a colour of their own share one."""
    drawn = series(told)["reasons"]

    assert len(told.curves.reasons) > len(drawn)
    assert any(name.endswith(" others") for name in drawn)
