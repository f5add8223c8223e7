"""The engine: all or nothing, the same wherever it is taken up, and untouched by its neighbours."""

import gc
import json
import math
import weakref
from dataclasses import asdict, replace
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.engine import Engine, arithmetic_digest, initial_state
from engine.errors import StateMismatch
from engine.executor.executor import Held
from engine.learner import monitor
from engine.market import READS, Rows
from engine.state import RINGS, cursors, cursors_in, digest
from engine.step import CHUNK_TICKS, Outcome
from eventlog.records import Decision, Effect, Fill, Milestone, Record, Tick
from eventlog.schema import SCHEMA, decode, encode, renumber
from tests.support.markets import (
    SMALL,
    advance,
    carry,
    changed,
    cut,
    gap,
    journal,
    quote,
    stream,
)
from tests.support.strategies import records as any_record

LENGTH = 900


class Refusing:
    """Stands in for the compiled step and fails where the real one would have worked."""

    def run(self, held: Held, rows: Rows) -> Outcome:
        raise MemoryError("planted")


def begun(count: int = LENGTH) -> Engine:
    """Return an engine that has seen the beginning of the journal."""
    engine = Engine.initial(SMALL)
    carry(engine, [journal(LENGTH).slice(0, count)])
    return engine


class TestAllOrNothing:
    """I4: `advance` either raises having changed nothing, or completes."""

    def test_too_many_ticks_are_refused(self) -> None:
        """One tick more than fits changes nothing; as many as fit do."""
        engine = begun()
        before, position = engine.digest, engine.position
        ticks = [quote(10 + n, 20 + n, at_ms=n) for n in range(CHUNK_TICKS + 1)]

        with pytest.raises(ValueError, match=f"{CHUNK_TICKS + 1} ticks in one chunk"):
            advance(engine, ticks)

        assert (engine.digest, engine.position) == (before, position)
        assert len(advance(engine, ticks[:-1])) >= CHUNK_TICKS

    def test_records_that_are_no_ticks_do_not_count(self) -> None:
        """A chunk may be longer than the compiled loop, as long as its ticks fit."""
        engine = begun()

        advance(engine, [gap()] * CHUNK_TICKS + [quote(10, 20, at_ms=1)])

        assert engine.position == LENGTH + CHUNK_TICKS

    def test_a_failure_of_the_compiled_call_changes_nothing(self) -> None:
        """The market's fold has gone ahead by then; it is given up. The same chunk works later."""
        engine, twin = begun(), begun()
        chunk = journal(LENGTH + 50).slice(LENGTH)
        before, step = engine.digest, engine._step

        engine._step = Refusing()  # type: ignore[assignment]
        with pytest.raises(MemoryError, match="planted"):
            engine.advance(chunk)
        engine._step = step

        assert (engine.digest, engine.position) == (before, LENGTH - 1)
        assert engine.advance(chunk).equals(twin.advance(chunk))
        assert engine.digest == twin.digest != before

    @pytest.mark.parametrize("foreseen", [False, True])
    def test_what_is_foreseen_behind_a_failure_is_right(self, foreseen: bool) -> None:
        """A chunk that was refused is not part of what the next one is folded behind."""
        engine, twin = begun(), begun()
        ticks = [quote(10 + n, 20 + n, at_ms=n) for n in range(CHUNK_TICKS + 1)]
        refused = encode(ticks, first_offset=LENGTH)
        chunk = journal(LENGTH + 50).slice(LENGTH)

        if foreseen:
            engine.prefetch(refused)
        with pytest.raises(ValueError, match="ticks in one chunk"):
            engine.advance(refused)
        engine.prefetch(chunk)

        assert engine.advance(chunk).equals(twin.advance(chunk))
        assert engine.digest == twin.digest

    @pytest.mark.parametrize("column", [*READS])
    def test_a_column_that_is_missing_changes_nothing(self, column: str) -> None:
        """Whichever it is, it is missed before anything changes."""
        engine = begun()
        before = engine.digest
        chunk = journal(LENGTH + 50).slice(LENGTH).drop_columns([column])

        with pytest.raises(KeyError, match=column):
            engine.advance(chunk)

        assert (engine.digest, engine.position) == (before, LENGTH - 1)


class TestEffects:
    """What comes back."""

    def test_they_are_records_of_the_log(self) -> None:
        """In the log's schema, in order, one decision a tick, behind what else its tick brought."""
        engine = Engine.initial(SMALL)
        batch = journal(LENGTH)

        effects = engine.advance(batch)

        assert effects.schema.equals(SCHEMA, check_metadata=True)
        effects.validate(full=True)
        assert set(effects.column("offset").to_pylist()) == {0}
        records = [record for _, record in decode(effects)]
        decided = [record.cause for record in records if isinstance(record, Decision)]
        ticks = [
            offset
            for offset, record in enumerate(stream(LENGTH))
            if isinstance(record, Tick) and not getattr(record, "backfilled", False)
        ]
        assert decided == ticks
        for record, following in pairwise(records):
            if isinstance(record, Fill | Milestone):
                assert isinstance(following, Decision | Milestone)
                assert following.cause == record.cause
        assert sum(isinstance(record, Fill) for record in records) > 4

    def test_they_carry_their_tick_s_times(self) -> None:
        """The engine knows no other time."""
        ticks = [
            replace(quote(10, 20, at_ms=5), received_ns=77),
            replace(quote(10, 20, at_ms=None), received_ns=88),
        ]
        effects = advance(Engine.initial(SMALL), [ticks[0], gap(), ticks[1]])

        times = [(effect.exchange_ns, effect.received_ns, effect.cause) for effect in effects]
        assert times == [(ticks[0].exchange_ns, 77, 0), (None, 88, 2)]

    def test_effects_among_the_records_are_passed_over(self) -> None:
        """A log holds them between its ticks; the engine's only inputs are inputs (I3)."""
        engine, twin = Engine.initial(SMALL), Engine.initial(SMALL)
        expected = carry(twin, [journal(LENGTH)])
        mixed = pa.concat_batches([journal(LENGTH), renumber(expected, first_offset=LENGTH)])

        assert carry(engine, [mixed.slice(0, 900), mixed.slice(900)]).equals(expected)
        assert engine.digest == twin.digest

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_a_chunk_without_ticks_has_no_effects(self, count: int) -> None:
        """And the position moves with what was there."""
        engine = begun()

        effects = engine.advance(encode([gap()] * 3, first_offset=LENGTH).slice(0, count))

        assert effects.num_rows == 0
        assert effects.schema.equals(SCHEMA)
        assert engine.position == LENGTH + count - 1

    def test_a_projection_is_enough(self) -> None:
        """Effects do not depend on columns that are not read."""
        engine = Engine.initial(SMALL)

        effects = carry(engine, [journal(LENGTH).select([*READS])])

        assert effects.equals(carry(Engine.initial(SMALL), [journal(LENGTH)]))


def shaken() -> Engine:
    """Return an engine on the brink: the next label that closes a block brings drift and growth,
    and no step can be taken.
    """
    state = begun(500).state()
    for name, value in (("blocks", 2_000), ("alarm", 1_000), ("wealth", 25)):
        array = state[f"monitor.{name}"]
        state[f"monitor.{name}"] = np.full(array.shape, value, array.dtype)
    state["learner.first_moment"][0] = math.nan
    return Engine(SMALL, state)


@cache
def consequences() -> list[Effect]:
    """Return what follows for an engine on the brink."""
    found = carry(shaken(), [journal(LENGTH).slice(500)])
    return [record for _, record in decode(found)]  # type: ignore[misc]


class TestMilestones:
    """What happens to the learner is said in the log: as effects, with their tick as the cause."""

    def test_each_kind_is_said_in_its_place(self) -> None:
        """Between a tick's fill and its decision; drift before growth before a skipped step."""
        effects = consequences()
        order = ("fill", "drift", "grew", "step skipped", "decision")
        said = [
            effect.why if isinstance(effect, Milestone) else type(effect).__name__.lower()
            for effect in effects
        ]

        assert set(said) >= {"drift", "grew", "step skipped", "decision"}
        for (effect, kind), (following, next_kind) in pairwise(zip(effects, said, strict=True)):
            if kind == "decision":
                assert following.cause > effect.cause
            else:
                assert following.cause == effect.cause
                assert order.index(next_kind) > order.index(kind)
        assert said[-1] == "decision"

    def test_they_carry_their_tick_s_times(self) -> None:
        """As its decision does."""
        effects = consequences()
        decided = {each.cause: each for each in effects if isinstance(each, Decision)}
        for effect in effects:
            if isinstance(effect, Milestone):
                decision = decided[effect.cause]
                assert effect.exchange_ns == decision.exchange_ns
                assert effect.received_ns == decision.received_ns

    def test_a_drift_and_growth_are_said_once(self) -> None:
        """At the same label here, by the first closing block; the network has two heads then."""
        effects = consequences()
        said = [each for each in effects if isinstance(each, Milestone)]
        drifts = [each for each in said if each.why == "drift"]
        growths = [each for each in said if each.why == "grew"]

        assert len(drifts) == 1
        assert next(json.loads(each.detail)["exits"] for each in growths) == 2
        assert growths[0].cause == drifts[0].cause
        phases = [each.phase for each in effects if isinstance(each, Decision)]
        assert "relearning" in phases

    def test_a_step_that_is_no_number_is_skipped_and_said(self) -> None:
        """Wherever there was something to learn, and nothing is said to have been learned."""
        effects = consequences()
        skipped = {
            each.cause
            for each in effects
            if isinstance(each, Milestone) and each.why == "step skipped"
        }
        decided = [each for each in effects if isinstance(each, Decision)]

        assert len(skipped) > 300
        assert {(each.trained, each.learning_rate, each.loss) for each in decided} == {(0, 0, 0)}

    def test_a_step_that_is_skipped_changes_no_weight(self) -> None:
        """What is no number stays out of them."""
        engine = shaken()
        before = engine.state()
        carry(engine, [journal(LENGTH).slice(500)])
        after = engine.state()

        for name in ("learner.weights", "learner.steps", "learner.first_moment"):
            assert before[name].tobytes() == after[name].tobytes(), name

    @pytest.mark.parametrize("size", [1, 90])
    def test_they_do_not_depend_on_chunks(self, size: int) -> None:
        """I7."""
        rest = journal(LENGTH).slice(500, 150)
        engine, twin = shaken(), shaken()

        assert carry(engine, cut(rest, size)).equals(carry(twin, [rest]))
        assert engine.digest == twin.digest


class TestColumns:
    """What a decision says beside its action."""

    def test_every_column_is_there(self) -> None:
        """None of them is missing in what is recorded now, and each is within its range."""
        effects = advance(Engine.initial(SMALL), stream(LENGTH))
        decided = [each for each in effects if isinstance(each, Decision)]

        for each in decided:
            missing = [name for name, value in asdict(each).items() if value is None]
            assert set(missing) <= {"exchange_ns"}
            assert each.phase in monitor.PHASES
            assert each.p_up_network is not None
            assert 0 <= each.p_up_network <= 1
            for name in ("scored_rises", "scored_said_rises", "scored_network_hits"):
                assert 0 <= getattr(each, name) <= each.scored, name
            for name in ("scored_rule_hits", "scored_persistence_hits", "scored_hits"):
                assert 0 <= getattr(each, name) <= each.scored, name
            assert each.scored <= each.resolved
        assert decided[0].phase == "warming up"
        assert len({each.p_up_network for each in decided}) > LENGTH // 2


class TestState:
    """The whole state, and what it takes to go on from it."""

    @pytest.mark.parametrize("place", [0, 1, 299, 300, 302, 555, LENGTH])
    def test_an_engine_goes_on_from_its_state(self, place: int) -> None:
        """I7: taken up at any place, the rest is the same to the bit."""
        engine = begun(place)
        taken_up = Engine(SMALL, engine.state())
        rest = [journal(LENGTH + 100).slice(place)]

        assert taken_up.digest == engine.digest
        assert carry(taken_up, rest).equals(carry(engine, rest))
        assert taken_up.digest == engine.digest

    def test_its_arrays_are_copies(self) -> None:
        """Writing into a state that was returned, or that one began from, changes no engine."""
        engine = begun()
        before, state = engine.digest, engine.state()

        for array in state.values():
            if array.shape:
                array[...] = 0
        assert engine.digest == before

        given = begun().state()
        twin = Engine(SMALL, given)
        for array in given.values():
            if array.shape:
                array[...] = 0
        assert twin.digest == before

    def test_the_small_state_and_the_rings_are_the_state(self) -> None:
        """What is kept after every chunk is bit for bit part of the whole."""
        engine = begun()
        whole, small = engine.state(), engine.small_bytes()

        assert set(whole) - set(small) == set(RINGS)
        assert small == {name: whole[name].tobytes() for name in small}
        assert cursors_in(small) == cursors(whole)
        for name in RINGS:
            places = np.array([0, 17, 255])
            np.testing.assert_array_equal(engine.ring_rows(name, places), whole[name][places])

    def test_genesis_follows_from_the_parameters(self) -> None:
        """Another seed gives other weights, and nothing else."""
        mine, same = initial_state(SMALL), initial_state(SMALL)
        other = initial_state(replace(SMALL, seed=8))

        assert digest(mine) == digest(same)
        assert [name for name in mine if (mine[name] != other[name]).any()] == ["learner.weights"]

    @pytest.mark.parametrize("name", sorted(initial_state(SMALL)))
    def test_a_state_of_another_shape_is_refused(self, name: str) -> None:
        """Each array is looked at before any is taken; the engine at work is not disturbed."""
        engine = begun()
        before, state = engine.digest, initial_state(SMALL)

        for wrong in (
            {**state, name: np.zeros((*state[name].shape, 2), state[name].dtype)},
            {**state, name: np.zeros_like(state[name], np.float16)},
        ):
            with pytest.raises(StateMismatch, match=name):
                Engine(SMALL, wrong)
        assert engine.digest == before

    def test_a_state_with_other_names_is_refused(self) -> None:
        """Missing and unknown arrays are named."""
        state = initial_state(SMALL)
        state["learner.more"] = state.pop("learner.steps")

        with pytest.raises(StateMismatch, match=r"learner\.more, learner\.steps"):
            Engine(SMALL, state)


class TestNeighbours:
    """Engines of equal parameters share one compiled step, and nothing else."""

    def test_interleaved_engines_do_not_disturb_each_other(self) -> None:
        """Each ends where it ends alone."""
        journals = [journal(LENGTH, seed=seed) for seed in (1, 2, 3)]
        alone = [Engine.initial(SMALL) for _ in journals]
        expected = [carry(engine, [batch]) for engine, batch in zip(alone, journals, strict=True)]

        engines = [Engine.initial(SMALL) for _ in journals]
        effects: list[list[pa.RecordBatch]] = [[] for _ in journals]
        for parts in zip(*(cut(batch, 100) for batch in journals), strict=True):
            for engine, part, found in zip(engines, parts, effects, strict=True):
                found.append(engine.advance(part))

        for index, engine in enumerate(engines):
            found_batch = renumber(pa.concat_batches(effects[index]), first_offset=0)
            assert found_batch.equals(expected[index]), index
            assert engine.digest == alone[index].digest, index

    def test_an_engine_that_is_gone_leaves_nothing_behind(self) -> None:
        """Thousands of engines in one process (a verification) need the memory of a few."""
        worker, gone = begun(10), begun(10)
        carry(worker, [journal(11).slice(10)])
        carry(gone, [journal(11).slice(10)])  # the last to have had its turn
        trace = weakref.ref(gone._held)

        del gone
        gc.collect()

        assert trace() is None
        assert worker.digest == begun(11).digest


class TestArithmeticDigest:
    """The name of this machine's arithmetic."""

    def test_it_does_not_depend_on_what_ran_before(self) -> None:
        """Nor does it disturb an engine at work on the same compiled step."""
        first = arithmetic_digest(SMALL)
        engine = begun()
        before = engine.digest

        assert arithmetic_digest(SMALL) == first
        assert engine.digest == before
        assert carry(engine, [journal(LENGTH + 9).slice(LENGTH)]).num_rows >= 9
        assert arithmetic_digest(SMALL) == first


class TestPlantedFaults:
    """A changed byte anywhere is seen in what follows from it."""

    def test_a_changed_tick_changes_the_state(self) -> None:
        """One step of 1e-8 in one price of one tick among hundreds."""
        ticks = journal(LENGTH)
        row = next(n for n in range(400, LENGTH) if stream(LENGTH)[n].__class__.__name__ == "Quote")
        ask = ticks.column("ask")[row].as_py()
        planted = changed(ticks, row, "ask", ask + type(ask)("0.00000001"))
        engine, twin = Engine.initial(SMALL), Engine.initial(SMALL)

        effects, expected = carry(engine, [planted]), carry(twin, [ticks])

        assert engine.digest != twin.digest
        causes = [
            mine["cause"]
            for mine, other in zip(effects.to_pylist(), expected.to_pylist(), strict=False)
            if mine != other
        ]
        assert causes[0] == row

    @pytest.mark.parametrize("bit", [0, 13, 31])
    @pytest.mark.parametrize("name", ["learner.weights", "experts.linear_weights"])
    def test_a_changed_weight_changes_the_fingerprint(self, name: str, bit: int) -> None:
        """At the very next tick, whichever bit of whichever weight it was."""
        engine = begun(500)
        state = engine.state()
        state[name].view(np.uint32)[40] ^= np.uint32(1 << bit)
        hurt = Engine(SMALL, state)
        rest = [journal(LENGTH).slice(500, 20)]

        mine, planted = carry(engine, rest), carry(hurt, rest)

        assert hurt.digest != engine.digest
        assert planted.column("fingerprint")[0] != mine.column("fingerprint")[0]


# Shrinking would take many minutes, an engine being what it is.
@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(any_record, min_size=1, max_size=30))
def test_no_record_makes_the_engine_raise(records: list[Record]) -> None:
    """Whatever a log can hold: the effects are numbers that a log can hold, and so is the state."""
    engine = Engine.initial(SMALL)

    effects = advance(engine, [*stream(40), *records, *stream(40)])

    for effect in effects:
        for name, value in asdict(effect).items():
            assert not isinstance(value, float) or math.isfinite(value), (name, effect)
    for name, array in engine.state().items():
        assert np.isfinite(array.astype(np.float64)).all(), name
    encode(effects, first_offset=0).validate(full=True)
