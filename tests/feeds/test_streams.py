"""Made-up markets: what is said to be known of them is what can be known."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from eventlog.records import BookUpdate
from eventlog.schema import decode
from feeds.streams import (
    BOOK,
    CROSSED,
    FLIP_HAZARD,
    GAP,
    HORIZON_MS,
    STREAMS,
    UNDECODABLE,
    Market,
    market,
)

ROOT = Path(__file__).parent.parent.parent
TICKS = 40_000

ATTAINABLE = {
    "S0": (0.5, 0.6931),
    "S1": (0.7788, 0.4620),
    "S2": (0.710, None),
    "S4": (0.8, 0.5004),
    "S5": (0.6394, 0.5776),
    "S6": (0.7788, 0.4620),
    "S7": (0.7788, 0.4620),
}
"""Accuracy and log-loss by integration: E sigmoid(s |z|) and the mean entropy, for s = 2."""


def labels(made: Market) -> tuple[np.ndarray, np.ndarray]:
    """Return the forecasts of rows that moved within the horizon, and whether they rose."""
    later = np.searchsorted(made.time_ns, made.time_ns + HORIZON_MS * 10**6, side="right") - 1
    known = made.time_ns + HORIZON_MS * 10**6 <= made.time_ns[-1]
    moved = known & (made.mid_e8[later] != made.mid_e8)
    return made.p_up[moved], (made.mid_e8[later] > made.mid_e8)[moved]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(STREAMS))
def test_the_optimum_is_attained_and_calibrated(name: str, seed: int) -> None:
    """The forecasts' accuracy and log-loss are those that they promise, within 3 errors.

    Of S2 each tenth row counts, since its labels overlap.
    """
    made = market(name, seed=seed, ticks=TICKS * (10 if name == "S2" else 1))
    p_up, rose = labels(made)
    if name == "S2":
        p_up, rose = p_up[::10], rose[::10]
    said = np.where(rose, p_up, 1 - p_up)
    promised = np.maximum(p_up, 1 - p_up)
    error = np.sqrt(np.mean(promised * (1 - promised)) / len(p_up))
    entropy = -(p_up * np.log(p_up) + (1 - p_up) * np.log(1 - p_up))
    losses = -np.log(said)

    hits = np.where(p_up == 0.5, 0.5, said > 0.5)
    assert abs(np.mean(hits) - np.mean(promised)) < 3 * error
    assert abs(np.mean(losses - entropy)) <= 3 * np.std(losses - entropy) / np.sqrt(len(p_up))
    if name in ATTAINABLE:
        accuracy, log_loss = ATTAINABLE[name]
        assert abs(np.mean(promised) - accuracy) < 3 * np.std(promised) / np.sqrt(len(p_up)) + 1e-3
        if log_loss is not None:
            assert abs(np.mean(entropy) - log_loss) < 0.006


def test_the_filter_is_better_than_any_fixed_sign_and_worse_than_knowing() -> None:
    made = market("S3", seed=4, ticks=TICKS)
    p_up, rose = labels(made)
    fixed = (made.imbalance[: len(rose), 0] > 0) == rose

    assert 0.76 < np.mean((p_up > 0.5) == rose) < 0.7788 + 0.007
    assert abs(np.mean(fixed) - 0.5) < 0.15
    assert FLIP_HAZARD * TICKS > 5


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_books_show_what_is_known(name: str) -> None:
    """The imbalance of the levels in the log is the one that is meant; prices do not cross."""
    made = market(name, seed=1, ticks=300)
    for batch in made.batches():
        for offset, record in decode(batch):
            if made.kind[offset] == BOOK:
                assert isinstance(record, BookUpdate)
                assert record.bids[0].price_e8 + record.asks[0].price_e8 == 2 * made.mid_e8[offset]
                for rank, (bid, ask) in enumerate(zip(record.bids, record.asks, strict=True)):
                    seen = (bid.volume_e8 - ask.volume_e8) / (bid.volume_e8 + ask.volume_e8)
                    assert abs(seen - made.imbalance[offset, rank]) < 1e-7
                    assert bid.price_e8 < ask.price_e8


def test_dirt_is_what_it_is_counted_as() -> None:
    made = market("S8", seed=1, ticks=20_000)
    kinds = [kind for batch in made.batches() for kind in batch.column("kind").to_pylist()]

    assert kinds.count("gap") == np.sum(made.kind == GAP) > 0
    assert kinds.count("undecodable") == np.sum(made.kind == UNDECODABLE) > 0
    assert kinds.count("book") == np.sum(made.kind <= CROSSED)
    assert np.sum(np.diff(made.time_ns) == 0) > 0
    assert np.max(np.diff(made.time_ns)) > 30 * 10**9
    crossed = next(iter(made.at(np.flatnonzero(made.kind == CROSSED)).batches()))
    _, record = next(decode(crossed))
    assert isinstance(record, BookUpdate)
    assert record.bids[0].price_e8 > record.asks[0].price_e8


@pytest.mark.parametrize("name", sorted(set(STREAMS) - {"S6"}))
def test_a_longer_market_begins_the_same(name: str) -> None:
    short, long = market(name, seed=3, ticks=500), market(name, seed=3, ticks=700)
    count = len(short.kind) - 20

    assert (short.mid_e8[:count] == long.mid_e8[:count]).all()
    assert (short.p_up[:count] == long.p_up[:count]).all()


def test_all_processes_make_the_same_market() -> None:
    """Whatever the hash seed, the same bytes."""
    code = (
        "import hashlib\n"
        "from feeds.streams import STREAMS, market\n"
        "h = hashlib.sha256()\n"
        "for name in sorted(STREAMS):\n"
        "    for batch in market(name, seed=5, ticks=2000).batches():\n"
        "        h.update(batch.serialize())\n"
        "print(h.hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "77")
    }
    ours = hashlib.sha256()
    for name in sorted(STREAMS):
        for batch in market(name, seed=5, ticks=2000).batches():
            ours.update(batch.serialize())
    assert said == {ours.hexdigest() + "\n"}


def test_another_seed_is_another_market() -> None:
    one, other = market("S1", seed=1, ticks=100), market("S1", seed=2, ticks=100)

    assert (one.mid_e8 != other.mid_e8).any()
    assert pc.sum(next(iter(one.batches())).column("offset")).as_py() == 99 * 50
