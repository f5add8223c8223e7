"""A log in buckets: sums stay sums, extremes stay extremes, however it is cut."""

import json

import numpy as np
import pytest

from analysis.curves import read
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath
from journal.reading.prices import NEEDS, Prices
from journal.reading.score import COLUMNS, Score
from tests.support.commands import trader


@pytest.fixture(scope="module")
def log() -> Reader:
    return Reader.open(JournalPath(HERE / "gap", JOURNAL).log)


@pytest.mark.parametrize("buckets", [1, 7, 100, 100_000])
def test_sums_are_those_of_the_score(log: Reader, buckets: int) -> None:
    """Whatever the number of buckets, nothing is lost and nothing counted twice."""
    curves, score = read(log, buckets=buckets), Score()
    for batch in log.read(columns=COLUMNS):
        score.add(batch)

    assert curves.count == min(buckets, log.end)
    assert curves.decisions.sum() == score.decisions
    assert curves.fills.sum() == score.fills
    assert curves.sums["scored"].sum() == score.scored
    assert curves.sums["scored_loss"].sum() == pytest.approx(score.loss, rel=1e-5)
    assert sum(each.sum() for each in curves.reasons.values()) == score.decisions


def test_no_spike_is_lost(log: Reader) -> None:
    """The least and the greatest of all buckets are those of the log, whatever made the price."""
    curves, prices = read(log, buckets=9), Prices()
    said = [prices.add(batch).prices for batch in log.read(columns=NEEDS)]
    known = np.concatenate(said)[np.isfinite(np.concatenate(said))]

    assert curves.price_low.min() == known.min()
    assert curves.price_high.max() == known.max()
    assert (curves.price_first, curves.price_last[-1]) == (known[0], known[-1])


def test_the_last_value_of_a_bucket_is_the_last(log: Reader) -> None:
    """Equity at the end is what the newest decision says, and time never falls."""
    curves = read(log, buckets=5)
    said = trader("why", "--home", str(HERE / "gap"), "--json").summary["equity_e8"]

    assert curves.lasts["equity"][-1] == pytest.approx(int(str(said)) / 1e8)
    assert (np.diff(curves.time_ns) >= 0).all()
    json.dumps(curves.lasts["equity"].tolist())


def test_a_part_of_a_log(log: Reader) -> None:
    """Between two offsets only what lies there counts."""
    whole, first, rest = (
        read(log, buckets=4),
        read(log, buckets=4, end=1_000),
        read(log, buckets=4, start=1_000),
    )

    assert first.decisions.sum() + rest.decisions.sum() == whole.decisions.sum()
