"""The paper accounts of an evaluation: gains net and gross, and those of other strategies.

All begin with the same cash in the same market, and pay the same fees and spreads.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from analysis.evaluation.answers import OURS, Answers
from analysis.evaluation.confidence import interval
from analysis.evaluation.questions import Questions
from analysis.summaries import EvaluatedAccount, IntervalSaid

FLAT, BUY_HOLD, RANDOM = "always flat", "holding the same stake", "random entry"

Int64s = npt.NDArray[np.int64]


def accounts(
    asked: Questions, said: Mapping[str, Answers], *, cash: int, horizon_ns: int
) -> tuple[EvaluatedAccount, ...]:
    """Return the accounts of the engines, ours among them, and of the strategies next to them.

    Args:
        asked: the predictions.
        said: the answers of each engine, by its name.
        cash: what every account begins with, in the quote currency.
        horizon_ns: gains within one horizon count as one event.
    """
    ours = said[OURS]
    cash_e8 = cash * 10**8

    def account(
        name: str, fills: int | None, net_e8: Int64s, gross_e8: Int64s | None
    ) -> EvaluatedAccount:
        return EvaluatedAccount(
            name=name,
            fills=fills,
            net_gain=int(net_e8[-1] - cash_e8) / 10**8,
            gross_gain=None if gross_e8 is None else int(gross_e8[-1] - cash_e8) / 10**8,
            worse_than_ours=None
            if name == OURS
            else _against(asked, ours.net_e8 - net_e8, horizon_ns),
        )

    flat_e8 = np.full_like(ours.net_e8, cash_e8)
    return (
        *(account(name, each.fills, each.net_e8, each.gross_e8) for name, each in said.items()),
        account(FLAT, 0, flat_e8, flat_e8),
        account(BUY_HOLD, None, ours.holder_e8, None),
        account(RANDOM, None, ours.random_e8, None),
    )


def _against(asked: Questions, lead_e8: Int64s, horizon_ns: int) -> IntervalSaid | None:
    """Return our lead at the end, in the quote currency, with its confidence sequence."""
    steps = np.diff(lead_e8[asked.tick], prepend=0) / 10**8
    mean = interval(steps, asked.time_ns, block_ns=horizon_ns)
    return None if mean is None else mean.scaled(len(steps)).said()
