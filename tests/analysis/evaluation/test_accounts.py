"""Accounts: what is left at the end, and how sure it is that one is better."""

import numpy as np
import numpy.typing as npt
import pytest

from analysis.evaluation.accounts import accounts
from analysis.evaluation.answers import OURS, Answers
from analysis.evaluation.questions import questions
from analysis.scoring.scores import Interval
from analysis.summaries import EvaluatedAccount
from engine.market import WIDTH, Column

E8 = 10**8
CASH = 1_000
SECOND_NS = 10**9
TICKS = 400

Int64s = npt.NDArray[np.int64]


def rows() -> Int64s:
    """Return a tick a second, each with a mid."""
    made = np.zeros((TICKS, WIDTH), np.int64)
    made[:, Column.TIME_NS] = np.arange(TICKS) * SECOND_NS
    made[:, Column.VALID] = 1
    made[:, Column.BID_E8], made[:, Column.ASK_E8] = 99 * E8, 101 * E8
    return made


def said(gains: "npt.NDArray[np.float64]", *, fills: int = 2) -> Answers:
    """Return what an engine said whose account gained so much at each tick, half of it in fees."""
    net_e8 = CASH * E8 + (np.cumsum(gains) * E8).astype(np.int64)
    return Answers(
        forecasts={},
        rows=rows(),
        features=np.zeros((TICKS, 1), np.float32),
        offsets=np.arange(TICKS),
        scored=0,
        hits=0,
        fills=fills,
        net_e8=net_e8,
        gross_e8=2 * net_e8 - CASH * E8,
        holder_e8=np.full(TICKS, (CASH + 7) * E8),
        random_e8=np.full(TICKS, (CASH - 3) * E8),
    )


def found(**engines: Answers) -> dict[str, EvaluatedAccount]:
    asked = questions(rows(), horizon_ms=1_000)
    made = accounts(asked, engines, cash=CASH, horizon_ns=SECOND_NS)
    return {account.name: account for account in made}


def test_gains_are_those_at_the_end() -> None:
    made = found(ours=said(np.full(TICKS, 0.01)))

    assert made[OURS].net_gain == pytest.approx(4.0)
    assert made[OURS].gross_gain == pytest.approx(8.0)
    assert made[OURS].fills == 2
    assert made[OURS].worse_than_ours is None
    assert (made["holding the same stake"].net_gain, made["random entry"].net_gain) == (7.0, -3.0)
    assert (made["always flat"].net_gain, made["always flat"].fills) == (0.0, 0)


def test_a_steady_lead_is_sure_and_one_by_luck_is_not() -> None:
    """The bounds are of the whole stream's gain, and hold the lead."""
    luck = np.random.default_rng(1).normal(size=TICKS)
    luck -= luck.mean()
    ours = said(np.full(TICKS, 0.1) + 0.01 * luck)
    made = found(ours=ours, lucky=said(luck), same=ours)

    flat = made["always flat"].worse_than_ours
    assert flat is not None
    assert flat.mean == pytest.approx(made[OURS].net_gain, abs=1e-6)
    assert 30 < flat.low < flat.mean < flat.high < 50
    lucky = made["lucky"].worse_than_ours
    assert lucky is not None
    assert lucky.mean == pytest.approx(made[OURS].net_gain - made["lucky"].net_gain, abs=1e-6)
    assert lucky.low < 0 < lucky.high
    assert made["same"].worse_than_ours == Interval(0.0, 0.0, 0.0, TICKS).said()
