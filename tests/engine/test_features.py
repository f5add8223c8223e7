"""Features: what they say of the present, and that nothing can make them say nonsense."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import features
from engine.arithmetic import tf
from engine.features import CLIP, COUNT, HALF_LIVES_S, NAMES, FeatureState
from engine.row import Row
from tests.markets import row

E8 = 10**8
SECOND_NS = 10**9


def genesis() -> FeatureState:
    """Return the state before the first tick, as tensors."""
    return FeatureState(**{name: tf.constant(array) for name, array in features.genesis().items()})


def raw(state: FeatureState, tick: Row) -> tuple[FeatureState, dict[str, float]]:
    """Return the state after a tick, and its features before they are normalised, by name."""
    state, vector = features._raw(state, tick)
    return state, dict(zip(NAMES, vector.numpy().tolist(), strict=False))


def book(
    bid: tuple[int, int] = (100, 5),
    ask: tuple[int, int] = (102, 3),
    *,
    breaks: bool = False,
    **named: int,
) -> Row:
    """Return a row with a book of one level a side, in whole units."""
    return row(
        bids=[(bid[0] * E8, bid[1] * E8)],
        asks=[(ask[0] * E8, ask[1] * E8)],
        bid_e8=bid[0] * E8,
        ask_e8=ask[0] * E8,
        valid=True,
        breaks=breaks,
        **named,
    )


def after_book(bid: tuple[int, int], ask: tuple[int, int]) -> float:
    """Return the order flow that a change from the usual book to this one is."""
    state, _ = raw(genesis(), book(time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, book(bid, ask, time_ns=SECOND_NS))
    return float(state.running[0, 0])


def test_the_vector_has_a_place_for_every_name() -> None:
    """The width is a multiple of eight that holds all names; the rest stays zero."""
    assert len(set(NAMES)) == len(NAMES) <= COUNT
    assert COUNT % 8 == 0
    _, vector = features._raw(genesis(), book())
    assert vector.numpy()[len(NAMES) :].tolist() == [0.0] * (COUNT - len(NAMES))


def test_queue_imbalance() -> None:
    """(5 - 3) / (5 + 3) at the touch."""
    _, values = raw(genesis(), book((100, 5), (102, 3)))

    assert values["queue_imbalance"] == 0.25


def test_depth_imbalance_weighs_by_rank() -> None:
    """Each level counts exp(-rank / 2)."""
    tick = row(
        bids=[(100 * E8, 2 * E8), (99 * E8, 4 * E8)],
        asks=[(101 * E8, 3 * E8)],
        bid_e8=100 * E8,
        ask_e8=101 * E8,
    )
    bids, asks = 2 + 4 * math.exp(-0.5), 3

    _, values = raw(genesis(), tick)

    assert values["depth_imbalance"] == pytest.approx((bids - asks) / (bids + asks), rel=1e-6)


def test_spread_and_place_of_the_last_trade() -> None:
    """The spread is log(1 + basis points); the last price is placed in spreads from the mid."""
    _, values = raw(genesis(), book((9_999, 1), (10_001, 1), last_e8=10_001 * E8, kind=1))

    assert values["spread"] == pytest.approx(math.log(1 + 2.0), rel=1e-5)
    assert values["last_gap"] == 0.5
    assert values["was_trade"] == 1.0
    assert values["book_valid"] == 1.0


@pytest.mark.parametrize(
    ("bid", "ask", "flow"),
    [
        ((100, 5), (102, 3), 0),  # nothing changed: 5 - 5 - 3 + 3
        ((100, 9), (102, 3), 4),  # the bid's volume grew by four
        ((100, 5), (102, 1), 2),  # the ask's volume shrank by two
        ((101, 2), (102, 3), 2),  # a new, higher bid brings its whole volume
        ((99, 7), (102, 3), -5),  # a bid that went takes the volume it had
        ((100, 5), (101, 4), -4),  # a new, lower ask brings its whole volume
        ((100, 5), (103, 8), 3),  # an ask that went takes the volume it had
    ],
)
def test_order_flow_of_one_change(bid: tuple[int, int], ask: tuple[int, int], flow: float) -> None:
    """Cont, Kukanov & Stoikov 2014, equation 4, from a book of 5 at 100 and 3 at 102."""
    assert after_book(bid, ask) == pytest.approx(flow, abs=1e-6)


def test_flows_decay_with_their_half_lives() -> None:
    """After one half-life half of a flow is left."""
    state, _ = raw(genesis(), book(traded_e8=8 * E8, time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, book(time_ns=3 * SECOND_NS))

    left = 8 * np.exp2(-2 / np.array(HALF_LIVES_S))

    np.testing.assert_allclose(state.running[2], left, rtol=1e-6)


def test_a_return_is_the_logarithm_of_the_mids() -> None:
    """In basis points, from one valid mid to the next."""
    state, _ = raw(genesis(), book((100, 1), (102, 1), time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, book((101, 1), (103, 1), time_ns=SECOND_NS))

    assert float(state.running[4, 0]) == pytest.approx(1e4 * math.log(102 / 101), rel=1e-5)


def test_nothing_is_carried_across_a_break() -> None:
    """There is no return and no order flow from before a break."""
    state, _ = raw(genesis(), book((100, 1), (102, 1), time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, book((111, 1), (113, 1), time_ns=SECOND_NS, breaks=True))

    assert state.running[4].numpy().tolist() == [0.0] * len(HALF_LIVES_S)
    assert state.running[0].numpy().tolist() == [0.0] * len(HALF_LIVES_S)


def test_nothing_is_carried_across_an_invalid_market() -> None:
    """There is no return and no order flow from before a tick without a valid market."""
    state, _ = raw(genesis(), book((100, 1), (102, 1), time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, row(valid=False, time_ns=SECOND_NS))
    state, _ = raw(state, book((111, 1), (113, 1), time_ns=SECOND_NS))

    assert state.running[4].numpy().tolist() == [0.0] * len(HALF_LIVES_S)
    assert state.running[0].numpy().tolist() == [0.0] * len(HALF_LIVES_S)


def test_a_source_that_is_missing_gives_zero() -> None:
    """With neither book nor trade yet, what is made of them is 0."""
    _, values = raw(genesis(), row(bid_e8=100 * E8, ask_e8=101 * E8))

    missing = ["queue_imbalance", "depth_imbalance", "microprice_gap", "last_gap", "book_valid"]
    missing += [name for name in NAMES if name.startswith(("order_flow", "trade_flow", "return"))]
    assert {name: values[name] for name in missing} == dict.fromkeys(missing, 0.0)


def test_a_tick_is_normalised_with_what_was_known_before_it() -> None:
    """Mean 0 and variance 1 stand before the first tick, whatever the first tick says."""
    tick = book()
    _, values = raw(genesis(), tick)
    state, vector = features.observe(genesis(), tick)

    assert float(vector[0]) == pytest.approx(values["queue_imbalance"] / (1 + 1e-4), rel=1e-6)
    assert float(state.mean[0]) == pytest.approx(values["queue_imbalance"] / 2)
    assert float(state.count) == 1.0
    _, again = features.observe(state, tick)
    expected = (0.25 - float(state.mean[0])) / (math.sqrt(float(state.variance[0])) + 1e-4)
    assert float(again[0]) == pytest.approx(expected, rel=1e-5)


def test_one_outlier_does_not_move_the_scale_far() -> None:
    """Once a scale is known, an observation counts as at most five deviations away."""
    calm = genesis()._replace(count=tf.constant(1000.0))
    state, vector = features.observe(calm, book((1, 1), (2_000_000_000, 1)))

    assert np.abs(vector).max() == CLIP
    assert (np.abs(state.mean) <= 5.001 / 1000).all()


def test_a_crossed_market_teaches_nothing() -> None:
    """A bid above the ask has no spread to take the logarithm of; all statistics stay finite."""
    state, _ = features.observe(genesis(), book(time_ns=SECOND_NS))
    crossed = row(valid=False, bid_e8=101 * E8, ask_e8=100 * E8, time_ns=SECOND_NS)

    after, vector = features.observe(state, crossed)

    assert vector.numpy().tolist() == [0.0] * COUNT
    for name in ("mean", "variance", "count"):
        assert getattr(after, name).numpy().tobytes() == getattr(state, name).numpy().tobytes()


_counts = st.integers(0, 10**18 - 1)
_ticks: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    wait_ns=st.sampled_from([0, 1, 10**6, 10**9, 3_600 * 10**9]),
    kind=st.integers(0, 2),
    breaks=st.booleans(),
    bid_e8=_counts,
    spread_e8=st.integers(-(10**18), 10**18),
    last_e8=_counts,
    traded_e8=st.integers(-(10**18) + 1, 10**18 - 1),
    bids=st.lists(st.tuples(_counts, _counts), max_size=5),
    asks=st.lists(st.tuples(_counts, _counts), max_size=5),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ticks, min_size=1, max_size=6))
def test_features_are_finite_and_bounded(ticks: list[dict[str, Any]]) -> None:
    """Whatever the market says, each feature is a number within ±5, and so is what is kept."""
    state, now_ns = genesis(), 0
    for tick in ticks:
        now_ns += tick["wait_ns"]
        bid_e8 = tick["bid_e8"]
        ask_e8 = min(max(bid_e8 + tick["spread_e8"], 0), 10**18 - 1)
        state, vector = features.observe(
            state,
            row(
                bids=tick["bids"],
                asks=tick["asks"],
                valid=0 < bid_e8 < ask_e8,
                time_ns=now_ns,
                kind=tick["kind"],
                bid_e8=bid_e8,
                ask_e8=ask_e8,
                last_e8=tick["last_e8"],
                traded_e8=tick["traded_e8"],
                breaks=tick["breaks"],
            ),
        )

        assert (np.abs(vector) <= CLIP).all()
        for part in state:
            assert np.isfinite(part.numpy().astype(np.float64)).all()
