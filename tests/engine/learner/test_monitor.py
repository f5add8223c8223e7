"""The monitor: what it takes for growth and for drift, how often it errs, and what follows."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arithmetic import Tensor, replace_row, tf
from engine.learner import experts, monitor
from engine.learner.experts import EXPERTS, FIRST_HEAD, HEADS, LINEAR
from engine.learner.monitor import (
    CONVERGED,
    LEARNING,
    RELEARNING,
    STALLED,
    WARM_BLOCKS,
    WARMING,
    MonitorState,
)

SEEDS, BLOCKS = 300, 800
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def initial_state() -> MonitorState:
    """Return the monitor before the first label, as tensors."""
    return MonitorState(
        **{name: tf.constant(array) for name, array in monitor.initial_state().items()}
    )


def state(**named: Any) -> MonitorState:
    """Return a monitor in which some is not as at the start."""
    return initial_state()._replace(
        **{name: tf.constant(value, tf.float32) for name, value in named.items()}
    )


def active(grown: int = 1) -> Tensor:
    """Return who takes part when the network has grown to so many heads."""
    places = experts.initial_state()["active"].copy()
    places[FIRST_HEAD : FIRST_HEAD + HEADS] = np.arange(HEADS) < grown
    return tf.constant(places)


def _campaign(losses: Tensor, mixture: Tensor) -> Tensor:
    """Return int32[BLOCKS, SEEDS]: 1 for drift and 2 for growth, at blocks of one label each.

    ``losses`` are float32[BLOCKS, SEEDS, EXPERTS], ``mixture`` is float32[BLOCKS, SEEDS].
    """
    start = MonitorState(*(tf.repeat(part[None], SEEDS, 0) for part in initial_state()))
    places = active()

    def body(index: Tensor, state: MonitorState, found: Tensor) -> tuple[Tensor, Any, Tensor]:
        def one(each: tuple[MonitorState, Tensor, Tensor]) -> tuple[MonitorState, Tensor]:
            block = tf.cast(index, tf.int64)
            now, verdict = monitor.observe(
                each[0], each[1], each[2], tf.constant(1.0), block, places, tf.constant(HEADS)
            )
            return now, tf.cast(verdict.drifted, tf.int32) + 2 * tf.cast(verdict.grew, tf.int32)

        state, said = tf.vectorized_map(one, (state, losses[index], mixture[index]))
        return index + 1, state, replace_row(found, said, index)

    found: Tensor = tf.while_loop(
        lambda index, *_: index < BLOCKS,
        body,
        (tf.constant(0), start, tf.zeros((BLOCKS, SEEDS), tf.int32)),
    )[2]
    return found


campaign = tf.function(_campaign, jit_compile=True, autograph=False)


def run(linear: Doubles, gain: Doubles) -> tuple[Flags, Flags]:
    """Return drifts and growths [SEEDS, BLOCKS], given the linear expert's losses and what the
    challenger gains on the network, [SEEDS, BLOCKS]."""
    losses = np.full((SEEDS, BLOCKS, EXPERTS), 0.69, np.float32)
    losses[:, :, LINEAR] = linear
    losses[:, :, FIRST_HEAD + 1] = losses[:, :, FIRST_HEAD] - gain
    by_block = tf.constant(np.ascontiguousarray(losses.swapaxes(0, 1)))
    said = campaign(by_block, tf.fill([BLOCKS, SEEDS], 0.69)).numpy().T
    return (said & 1).astype(bool), (said & 2).astype(bool)


def draws(seed: int) -> np.random.Generator:
    """Return a stream of draws."""
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def nothing() -> Doubles:
    """Return losses that say nothing."""
    return np.full((SEEDS, BLOCKS), 0.69)


def _ends(seed: int) -> Doubles:
    """Return gains that are rarely large and often slightly negative, with a mean of zero."""
    return np.where(draws(seed).random((SEEDS, BLOCKS)) < 0.1, 0.45, -0.05)


def _neighbours(seed: int) -> Doubles:
    """Return gains of which neighbours share one half, as those of overlapping blocks do."""
    each = draws(seed).normal(size=(SEEDS, BLOCKS + 1)) * 0.2
    return (each[:, 1:] + each[:, :-1]) / math.sqrt(2)


@pytest.mark.parametrize("kind", ["normal", "skewed", "neighbours", "wide", "worse"])
def test_a_challenger_that_is_no_better_seldom_grows(kind: str, nothing: Doubles) -> None:
    """In fewer than one of twenty runs, though it is looked at after every block."""
    kinds: dict[str, Callable[[], Doubles]] = {
        "normal": lambda: draws(1).normal(size=(SEEDS, BLOCKS)) * 0.1,
        "skewed": lambda: _ends(2),
        "neighbours": lambda: _neighbours(3),
        "wide": lambda: draws(4).choice([-1.0, 1.0], size=(SEEDS, BLOCKS)),
        "worse": lambda: draws(5).normal(size=(SEEDS, BLOCKS)) * 0.2 - 0.02,
    }

    _, grew = run(nothing, kinds[kind]())

    assert grew.any(1).mean() < 1 / 20


def test_a_challenger_that_is_better_grows(nothing: Doubles) -> None:
    """By four hundredths of a deviation of a fifth: in most runs, and soon in a clear case."""
    _, some = run(nothing, draws(6).normal(size=(SEEDS, BLOCKS)) * 0.2 + 0.04)
    _, clear = run(nothing, draws(7).normal(size=(SEEDS, BLOCKS)) * 0.1 + 0.1)

    assert some.any(1).mean() > 0.9
    assert clear.any(1).all()
    assert np.median(clear.argmax(1)) < 200


def _runs(seed: int) -> Doubles:
    """Return deviations of which each keeps half of the one before, with a variance of one."""
    news = draws(seed).normal(size=(SEEDS, BLOCKS))
    values = news.copy()
    for index in range(1, BLOCKS):
        values[:, index] = 0.5 * values[:, index - 1] + math.sqrt(0.75) * news[:, index]
    return values


@pytest.mark.parametrize("kind", ["normal", "skewed", "runs"])
def test_losses_that_stay_seldom_raise_the_alarm(kind: str, nothing: Doubles) -> None:
    """In fewer than one of twenty runs of 800 blocks."""
    kinds: dict[str, Callable[[], Doubles]] = {
        "normal": lambda: 0.69 + draws(8).normal(size=(SEEDS, BLOCKS)) * 0.1,
        "skewed": lambda: 0.5 + draws(9).gamma(2.0, 0.1, size=(SEEDS, BLOCKS)),
        "runs": lambda: 0.69 + 0.3 * _runs(13),
    }

    drifted, _ = run(kinds[kind](), np.zeros_like(nothing))

    assert drifted.any(1).mean() < 1 / 20


def test_a_jump_of_the_loss_raises_the_alarm(nothing: Doubles) -> None:
    """By two deviations: in nearly all runs within fifty blocks, and not before."""
    linear = 0.69 + draws(10).normal(size=(SEEDS, BLOCKS)) * 0.1
    linear[:, BLOCKS // 2 :] += 0.2

    drifted, _ = run(linear, np.zeros_like(nothing))

    assert drifted[:, : BLOCKS // 2].any(1).mean() < 1 / 20
    assert drifted[:, BLOCKS // 2 : BLOCKS // 2 + 50].any(1).mean() > 0.95


def test_a_loss_that_falls_raises_no_alarm(nothing: Doubles) -> None:
    """Only worse is a drift."""
    linear = 0.69 + draws(11).normal(size=(SEEDS, BLOCKS)) * 0.1
    linear[:, BLOCKS // 2 :] -= 0.2

    drifted, _ = run(linear, np.zeros_like(nothing))

    assert drifted.any(1).mean() < 1 / 20


def test_while_it_warms_up_nothing_has_drifted(nothing: Doubles) -> None:
    """Before that there is no scale to tell by."""
    linear = 0.5 + draws(12).normal(size=(SEEDS, BLOCKS)) * 0.05
    linear[:, 20:] += 1.0

    drifted, _ = run(linear, np.zeros_like(nothing))

    assert not drifted[:, : int(WARM_BLOCKS)].any()


def observed(
    before: MonitorState,
    block: int,
    *,
    linear: float = 0.5,
    weight: float = 1.0,
    grown: int = 1,
    exits_max: int = HEADS,
) -> tuple[MonitorState, monitor.Verdict]:
    """Return the monitor after one label of a block."""
    losses = np.full(EXPERTS, 0.69, np.float32)
    losses[LINEAR] = linear
    return monitor.observe(
        before,
        tf.constant(losses),
        tf.constant(0.6),
        tf.constant(weight, tf.float32),
        tf.constant(block, tf.int64),
        active(grown),
        tf.constant(exits_max),
    )


def test_a_block_is_judged_when_the_next_begins() -> None:
    """By the weighted mean of its losses."""
    before = initial_state()
    for linear, weight in ((0.2, 1.0), (0.8, 0.5), (0.5, 0.0)):
        before, _ = observed(before, 7, linear=linear, weight=weight)
    assert float(before.blocks) == 0.0
    assert float(before.sums[-1]) == 1.5

    now, _ = observed(before, 9, linear=3.0)

    assert float(now.blocks) == 1.0
    assert float(now.means[0]) == pytest.approx((0.2 + 0.5 * 0.8) / 1.5, rel=1e-5)
    assert float(now.means[3]) == pytest.approx(0.69 - 0.6, rel=1e-4)
    assert float(now.sums[-1]) == 1.0
    assert float(now.sums[LINEAR]) == 3.0
    assert int(now.block) == 9


def test_a_label_without_weight_begins_no_block() -> None:
    """And where there is none in a block, there is none to judge."""
    now, _ = observed(initial_state(), 5, weight=0.0)

    for name in MonitorState._fields:
        assert (
            getattr(now, name).numpy().tobytes() == getattr(initial_state(), name).numpy().tobytes()
        )


def test_a_network_that_is_whole_does_not_grow() -> None:
    """However rich the bets are; one that is not, does."""
    rich = state(wealth=np.full((2, 3), 9.0).tolist(), sums=[1.0] * (EXPERTS + 2))

    for most in range(1, HEADS + 1):
        for grown in range(1, most + 1):
            now, verdict = observed(rich, 3, grown=grown, exits_max=most)

            assert bool(verdict.grew) == (grown < most)
            if grown < most:
                assert not now.wealth.numpy().any()


def test_a_challenger_that_was_refused_needs_twice_as_much() -> None:
    """It begins anew with nothing lost and nothing won; a growth forgets the refusals."""
    sums = [1.0] * (EXPERTS + 2)
    poor, _ = observed(state(wealth=[[-9.0] * 3] * 2, sums=sums), 3)
    assert float(poor.refusals) == 1.0
    assert not poor.wealth.numpy().any()

    between = math.log(30.0)
    for refusals, enough in ((0.0, True), (1.0, False)):
        rich = state(wealth=[[between] * 3] * 2, refusals=refusals, sums=sums)
        now, verdict = observed(rich, 3)
        assert bool(verdict.grew) == enough
        assert float(now.refusals) == (0.0 if enough else 1.0)


MEANS = [0.6, 0.6, 0.01, 0.05, 0.05, 0.01]
UNSKILLED = [0.6, 0.6, 0.01, 0.0, 0.0, 0.01]
MOVING = [0.6, 0.6, 0.01, 0.2, 0.05, 0.01]


@pytest.mark.parametrize(
    ("blocks", "since_drift", "means", "phase"),
    [
        (0.0, 1e6, MEANS, WARMING),
        (99.0, 10.0, MEANS, WARMING),
        (100.0, 1e6, MEANS, LEARNING),
        (1000.0, 1e6, MOVING, LEARNING),
        (1000.0, 1e6, MEANS, CONVERGED),
        (1000.0, 1e6, UNSKILLED, STALLED),
        (1000.0, 99.0, MEANS, RELEARNING),
        (1000.0, 100.0, MEANS, CONVERGED),
    ],
)
def test_phases(blocks: float, since_drift: float, means: list[float], phase: int) -> None:
    """Warm after a hundred blocks; settled once the skill is steady, with skill or without."""
    watch = state(blocks=blocks, since_drift=since_drift, means=means)

    assert int(monitor.phase(watch)) == phase
    assert len(monitor.PHASES) == 5


def factor(volatility_ratio: float = 1.0, **named: float | list[float]) -> float:
    """Return the factor on the step size."""
    return float(monitor.learning_rate_factor(state(**named), tf.constant(volatility_ratio)))


_losses = st.floats(0.0, 6.0, width=32)
_variances = st.floats(0.0, 36.0, width=32)


@settings(max_examples=100, deadline=None)
@given(
    means=st.tuples(_losses, _losses, _variances, _losses, _losses, _variances),
    blocks=st.floats(0.0, 2.0**24, width=32),
    since_drift=st.floats(0.0, 2.0**24, width=32),
    volatility_ratio=st.floats(0.0, 2.0**60, width=32),
)
def test_the_factor_stays_within_its_bounds(
    means: tuple[float, ...], blocks: float, since_drift: float, volatility_ratio: float
) -> None:
    """From a sixteenth to eight, whatever has been seen."""
    found = factor(volatility_ratio, means=list(means), blocks=blocks, since_drift=since_drift)

    assert 1 / 16 <= found <= 8


def test_what_the_factor_follows() -> None:
    """Larger when the loss has risen or the market has changed; smaller in a storm and with age."""
    worse = [0.8, 0.6, 0.01, 0.0, 0.0, 0.01]
    better = [0.4, 0.6, 0.01, 0.0, 0.0, 0.01]
    usual = factor(means=MEANS, blocks=1000.0)

    assert factor(means=worse, blocks=1000.0) > usual > factor(means=better, blocks=1000.0)
    assert factor(means=MEANS, blocks=1000.0, since_drift=0.0) > 3 * usual
    assert factor(16.0, means=MEANS, blocks=1000.0) == pytest.approx(usual / 2, rel=1e-2)
    assert factor(0.01, means=MEANS, blocks=1000.0) == pytest.approx(usual, rel=1e-2)
    assert factor(means=MEANS, blocks=20_000.0) < usual
    storm, calm = (
        factor(ratio, means=MEANS, blocks=1000.0, since_drift=1.0) for ratio in (16.0, 1.0)
    )
    assert storm == calm


def test_which_exits_take_part() -> None:
    """Those grown so far; the next learns along, and the last grown speaks for the network."""
    said = tf.constant([0.1, 0.2, 0.3])
    for grown in range(1, HEADS + 1):
        assert int(monitor.size(active(grown))) == grown
        learns = monitor.learning_blocks(active(grown)).numpy().tolist()
        assert learns == [1.0] * min(grown + 1, HEADS) + [0.0] * (HEADS - grown - 1)
        assert monitor.network_head(active(grown), said).numpy() == said.numpy()[grown - 1]
