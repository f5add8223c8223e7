"""What a report says."""

import json
from copy import copy

import numpy as np
import pytest

from analysis.figures import Period
from analysis.history import History, gather
from analysis.report import figures, held, merged
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath
from journal.messages import as_json


@pytest.fixture(scope="module")
def told() -> History:
    place = JournalPath(HERE / "kill-and-resume", JOURNAL)
    return gather(place, Reader.open(place.log))


def test_figures_are_json_without_numbers_that_are_none(told: History) -> None:
    """JSON has no NaN, so neither have we."""
    json.dumps(as_json(figures(told, None)), allow_nan=False)


def test_the_table_adds_up(told: History) -> None:
    """The parts of the table that needs no script are the whole."""
    said = as_json(figures(told, None))

    assert sum(row["labels"] for row in said["periods"]) == said["learning"]["labels"]
    assert sum(row["fills"] for row in said["periods"]) == said["money"]["fills"]
    assert sum(said["holds"].values()) == sum(row["ticks"] for row in said["sessions"])


def test_a_verification_covers_what_it_saw(told: History) -> None:
    """A checkpoint behind the verified records is not yet verified."""
    last = told.checkpoints[-1].offset
    said = figures(told, {"verdict": "clean", "depth": "deep", "records": last}).checkpoints

    assert said[-1].verified == "not yet"
    assert said[0].verified == "clean (deep)"
    quick = figures(told, {"verdict": "clean", "depth": "quick", "records": last + 1})
    assert quick.checkpoints[0].verified == "not looked at"


def test_a_holder_is_a_stake_at_the_mid_where_the_log_has_none(told: History) -> None:
    """Version 1 kept no holder's account: the stake of one order gained what the mid gained, and
    the rest of the cash nothing; the market's own move is another figure."""
    old = copy(told)
    old.curves = copy(told.curves)
    old.curves.lasts = {"equity": told.curves.lasts["equity"]}
    money = figures(old, None).money
    move = told.curves.price_last[np.isfinite(told.curves.price_last)][-1]
    move = move / told.curves.price_first - 1

    assert held(old)[-1] == pytest.approx(10_000.0 + 1_000.0 * move)
    assert money.market_gain == pytest.approx(move)
    assert money.hold_gain == pytest.approx(move / 10)
    assert held(told)[-1] != held(old)[-1]
    assert as_json(figures(told, None))["money"]["market_gain"] == money.market_gain


def test_as_many_labels_are_judged_as_were_scored(told: History) -> None:
    """Read again from the prices by the engine's rule, they are the same ones."""
    said = as_json(figures(told, None))

    assert said["calibration"]["labels"] == said["learning"]["labels"] > 1_000


def period(until: str, labels: int, loss: float | None) -> Period:
    return Period(
        until=until,
        ticks=10,
        labels=labels,
        log_loss=loss,
        baseline_log_loss=0.7,
        accuracy=0.5,
        frozen_log_loss=None,
        fills=1,
        equity=None,
        price=None,
    )


def test_neighbouring_periods_are_one_weighted_by_their_labels() -> None:
    """Sums of labels, means by labels, and of a figure that nobody has, none."""
    parts = [(10, 0.4), (30, 0.8), (0, None), (5, 0.6)]
    periods = [period(str(number), *part) for number, part in enumerate(parts)]

    first, second = merged(periods, 2)

    assert first.log_loss is not None
    assert (first.until, first.labels, round(first.log_loss, 9)) == ("1", 40, 0.7)
    assert (second.until, second.labels, second.log_loss) == ("3", 5, 0.6)
    assert (first.ticks, first.fills, first.frozen_log_loss) == (20, 2, None)
