"""An evaluation is of one source that there is; anything else is refused before it begins."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.evaluation.plan import EvaluationPlan, evaluate
from engine.errors import ParameterError
from engine.parameters import Parameters
from feeds.errors import VenueUnknown
from feeds.files.layout import Layout
from fixtures.record import HERE
from journal.errors import NoJournal, UsageError
from tests.support.recorded import PARAMETERS

CHOSEN = {
    name: getattr(PARAMETERS, name)
    for name in ("memory_rows", "fee_ppm", "warm_up_labels", "confidence_floor")
}
PLAN = EvaluationPlan(
    home=HERE / "kill-and-resume",
    journal=None,
    files=[],
    layout=Layout(),
    market="BTC-AUD",
    venue=None,
    stream=None,
    seed=1,
    ticks=2_000,
    baselines="none",
    with_frozen=False,
    chosen={},
    ablations={},
)


@pytest.mark.parametrize(
    ("plan", "error", "said"),
    [
        (replace(PLAN, stream="S1", journal="BTC-AUD"), UsageError, "one of them"),
        (replace(PLAN, stream="S99"), UsageError, "--stream S99: unknown"),
        (replace(PLAN, files=[Path("nowhere.csv")]), UsageError, "No such file"),
        (replace(PLAN, home=Path("nowhere")), NoJournal, "no journal"),
        (replace(PLAN, market="btc"), UsageError, "not a market's id"),
        (replace(PLAN, venue="nowhere"), VenueUnknown, "nowhere"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    plan: EvaluationPlan, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        evaluate(plan, tell=print)


def test_a_stream_is_evaluated_with_what_was_chosen() -> None:
    """Chosen parameters hold; those of an ablation are these and its own."""
    told: list[str] = []
    found = evaluate(replace(PLAN, stream="S1", chosen=CHOSEN), tell=told.append)

    assert found.parameters == {**found.parameters, **CHOSEN}
    assert found.parameters["cash"] == Parameters().cash
    assert (found.source[:2], found.venue, found.ticks) == ("S1", "btcmarkets", 2_000)
    assert told == []
    with pytest.raises(ParameterError):
        evaluate(replace(PLAN, stream="S1", ablations={"x": {"cash": -1}}), tell=print)
