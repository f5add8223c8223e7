"""The ring: what a prediction is labelled with, when, and what is made of it."""

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import pytest

from engine import memory
from engine.arithmetic import tf
from engine.engine import Engine
from engine.features import COUNT
from engine.market import Column, Market
from engine.memory import FELL, FLAT, ROSE, VOID, MemoryState
from engine.parameters import Parameters
from eventlog.records import Decision, Quote
from tests.markets import SMALL, START_NS, decisions, gap, journal, quote, stream

E8 = 10**8
HORIZON_MS = SMALL.horizon_ms
ROWS = SMALL.memory_rows


def at(at_ms: int, middle: int) -> Quote:
    """Return a quote around a middle."""
    return quote((middle - 1) * E8, (middle + 1) * E8, at_ms=at_ms)


def crossed(at_ms: int) -> Quote:
    """Return a quote that is no valid market."""
    return quote(101 * E8, 100 * E8, at_ms=at_ms)


def told(engine: Engine, *ticks: Quote) -> list[tuple[int, int, int]]:
    """Return how many labels ripened, were scored and were void at each tick."""
    return [(d.ripened, d.scored, d.voided) for d in decisions(engine, ticks)]


def outcomes(engine: Engine, count: int) -> list[int]:
    """Return the first outcomes in the ring."""
    found: list[int] = engine.state()["memory.outcomes"][:count].tolist()
    return found


class TestLabels:
    """I5: a label is learned only after its horizon has passed."""

    def test_a_label_ripens_strictly_after_its_horizon(self) -> None:
        """Not at the horizon: another tick of that very moment could still move the mid."""
        engine = Engine.genesis(SMALL)

        assert told(engine, at(0, 100), at(HORIZON_MS, 103)) == [(0, 0, 0)] * 2
        assert told(engine, at(HORIZON_MS + 1, 50)) == [(1, 1, 0)]
        assert outcomes(engine, 3) == [ROSE, VOID, VOID]

    @pytest.mark.parametrize(
        ("middles", "outcome"), [((100, 101), ROSE), ((100, 99), FELL), ((101, 100), FLAT)]
    )
    def test_it_compares_with_the_mid_in_force_at_the_horizon(
        self, middles: tuple[int, int], outcome: int
    ) -> None:
        """The last mid up to then, however long ago it was told; what comes later is not seen."""
        engine = Engine.genesis(SMALL)
        before, then = middles

        told(engine, at(0, 100), at(100, before), at(HORIZON_MS, then))
        told(engine, at(10 * HORIZON_MS, 500))

        assert outcomes(engine, 1) == [outcome]

    def test_several_ripen_at_one_tick(self) -> None:
        """Those whose horizon has ended, each with the same mid; the others wait."""
        engine = Engine.genesis(SMALL)

        told(engine, at(0, 100), at(10, 104), at(20, 102), at(200, 102))

        assert told(engine, at(HORIZON_MS + 21, 1)) == [(3, 2, 0)]
        assert outcomes(engine, 5) == [ROSE, FELL, FLAT, VOID, VOID]

    def test_a_break_voids_what_waits(self) -> None:
        """And counts it; later predictions are labelled as ever."""
        engine = Engine.genesis(SMALL)
        told(engine, at(0, 100), at(10, 101))

        engine_told = decisions(engine, [gap(), at(HORIZON_MS + 50, 102)])

        assert [(d.ripened, d.voided) for d in engine_told] == [(0, 2)]
        assert told(engine, at(2 * HORIZON_MS + 51, 103)) == [(1, 0, 0)]
        assert outcomes(engine, 4) == [VOID, VOID, FLAT, VOID]

    def test_an_unknown_mid_voids_a_label(self) -> None:
        """Where the market was not valid at the horizon nobody knows what the mid was."""
        engine = Engine.genesis(SMALL)

        told(engine, at(0, 100), crossed(HORIZON_MS - 1))

        assert told(engine, at(HORIZON_MS + 1, 200)) == [(0, 0, 1)]
        assert outcomes(engine, 1) == [VOID]

    def test_an_invalid_market_that_recovers_in_time_does_no_harm(self) -> None:
        """Only the mid in force at the horizon counts."""
        engine = Engine.genesis(SMALL)

        told(engine, at(0, 100), crossed(100), at(200, 101))

        assert told(engine, at(HORIZON_MS + 1, 7)) == [(1, 1, 0)]
        assert outcomes(engine, 1) == [ROSE]

    def test_an_invalid_market_is_not_predicted(self) -> None:
        """There is no mid to compare with."""
        engine = Engine.genesis(SMALL)

        told(engine, at(0, 100), crossed(1), crossed(2))

        assert int(engine.state()["memory.head"]) == 1

    def test_a_full_ring_takes_no_more(self) -> None:
        """I10: a prediction for which there is no place counts as void; none that waits is lost."""
        engine = Engine.genesis(SMALL)

        counted = told(engine, *(at(0, 100) for _ in range(ROWS + 3)))

        assert [voided for _, _, voided in counted] == [0] * ROWS + [1] * 3
        assert told(engine, at(HORIZON_MS + 1, 101)) == [(ROWS, 0, 0)]

    def test_a_score_is_of_what_was_said_then(self) -> None:
        """An untrained network says one half, which counts as up; the baseline is the share of
        rises so far, after Laplace.
        """
        engine = Engine.genesis(SMALL)
        told(engine, at(0, 100), at(1, 104), at(2, 102))

        scored = decisions(engine, [at(HORIZON_MS + 3, 102)])[0]

        assert (scored.scored, scored.scored_hits) == (2, 1)
        assert scored.scored_loss == pytest.approx(2 * math.log(2), rel=1e-6)
        assert scored.scored_baseline_loss == pytest.approx(2 * math.log(2), rel=1e-6)
        told(engine, at(HORIZON_MS + 4, 102))
        state = engine.state()
        assert (float(state["memory.ups"]), float(state["memory.moves"])) == (1.0, 2.0)
        assert int(state["memory.scored"]) == 2


@dataclass
class Waiting:
    """A prediction that the oracle keeps in mind."""

    at_ns: int
    sum_e8: int
    cause: int


def test_every_label_of_a_journal_is_what_a_simple_reading_says() -> None:
    """A list, a loop and Python's integers come to the same counts, tick by tick."""
    count = 1_500
    engine = Engine.genesis(SMALL)
    batch = journal(count)
    said = {d.cause: d for d in decisions(engine, stream(count)[:1000])}
    said |= {d.cause: d for d in decisions(engine, stream(count)[1000:])}
    waiting: deque[Waiting] = deque()
    in_force_e8, scored_total = 0, 0
    for cells in Market.genesis().fold(batch).tolist():
        now_ns, cause = cells[Column.TIME_NS], cells[Column.OFFSET]
        counts = dict.fromkeys(("ripened", "scored", "scored_hits", "voided"), 0)
        loss = 0.0
        if cells[Column.BREAK]:
            counts["voided"] += len(waiting)
            waiting.clear()
            in_force_e8 = 0
        while waiting and waiting[0].at_ns + SMALL.horizon_ms * 10**6 < now_ns:
            due = waiting.popleft()
            if not in_force_e8:
                counts["voided"] += 1
                continue
            counts["ripened"] += 1
            if in_force_e8 == due.sum_e8:
                continue
            rose = in_force_e8 > due.sum_e8
            p_up = said[due.cause].p_up
            counts["scored"] += 1
            counts["scored_hits"] += (p_up >= 0.5) == rose
            loss -= math.log(max(p_up if rose else 1 - p_up, 1e-6))
        in_force_e8 = 0
        if cells[Column.VALID]:
            in_force_e8 = cells[Column.BID_E8] + cells[Column.ASK_E8]
            if len(waiting) < ROWS:
                waiting.append(Waiting(now_ns, in_force_e8, cause))
            else:
                counts["voided"] += 1
        found: Decision = said[cause]
        assert {name: getattr(found, name) for name in counts} == counts, cause
        assert found.scored_loss == pytest.approx(loss, rel=1e-4, abs=1e-5), cause
        scored_total += counts["scored"]
    assert scored_total == int(engine.state()["memory.scored"]) > 500


def ring(parameters: Parameters, *, head: int, ripe: int, trained: int) -> MemoryState:
    """Return a ring whose samples carry their position as their first feature."""
    arrays = memory.genesis(parameters)
    rows = parameters.memory_rows
    for position in range(max(head - rows, 0), head):
        arrays["samples"][position % rows, 0] = position
        label = (FLAT, FELL, ROSE)[position % 3] if position < ripe else VOID
        arrays["outcomes"][position % rows] = label
    state = MemoryState(**{name: tf.constant(array) for name, array in arrays.items()})
    return state._replace(
        head=tf.constant(head, tf.int64),
        ripe=tf.constant(ripe, tf.int64),
        trained=tf.constant(trained, tf.int64),
    )


class TestSamples:
    """What a training step is given."""

    parameters = replace(SMALL, fresh_rows=4, replayed_rows=200)

    def test_fresh_ones_come_first_and_once(self) -> None:
        """The oldest ripe predictions that no step has had."""
        state, batch = memory.samples(
            ring(self.parameters, head=20, ripe=15, trained=9),
            tf.constant(0, tf.int64),
            self.parameters,
        )

        assert batch.features[:4, 0].numpy().tolist() == [9, 10, 11, 12]
        assert batch.moved[:4].numpy().tolist() == [0, 1, 1, 0]
        assert batch.rose[:4].numpy().tolist() == [0, 0, 1, 0]
        assert batch.weight[:4].numpy().tolist() == [1, 1, 1, 1]
        assert int(state.trained) == 13

    def test_what_waits_for_its_label_has_no_weight(self) -> None:
        """With two that are ripe, two of the four fresh places are empty."""
        state, batch = memory.samples(
            ring(self.parameters, head=20, ripe=11, trained=9),
            tf.constant(0, tf.int64),
            self.parameters,
        )

        assert batch.weight[:4].numpy().tolist() == [1, 1, 0, 0]
        assert int(state.trained) == 11

    @pytest.mark.parametrize(("head", "ripe"), [(20, 15), (1_000, 950), (1_000, 1_000)])
    def test_replayed_ones_are_ripe_and_still_there(self, head: int, ripe: int) -> None:
        """They are drawn from all of those, also when the ring has wrapped around."""
        _, batch = memory.samples(
            ring(self.parameters, head=head, ripe=ripe, trained=ripe),
            tf.constant(5, tf.int64),
            self.parameters,
        )
        drawn = batch.features[4:, 0].numpy()
        oldest = max(head - ROWS, 0)

        assert batch.weight[4:].numpy().tolist() == [1.0] * 200
        assert drawn.min() >= oldest
        assert drawn.max() < ripe
        assert len(np.unique(drawn)) > min(ripe - oldest, 100) // 2

    def test_an_empty_ring_gives_nothing(self) -> None:
        """No row has weight."""
        state, batch = memory.samples(
            ring(self.parameters, head=3, ripe=0, trained=0),
            tf.constant(0, tf.int64),
            self.parameters,
        )

        assert not batch.weight.numpy().any()
        assert int(state.trained) == 0

    def test_a_void_label_has_no_weight(self) -> None:
        """Nothing is known of it, so nothing is learned from it."""
        state = ring(self.parameters, head=20, ripe=20, trained=0)
        state = state._replace(outcomes=tf.zeros_like(state.outcomes))

        _, batch = memory.samples(state, tf.constant(0, tf.int64), self.parameters)

        assert not batch.weight.numpy().any()

    def test_draws_follow_from_the_offset(self) -> None:
        """I9: the same offset draws the same samples, another one others."""
        state = ring(self.parameters, head=200, ripe=200, trained=200)

        def drawn(offset: int) -> list[float]:
            _, batch = memory.samples(state, tf.constant(offset, tf.int64), self.parameters)
            found: list[float] = batch.features[4:, 0].numpy().tolist()
            return found

        assert drawn(7) == drawn(7) != drawn(8)


def test_a_sample_holds_what_was_seen_and_said() -> None:
    """Features, probability, its logit, and the share of rises at that moment."""
    engine = Engine.genesis(SMALL)
    said = decisions(engine, stream(200))[-1]
    state = engine.state()
    sample = state["memory.samples"][(int(state["memory.head"]) - 1) % ROWS]

    assert sample.shape == (COUNT + 8,)
    assert sample[COUNT] == np.float32(said.p_up)
    assert 1 / (1 + math.exp(-sample[COUNT + 1])) == pytest.approx(said.p_up_raw, rel=1e-5)
    prior = (state["memory.ups"] + 1) / (state["memory.moves"] + 2)
    assert sample[COUNT + 2] == pytest.approx(prior)
    facts = state["memory.facts"][(int(state["memory.head"]) - 1) % ROWS]
    assert facts[0] >= START_NS
