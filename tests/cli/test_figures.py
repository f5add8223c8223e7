"""What a report says."""

import json
from copy import copy

import numpy as np
import pytest

from cli.chronicle import Chronicle, gather
from cli.figures import figures, held
from cli.journal import Place
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL


@pytest.fixture(scope="module")
def told() -> Chronicle:
    place = Place(HERE / "kill-and-resume", JOURNAL)
    return gather(place, Reader.open(place.log))


def test_figures_are_json_without_numbers_that_are_none(told: Chronicle) -> None:
    """JSON has no NaN, so neither have we."""
    json.dumps(figures(told, None), allow_nan=False)


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


def test_a_holder_is_the_mid_where_the_log_has_none(told: Chronicle) -> None:
    """Version 1 kept no holder's account: who bought at the first mid gained what it gained."""
    drawn = copy(told.curves)
    drawn.lasts = {}
    seen = drawn.price_last[np.isfinite(drawn.price_last)]

    hold = held(drawn, 10_000.0)

    assert hold[-1] == pytest.approx(10_000.0 * seen[-1] / seen[0])
    assert held(told.curves, 10_000.0)[-1] != hold[-1]
