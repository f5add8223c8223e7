"""Features: what they say of the present, and that nothing can make them say nonsense."""

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arithmetic import Tensor, tf
from engine.learner import features
from engine.learner.features import (
    CLIP,
    COUNT,
    HALF_LIVES_S,
    IMBALANCE,
    NAMES,
    SIGNED,
    SIGNED_NAMES,
    FeatureState,
)
from engine.market import LEVELS
from engine.row import Row
from tests.support.markets import row

E8 = 10**8
SECOND_NS = 10**9


def initial_state() -> FeatureState:
    """Return the state before the first tick, as tensors."""
    return FeatureState(
        **{name: tf.constant(array) for name, array in features.initial_state(LEVELS).items()}
    )


def _plain_raw(state: FeatureState, tick: Row) -> tuple[FeatureState, Tensor, Tensor]:
    return features._raw(state, tick)


_compiled_raw = tf.function(_plain_raw, jit_compile=True, autograph=False)


def _observe(state: FeatureState, tick: Row) -> tuple[FeatureState, Tensor]:
    """Fold one tick in, compiled as in the step."""
    return features.observe(state, tick)


observe = tf.function(_observe, jit_compile=True, autograph=False)


def raw(state: FeatureState, tick: Row) -> tuple[FeatureState, dict[str, float]]:
    """Return the state after a tick, and its features before they are normalised, by name."""
    state, vector, _ = _compiled_raw(state, tick)
    return state, dict(zip(NAMES, vector.numpy().tolist(), strict=False))


def valid(state: FeatureState, tick: Row) -> dict[str, bool]:
    """Return which features of a tick have a source, by name."""
    _, _, mask = _compiled_raw(state, tick)
    return dict(zip(NAMES, mask.numpy().tolist(), strict=False))


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
    state, _ = raw(initial_state(), book(time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, book(bid, ask, time_ns=SECOND_NS))
    return float(state.running[features._FLOW, 0])


def test_the_vector_has_a_place_for_every_name() -> None:
    """The width is a multiple of eight that holds all names; the rest stays zero."""
    assert len(set(NAMES)) == len(NAMES) <= COUNT
    assert COUNT % 8 == 0
    _, vector, _ = _compiled_raw(initial_state(), book())
    assert vector.numpy()[len(NAMES) :].tolist() == [0.0] * (COUNT - len(NAMES))


def test_queue_imbalance() -> None:
    """(5 - 3) / (5 + 3) at the touch."""
    _, values = raw(initial_state(), book((100, 5), (102, 3)))

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

    _, values = raw(initial_state(), tick)

    assert values["depth_imbalance"] == pytest.approx((bids - asks) / (bids + asks), rel=1e-6)


def test_spread_and_place_of_the_last_trade() -> None:
    """The spread is log(1 + basis points); the last price is placed in spreads from the mid."""
    _, values = raw(initial_state(), book((9_999, 1), (10_001, 1), last_e8=10_001 * E8, kind=1))

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
    state, _ = raw(initial_state(), book(traded_e8=8 * E8, time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, book(time_ns=3 * SECOND_NS))

    left = 8 * np.exp2(-2 / np.array(HALF_LIVES_S))

    np.testing.assert_allclose(state.running[features._SIGNED_VOLUME], left, rtol=1e-6)


def test_a_return_is_the_logarithm_of_the_mids() -> None:
    """In basis points, from one valid mid to the next."""
    state, _ = raw(initial_state(), book((100, 1), (102, 1), time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, book((101, 1), (103, 1), time_ns=SECOND_NS))

    assert float(state.running[features._RETURN, 0]) == pytest.approx(
        1e4 * math.log(102 / 101), rel=1e-5
    )


def test_nothing_is_carried_across_a_break() -> None:
    """There is no return and no order flow from before a break."""
    state, _ = raw(initial_state(), book((100, 1), (102, 1), time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, book((111, 1), (113, 1), time_ns=SECOND_NS, breaks=True))

    assert state.running[features._RETURN].numpy().tolist() == [0.0] * len(HALF_LIVES_S)
    assert state.running[features._FLOW].numpy().tolist() == [0.0] * len(HALF_LIVES_S)


def test_nothing_is_carried_across_an_invalid_market() -> None:
    """There is no return and no order flow from before a tick without a valid market."""
    state, _ = raw(initial_state(), book((100, 1), (102, 1), time_ns=SECOND_NS, breaks=True))
    state, _ = raw(state, row(valid=False, time_ns=SECOND_NS))
    state, _ = raw(state, book((111, 1), (113, 1), time_ns=SECOND_NS))

    assert state.running[features._RETURN].numpy().tolist() == [0.0] * len(HALF_LIVES_S)
    assert state.running[features._FLOW].numpy().tolist() == [0.0] * len(HALF_LIVES_S)


def test_a_source_that_is_missing_gives_zero() -> None:
    """With neither book nor trade yet, what is made of them is 0 and teaches nothing."""
    tick = row(bid_e8=100 * E8, ask_e8=101 * E8)
    of_trades = [name for name in NAMES if name.startswith("trade_flow")]
    of_books = ["queue_imbalance", "size_ratio", "depth_imbalance", "microprice_gap"]
    of_books += [name for name in NAMES if name.startswith(("order_flow", "deep_flow"))]
    of_books += ["depth_ratio", "imbalance"]
    missing = {*of_trades, *of_books, "last_gap"}

    state, vector = observe(initial_state(), tick)

    mask = valid(initial_state(), tick)
    assert {name for name, usable in mask.items() if not usable} == missing
    places = [NAMES.index(name) for name in sorted(missing)]
    assert vector.numpy()[places].tolist() == [0.0] * len(places)
    for name in ("mean", "variance", "count"):
        before, after = (getattr(part, name).numpy() for part in (initial_state(), state))
        assert before[places].tobytes() == after[places].tobytes()
    rest = [place for place in range(COUNT) if place not in places]
    assert (state.count.numpy()[rest] == 1.0).all()


def test_a_trade_is_a_source_and_so_is_a_book() -> None:
    """What was missing becomes valid as soon as there is something to make it of."""
    state, _ = observe(initial_state(), row(bid_e8=100 * E8, ask_e8=101 * E8))
    tick = book(traded_e8=E8, last_e8=101 * E8, kind=1)

    assert all(valid(state, tick).values())


def test_an_invalid_market_gives_zero_and_teaches_nothing() -> None:
    """Also where there is a book and a trade."""
    state, _ = observe(initial_state(), book(time_ns=SECOND_NS, breaks=True))
    after, vector = observe(
        state,
        row(
            bids=[(100 * E8, E8)],
            asks=[(99 * E8, E8)],
            valid=False,
            bid_e8=100 * E8,
            ask_e8=99 * E8,
            last_e8=E8,
            traded_e8=E8,
            kind=1,
            time_ns=SECOND_NS,
        ),
    )

    assert vector.numpy().tolist() == [0.0] * COUNT
    for name in ("mean", "variance", "count"):
        assert getattr(after, name).numpy().tobytes() == getattr(state, name).numpy().tobytes()


def test_a_tick_is_normalised_with_what_was_known_before_it() -> None:
    """Mean 0 and variance 1 stand before the first tick, whatever the first tick says."""
    tick = book()
    place = NAMES.index("spread")
    _, values = raw(initial_state(), tick)
    state, vector = observe(initial_state(), tick)

    assert float(vector[0]) == pytest.approx(values["queue_imbalance"] / (1 + 1e-4), rel=1e-6)
    assert float(vector[place]) == pytest.approx(min(values["spread"], CLIP), rel=1e-3)
    assert float(state.mean[place]) == pytest.approx(values["spread"] / 2)
    assert float(state.count[place]) == 1.0
    _, again = observe(state, tick)
    mean, variance = float(state.mean[place]), float(state.variance[place])
    expected = (values["spread"] - mean) / (math.sqrt(variance) + 1e-4)
    assert float(again[place]) == pytest.approx(expected, rel=1e-5)


def test_what_has_a_direction_is_scaled_but_never_centred() -> None:
    """However long it leans to one side; and the imbalance is there once more as it is."""
    state = initial_state()
    for number in range(50):
        state, vector = observe(state, book((100, 9), (102, 1), time_ns=number, breaks=number == 0))

    assert state.mean.numpy()[SIGNED].tolist() == [0.0] * int(SIGNED.sum())
    assert (state.mean.numpy()[~SIGNED] != 0).any()
    assert float(vector[0]) == pytest.approx(0.8 / math.sqrt(float(state.variance[0])), rel=0.05)
    assert float(vector[IMBALANCE]) == pytest.approx(0.8)


def test_one_outlier_does_not_move_the_scale_far() -> None:
    """Once a scale is known, an observation counts as at most five deviations away."""
    calm = initial_state()._replace(count=tf.fill([COUNT], 1000.0))
    state, vector = observe(calm, book((1, 1), (2_000_000_000, 1)))

    assert np.abs(vector).max() == CLIP
    assert (np.abs(state.mean) <= 5.001 / 1000).all()
    assert (state.variance.numpy() <= 1 + 25.01 / 1000).all()


def test_a_crossed_market_teaches_nothing() -> None:
    """A bid above the ask has no spread to take the logarithm of; all statistics stay finite."""
    state, _ = observe(initial_state(), book(time_ns=SECOND_NS))
    crossed = row(valid=False, bid_e8=101 * E8, ask_e8=100 * E8, time_ns=SECOND_NS)

    after, vector = observe(state, crossed)

    assert vector.numpy().tolist() == [0.0] * COUNT
    for name in ("mean", "variance", "count"):
        assert getattr(after, name).numpy().tobytes() == getattr(state, name).numpy().tobytes()


class Plain:
    """The features in plain Python, from the table of formulas; of a market with a full book."""

    def __init__(self) -> None:
        self.before: dict[str, Any] | None = None
        self.sums = {name: [0.0] * len(HALF_LIVES_S) for name in self.KINDS}
        self.deviation = [0.0] * len(HALF_LIVES_S)
        self.spread_mean = self.last_move = self.macd_mean = 0.0
        self.moved_ns = 0

    KINDS = (
        "flow", "deep", "depth", "deep_depth", "signed", "volume", "return", "squares", "sizes",
        "rises", "falls", "products", "coproducts", "ticks", "trades",
    )  # fmt: skip

    def see(self, tick: dict[str, Any]) -> dict[str, float]:
        """Return the features of a tick by name."""
        before, self.before = self.before, tick
        bids, asks = tick["bids"], tick["asks"]
        (bid, bid_size), (ask, ask_size) = bids[0], asks[0]
        mid = (bid + ask) / 2
        waited_s, move, flows = 0.0, 0.0, [0.0] * LEVELS
        if before is not None:
            waited_s = (tick["time_ns"] - before["time_ns"]) / 1e9
            move = 1e4 * math.log(mid / ((before["bids"][0][0] + before["asks"][0][0]) / 2))
            flows = [
                self.flow(before["bids"][rank], bids[rank])
                - self.flow(
                    (-before["asks"][rank][0], before["asks"][rank][1]),
                    (-asks[rank][0], asks[rank][1]),
                )
                for rank in range(LEVELS)
            ]
        depths = [(bids[rank][1] + asks[rank][1]) / 2 / 1e8 for rank in range(LEVELS)]
        traded = tick["traded_e8"] / 1e8
        news = {
            "flow": flows[0],
            "deep": sum(flows[1:]),
            "depth": depths[0],
            "deep_depth": sum(depths[1:]),
            "signed": traded,
            "volume": abs(traded),
            "return": move,
            "squares": move**2,
            "sizes": abs(move),
            "rises": max(move, 0.0),
            "falls": max(-move, 0.0),
            "products": abs(move * self.last_move),
            "coproducts": move * self.last_move,
            "ticks": 1.0,
            "trades": float(tick["kind"] == 1),
        }
        decays = [0.5 ** (waited_s / life) for life in HALF_LIVES_S]
        for name, sums in self.sums.items():
            self.sums[name] = [s * d + news[name] for s, d in zip(sums, decays, strict=True)]
        s = self.sums
        self.deviation = [
            v * d + (1 - d) * r * r
            for v, d, r in zip(self.deviation, decays, s["return"], strict=True)
        ]
        if move != 0:
            self.last_move, self.moved_ns = move, tick["time_ns"]
        if before is None:
            self.moved_ns = tick["time_ns"]
        spread = (ask - bid) / mid
        self.spread_mean = (
            spread if before is None else self.spread_mean + 0.01 * (spread - self.spread_mean)
        )
        scale = [math.sqrt(x) + 1e-3 for x in s["squares"]]
        macd = (s["return"][3] - s["return"][2]) / scale[3]
        self.macd_mean = self.macd_mean * decays[2] + (1 - decays[2]) * macd
        since_s = (tick["time_ns"] - self.moved_ns) / 1e9
        weights = [math.exp(-rank / 2) for rank in range(LEVELS)]
        deep_bids, deep_asks = (
            sum(w * size for w, (_, size) in zip(weights, side, strict=True))
            for side in (bids, asks)
        )
        imbalance = (bid_size - ask_size) / (bid_size + ask_size)
        microprice = (ask * bid_size + bid * ask_size) / (bid_size + ask_size)
        rates = {
            name: [x / life for x, life in zip(s[name], HALF_LIVES_S, strict=True)] for name in s
        }

        def log_ratio(name: str, short: int, long: int, floor: float) -> float:
            return math.log((rates[name][short] + floor) / (rates[name][long] + floor))

        def quotient(part: str, whole: str, life: int) -> float:
            return s[part][life] / s[whole][life] if s[whole][life] else 0.0

        def named(name: str, part: str, whole: str, lives: range) -> dict[str, float]:
            return {f"{name}_{HALF_LIVES_S[k]:g}s": quotient(part, whole, k) for k in lives}

        def strength(life: int) -> float:
            rises, falls = s["rises"][life], s["falls"][life]
            return (rises - falls) / (rises + falls) if rises + falls else 0.0

        turn = tick["time_ns"] / 1e9 % 86_400 / 86_400 * 2 * math.pi
        every = range(len(HALF_LIVES_S))
        return {
            "queue_imbalance": imbalance,
            "size_ratio": math.log(bid_size / ask_size),
            "depth_imbalance": (deep_bids - deep_asks) / (deep_bids + deep_asks),
            "microprice_gap": (microprice - mid) / mid / self.spread_mean,
            "last_gap": (tick["last_e8"] - mid) / (ask - bid),
            **named("order_flow", "flow", "depth", every),
            **named("deep_flow", "deep", "deep_depth", range(1, 4)),
            **named("trade_flow", "signed", "volume", every),
            **{f"return_{HALF_LIVES_S[k]:g}s": s["return"][k] / scale[k] for k in every},
            "rsi_10s": strength(2),
            "rsi_60s": strength(3),
            "macd": macd,
            "macd_signal": macd - self.macd_mean,
            "percent_b": s["return"][3] / (2 * math.sqrt(self.deviation[3]) + 1e-3),
            "last_move": math.copysign(1, self.last_move) / (1 + since_s) if self.last_move else 0,
            "spread": math.log(1 + 1e4 * spread),
            "spread_ratio": spread / self.spread_mean,
            "log_wait": math.log(1 + 1e3 * waited_s),
            "book_valid": 1.0,
            "depth_ratio": math.log(depths[0] / quotient("depth", "ticks", 3)),
            "volatility_ratio_short": log_ratio("squares", 0, 2, 1e-6),
            "volatility_ratio_long": log_ratio("squares", 2, 4, 1e-6),
            "atr_ratio": log_ratio("sizes", 2, 4, 1e-4),
            "jump_share": min(max(1 - math.pi / 2 * quotient("products", "squares", 3), 0), 1),
            "roll": quotient("coproducts", "squares", 3),
            "tick_rate_ratio": log_ratio("ticks", 0, 3, 1e-3),
            "trade_rate_ratio": log_ratio("trades", 1, 3, 1e-3),
            "was_trade": float(tick["kind"] == 1),
            "since_move": math.log(1 + 1e3 * since_s),
            "day_sin": math.sin(turn),
            "day_cos": math.cos(turn),
            "imbalance": imbalance,
        }

    @staticmethod
    def flow(before: tuple[int, int], now: tuple[int, int]) -> float:
        """What a side's change brings: a higher is better."""
        came = now[1] if now[0] >= before[0] else 0
        return (came - (before[1] if now[0] <= before[0] else 0)) / 1e8


def market(seed: int, count: int, *, levels: int = LEVELS) -> list[dict[str, Any]]:
    """Return ticks of a market that wanders by little, at random times; each with a full book."""
    draws = random.Random(seed)
    ticks, centre, now_ns = [], 50_000 * 100, 1_790_000_000 * SECOND_NS
    for number in range(count):
        now_ns += draws.choice([0, 10**6, 10**8, 2 * 10**9])
        centre += draws.choice([0, 0, -1, 1, 7, -7])
        half = draws.randint(1, 4)
        sides = []
        for sign in (-1, 1):
            at, side = centre + sign * half, []
            for _ in range(levels):
                side.append((at * 10**6, draws.randint(1, 9_000) * 10**5))
                at += sign * draws.randint(1, 3)
            sides.append(side)
        is_trade = draws.random() < 0.3
        size_e8 = draws.choice([-1, 1]) * draws.randint(1, 10**9) if is_trade or not number else 0
        ticks.append(
            {
                "time_ns": now_ns,
                "kind": int(is_trade),
                "bids": sides[0],
                "asks": sides[1],
                "last_e8": (centre + draws.randint(-5, 5)) * 10**6,
                "traded_e8": size_e8,
                "breaks": number == 0,
            }
        )
    return ticks


def as_row(tick: dict[str, Any]) -> Row:
    """Return the market row of a tick whose best prices are its book's."""
    return row(**tick, bid_e8=tick["bids"][0][0], ask_e8=tick["asks"][0][0])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_feature_is_its_formula(seed: int) -> None:
    """Beside plain Python in double precision, over a market that wanders."""
    state, plain = initial_state(), Plain()
    for tick in market(seed, 120):
        expected = plain.see(tick)
        state, found = raw(state, as_row(tick))

        assert list(expected) == list(NAMES)
        for name in NAMES:
            tolerance = 2e-3 if name.startswith(("day", "percent", "macd")) else 5e-4
            assert found[name] == pytest.approx(expected[name], rel=2e-3, abs=tolerance), name


def mirrored(tick: dict[str, Any], about_e8: int) -> dict[str, Any]:
    """Return a tick with buyers for sellers: prices about a centre, trades the other way."""

    def other(side: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(2 * about_e8 - price, size) for price, size in side]

    return tick | {
        "bids": other(tick["asks"]),
        "asks": other(tick["bids"]),
        "last_e8": 2 * about_e8 - tick["last_e8"],
        "traded_e8": -tick["traded_e8"],
    }


@pytest.mark.parametrize("levels", [LEVELS, 2])
def test_a_mirrored_market_flips_what_has_a_direction(levels: int) -> None:
    """And nothing else; also where a book has few levels, of which some come and go."""
    one, other, flipped = initial_state(), initial_state(), set()
    signs = np.where(SIGNED, -1.0, 1.0)
    for number, tick in enumerate(market(5, 80, levels=levels)):
        thin = tick
        if levels < LEVELS:
            sides = ("bids", "asks")
            cut = {side: tick[side][: 1 + (number // (2 + k)) % 2] for k, side in enumerate(sides)}
            thin = tick | cut
        about_e8 = 50_000 * E8
        one, left = observe(one, as_row(thin))
        other, right = observe(other, as_row(mirrored(thin, about_e8)))

        np.testing.assert_allclose(right.numpy(), left.numpy() * signs, rtol=5e-3, atol=5e-3)
        flipped |= {NAMES[place] for place in np.flatnonzero(left.numpy() * right.numpy() < 0)}
    assert flipped >= set(SIGNED_NAMES)


def test_nothing_looks_ahead() -> None:
    """The features of a tick are the same whatever comes after it, in every bit."""
    ticks, others = market(7, 30), market(8, 30)
    for seen in (1, 15):
        vectors = []
        for rest in (ticks[seen:], others[seen:]):
            state, found = initial_state(), []
            for tick in [*ticks[:seen], *rest]:
                state, vector = observe(state, as_row(tick))
                found.append(vector.numpy().tobytes())
            vectors.append(found)

        assert vectors[0][:seen] == vectors[1][:seen]
        assert vectors[0][seen:] != vectors[1][seen:]


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_the_time_of_day_is_near_the_sine(hour: int) -> None:
    """Within two thousandths, all day, and it goes on over midnight."""
    for minute in (0, 20, 59):
        seconds = hour * 3600 + minute * 60
        sine, cosine = features._time_of_day(tf.constant((20_000 * 86_400 + seconds) * SECOND_NS))

        turn = 2 * math.pi * seconds / 86_400
        assert float(sine) == pytest.approx(math.sin(turn), abs=2e-3)
        assert float(cosine) == pytest.approx(math.cos(turn), abs=2e-3)


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
    state, now_ns = initial_state(), 0
    for tick in ticks:
        now_ns += tick["wait_ns"]
        bid_e8 = tick["bid_e8"]
        ask_e8 = min(max(bid_e8 + tick["spread_e8"], 0), 10**18 - 1)
        state, vector = observe(
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
