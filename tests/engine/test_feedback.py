"""What came of earlier decisions keeps its place: where gains that are foreseen cannot be had."""

from dataclasses import replace

from analysis.evaluation.answers import answers
from feeds.streams import market
from tests.support.recorded import PARAMETERS

TICKS = 4_000
FREE = replace(PARAMETERS, fee_ppm=0, warm_up_labels=100)


def test_gains_that_never_come_are_given_up() -> None:
    """On S9 an order fills behind the move it was meant for: every trip costs the spread.

    Without feedback that goes on for ever; with it the trade is given up once it is clear.
    """
    learning, blind = (
        answers(parameters, market("S9", seed=1, ticks=TICKS).batches(), advance=lambda _: None)
        for parameters in (FREE, replace(FREE, feedback=0.0))
    )

    assert learning.hits == blind.hits > 0.7 * learning.scored, "they foresee the same"
    assert blind.fills > 400
    assert blind.net_e8[-1] < blind.net_e8[TICKS // 2] < FREE.cash * 10**8
    assert learning.fills < blind.fills / 4
    assert learning.net_e8[-1] == learning.net_e8[TICKS // 2] > blind.net_e8[-1]
