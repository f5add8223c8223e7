"""The policy: each reason in its place, and nothing that is no number ever leads to an order."""

import math
from dataclasses import replace

import pytest

from engine.account import policy, portfolio
from engine.account.decision_feedback import DecisionFeedback
from engine.account.policy import ACTIONS, PRIORITY, REASONS, Choice
from engine.account.portfolio import OURS, Ledger, Orders, PortfolioState
from engine.arithmetic import tf
from engine.learner import labels
from engine.learner.labels import TallyState
from engine.parameters import Parameters
from engine.settings import settings_of
from tests.support.markets import row

E8 = 10**8
PARAMETERS = Parameters(
    memory_rows=256, horizon_ms=1_000, warm_up_labels=10, confidence_floor=0.6, fee_ppm=1_000
)
NOW_NS = 10**18

Situation = dict[str, float]

ENTRY: Situation = {
    "delay_ms": 1_000,
    "halted": 0,
    "valid": 1,
    "order_side": 0,
    "scored": 10,
    "position_e8": 0,
    "p_up": 0.9,
    "p_move": 0.5,
    "return_ppm": 30_000,
    "edge_realisation": 0.5,
    "skill_confidence": 0.5,
    "cash_e8": 1_000 * E8,
}
"""Everything speaks for an order. Expected: 0.8 * 0.5 * 30 000 = 12 000 ppm; the cost is 2 100."""

BECAUSE: dict[str, Situation] = {
    "too late to act on": {"delay_ms": 1_001},
    "market not tradable": {"halted": 1},
    "market not valid": {"valid": 0},
    "order pending": {"order_side": policy.BUY},
    "warming up": {"scored": 9},
    "exit: edge gone": {"position_e8": 1, "p_up": 0.5},
    "in position": {"position_e8": 1},
    "no skill to trust": {"skill_confidence": 0.0},
    "confidence too low": {"p_up": 0.69},
    "edge below cost": {"return_ppm": 5_000},
    "past edges did not pay": {"edge_realisation": 0.17},
    "not enough cash": {"cash_e8": 1_000 * E8 - 1},
    "entry: edge above cost": {},
}
"""Each reason, in the order in which they are tried, and what brings it about by itself."""


def choose(situation: Situation, parameters: Parameters = PARAMETERS) -> Choice:
    """Return the choice in a situation, at a bid of 9 999.5 and an ask of 10 000.5."""
    tally = TallyState(**{n: tf.constant(a) for n, a in labels.initial_state().items()})
    counts = tf.constant([int(situation["scored"]), 0, 0, 0], tf.int64)
    state = portfolio.initial_state(PARAMETERS)
    for table, names in (("ledger", Ledger._fields), ("orders", Orders._fields)):
        for name, value in situation.items():
            if (field := name.removeprefix("order_")) in names:
                state[table][names.index(field), OURS] = int(value)
    return policy.choose(
        row(
            valid=bool(situation["valid"]),
            time_ns=NOW_NS,
            delay_ns=int(situation["delay_ms"]) * 10**6,
            taken_ns=NOW_NS + int(situation["delay_ms"]) * 10**6,
            halted=int(situation["halted"]),
            bid_e8=999_950_000_000,
            ask_e8=1_000_050_000_000,
        ),
        tf.constant(situation["p_move"], tf.float32),
        tf.constant(situation["p_up"], tf.float32),
        tally._replace(counts=counts, return_ppm=tf.constant(situation["return_ppm"], tf.float32)),
        DecisionFeedback(
            tf.constant(situation["edge_realisation"], tf.float32),
            tf.constant(situation["skill_confidence"], tf.float32),
        ),
        PortfolioState(**{name: tf.constant(array) for name, array in state.items()}),
        settings_of(parameters),
    )


def said(situation: Situation) -> tuple[str, str]:
    """Return action and reason in a situation."""
    choice = choose(situation)
    return ACTIONS[int(choice.action)], REASONS[int(choice.reason)]


def test_every_reason_is_tried_here() -> None:
    """The table of this test and the policy name the same reasons in the same order."""
    assert tuple(BECAUSE) == PRIORITY
    assert sorted(PRIORITY) == sorted(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_reachable(reason: str) -> None:
    """One circumstance alone brings each reason about, and the action that goes with it."""
    action, found = said(ENTRY | BECAUSE[reason])

    assert found == reason
    assert action == {"exit: edge gone": "sell", "entry: edge above cost": "buy"}.get(
        reason, "hold"
    )


def test_a_reason_keeps_its_number() -> None:
    """A decision's digest has it: what joins stands at the end."""
    assert REASONS.index("entry: edge above cost") == 10
    assert REASONS[-2:] == PRIORITY[:2]


@pytest.mark.parametrize("first", range(5))
def test_the_first_reason_that_holds_is_the_one(first: int) -> None:
    """Where several hold, the one that is tried first is said: all later ones hold as well here."""
    situation = ENTRY | {
        "p_up": 0.4,
        "return_ppm": 1,
        "cash_e8": 0,
        "skill_confidence": 0,
        "edge_realisation": 0,
    }
    for reason in reversed(PRIORITY[first:6]):
        situation |= BECAUSE[reason]

    assert said(situation)[1] == PRIORITY[first]


@pytest.mark.parametrize(
    ("reason", "without"),
    [
        ("no skill to trust", "entry: edge above cost"),
        ("past edges did not pay", "entry: edge above cost"),
        ("edge below cost", "edge below cost"),
    ],
)
def test_without_feedback_earlier_decisions_do_not_count(reason: str, without: str) -> None:
    """What was not believed for what came before is; what is known of the market still counts."""
    choice = choose(ENTRY | BECAUSE[reason], replace(PARAMETERS, feedback=0.0))

    assert REASONS[int(choice.reason)] == without


def test_the_figures_are_those_that_it_rests_on() -> None:
    """Edge, cost and confidence by hand; what is believed of them changes none."""
    choice = choose(ENTRY | {"p_up": 0.2})

    assert float(choice.edge_ppm) == pytest.approx(-0.6 * 0.5 * 30_000, rel=1e-5)
    assert float(choice.cost_ppm) == pytest.approx(2 * 1_000 + 100, rel=1e-5)
    assert float(choice.confidence) == pytest.approx(0.8)


def test_a_position_is_held_while_a_gain_is_expected() -> None:
    """However small: the way out costs the same later. Past edges have no say in it."""
    held: Situation = {"position_e8": 1, "edge_realisation": 0, "skill_confidence": 0}

    assert said(ENTRY | held | {"p_up": 0.501}) == ("hold", "in position")
    assert said(ENTRY | held | {"p_up": 0.5}) == ("sell", "exit: edge gone")


def test_confidence_is_shrunk_by_what_is_certain_of_the_skill() -> None:
    """At a trust of a half, 0.71 is worth 0.605."""
    assert said(ENTRY | {"p_up": 0.71})[0] == "buy"
    assert said(ENTRY | {"p_up": 0.71, "skill_confidence": 0.4}) == ("hold", "confidence too low")


@pytest.mark.parametrize(
    "unknown", ["p_up", "p_move", "return_ppm", "edge_realisation", "skill_confidence"]
)
def test_what_is_no_number_never_leads_to_an_order(unknown: str) -> None:
    """A comparison with NaN is false, so the entry asks for what has to be true."""
    assert said(ENTRY | {unknown: math.nan})[0] == "hold"


def test_a_position_is_left_where_figures_are_no_numbers() -> None:
    """Nothing is expected of it any more."""
    stays: Situation = {"position_e8": 1, "p_up": math.nan}

    assert said(ENTRY | stays) == ("sell", "exit: edge gone")
