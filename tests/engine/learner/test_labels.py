"""Labels: what a prediction is labelled with, when, and how what was said is scored."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.engine import Engine
from engine.learner import memory
from engine.learner.experts import PERSISTENCE, PRIOR, RULE
from engine.learner.features import COUNT
from engine.learner.labels import BINS
from engine.learner.memory import FELL, FLAT, ROSE, VOID
from engine.market import Column, Market
from engine.state import ARCHIVE_STRIDE, Arrays
from eventlog.records import Decision, Quote
from tests.support.markets import SMALL, decisions, gap, journal, quote, stream

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
    return [(d.resolved, d.scored, d.voided) for d in decisions(engine, ticks)]


def outcomes(engine: Engine, count: int) -> list[int]:
    """Return the first outcomes in the ring."""
    found: list[int] = engine.state()["memory.outcomes"][:count].tolist()
    return found


class TestLabels:
    """I5: a label is learned only after its horizon has passed."""

    def test_a_label_ripens_strictly_after_its_horizon(self) -> None:
        """Not at the horizon: another tick of that very moment could still move the mid."""
        engine = Engine.initial(SMALL)

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
        engine = Engine.initial(SMALL)
        before, then = middles

        told(engine, at(0, 100), at(100, before), at(HORIZON_MS, then))
        told(engine, at(10 * HORIZON_MS, 500))

        assert outcomes(engine, 1) == [outcome]

    def test_several_ripen_at_one_tick(self) -> None:
        """Those whose horizon has ended, each with the same mid; the others wait."""
        engine = Engine.initial(SMALL)

        told(engine, at(0, 100), at(10, 104), at(20, 102), at(200, 102))

        assert told(engine, at(HORIZON_MS + 21, 1)) == [(3, 2, 0)]
        assert outcomes(engine, 5) == [ROSE, FELL, FLAT, VOID, VOID]

    def test_a_break_voids_what_waits(self) -> None:
        """And counts it; later predictions are labelled as ever."""
        engine = Engine.initial(SMALL)
        told(engine, at(0, 100), at(10, 101))

        engine_told = decisions(engine, [gap(), at(HORIZON_MS + 50, 102)])

        assert [(d.resolved, d.voided) for d in engine_told] == [(0, 2)]
        assert told(engine, at(2 * HORIZON_MS + 51, 103)) == [(1, 0, 0)]
        assert outcomes(engine, 4) == [VOID, VOID, FLAT, VOID]

    def test_an_unknown_mid_voids_a_label(self) -> None:
        """Where the market was not valid at the horizon nobody knows what the mid was."""
        engine = Engine.initial(SMALL)

        told(engine, at(0, 100), crossed(HORIZON_MS - 1))

        assert told(engine, at(HORIZON_MS + 1, 200)) == [(0, 0, 1)]
        assert outcomes(engine, 1) == [VOID]

    def test_an_invalid_market_that_recovers_in_time_does_no_harm(self) -> None:
        """Only the mid in force at the horizon counts."""
        engine = Engine.initial(SMALL)

        told(engine, at(0, 100), crossed(100), at(200, 101))

        assert told(engine, at(HORIZON_MS + 1, 7)) == [(1, 1, 0)]
        assert outcomes(engine, 1) == [ROSE]

    def test_an_invalid_market_is_not_predicted(self) -> None:
        """There is no mid to compare with."""
        engine = Engine.initial(SMALL)

        told(engine, at(0, 100), crossed(1), crossed(2))

        assert int(engine.state()["memory.head"]) == 1

    def test_a_full_ring_takes_no_more(self) -> None:
        """I10: a prediction for which there is no place counts as void; none that waits is lost."""
        engine = Engine.initial(SMALL)

        counted = told(engine, *(at(0, 100) for _ in range(ROWS + 3)))

        assert [voided for _, _, voided in counted] == [0] * ROWS + [1] * 3
        assert told(engine, at(HORIZON_MS + 1, 101)) == [(ROWS, 0, 0)]

    def test_a_score_is_of_what_was_said_then(self) -> None:
        """Before anybody has learned anything all say one half; the baseline is the share of
        rises so far, after Laplace.
        """
        engine = Engine.initial(SMALL)
        told(engine, at(0, 100), at(1, 104), at(2, 102))

        scored = decisions(engine, [at(HORIZON_MS + 3, 102)])[0]

        assert (scored.scored, scored.scored_hits, scored.scored_rises) == (2, 1, 1)
        assert (scored.scored_network_hits, scored.scored_rule_hits) == (1, 1)
        assert scored.scored_persistence_hits == 1
        for loss in (
            scored.scored_loss,
            scored.scored_baseline_loss,
            scored.scored_network_loss,
            scored.scored_rule_loss,
        ):
            assert loss == pytest.approx(2 * math.log(2), rel=1e-6)
        assert scored.scored_brier == pytest.approx(0.5, rel=1e-6)
        told(engine, at(HORIZON_MS + 4, 102))
        assert engine.state()["tally.counts"][[0, 1, 2]].tolist() == [2, 1, 1]


@dataclass
class Waiting:
    """A prediction that the oracle keeps in mind."""

    position: int
    at_ns: int
    sum_e8: int
    cause: int


@dataclass
class Journey:
    """What an engine said over a journal, and what it remembered of each prediction."""

    said: dict[int, Decision] = field(default_factory=dict)  # by offset of the tick
    samples: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict)  # by position
    state: Arrays = field(default_factory=dict)


COUNT_TICKS = 1_500


@cache
def journey() -> Journey:
    """Carry an engine over a journal, looking at the ring before it wraps around."""
    engine, found, head = Engine.initial(SMALL), Journey(), 0
    for start in range(0, COUNT_TICKS, ROWS // 2):
        records = stream(COUNT_TICKS)[start : start + ROWS // 2]
        found.said |= {each.cause: each for each in decisions(engine, records)}
        found.state = engine.state()
        for position in range(head, int(found.state["memory.head"])):
            found.samples[position] = found.state["memory.samples"][position % ROWS]
        head = int(found.state["memory.head"])
    return found


@dataclass
class Label:
    """What the oracle says of one prediction."""

    due: Waiting
    sum_e8: int  # in force at the horizon


def reading(*, peeks: bool = False) -> Iterator[tuple[int, list[Label], int]]:
    """Yield of each tick its offset, the labels that ripen at it, and how many are void.

    A list, a loop and Python's integers. With ``peeks`` the label is wrong: it is what the mid
    became at the tick after the horizon, which nobody could have known at the horizon.
    """
    waiting: deque[Waiting] = deque()
    in_force_e8 = position = 0
    for cells in Market.initial().fold(journal(COUNT_TICKS)).tolist():
        now_ns, cause = cells[Column.TIME_NS], cells[Column.OFFSET]
        sum_e8 = cells[Column.BID_E8] + cells[Column.ASK_E8] if cells[Column.VALID] else 0
        voided, labels = 0, []
        if cells[Column.BREAK]:
            voided += len(waiting)
            waiting.clear()
            in_force_e8 = 0
        then_e8 = sum_e8 if peeks else in_force_e8
        while waiting and waiting[0].at_ns + HORIZON_MS * 10**6 < now_ns:
            due = waiting.popleft()
            if then_e8:
                labels.append(Label(due, then_e8))
            else:
                voided += 1
        in_force_e8 = sum_e8
        if sum_e8 and len(waiting) < ROWS:
            waiting.append(Waiting(position, now_ns, sum_e8, cause))
            position += 1
        else:
            voided += bool(sum_e8)
        yield cause, labels, voided


def softplus(logit: float) -> float:
    """Return the log-loss of saying a logit of what did not happen."""
    return max(logit, 0.0) + math.log1p(math.exp(-abs(logit)))


def scores(labels: list[Label], found: Journey) -> dict[str, Any]:
    """Return what the labels of one tick add up to, from what was said of each at its time."""
    whole = dict.fromkeys(
        (
            *("scored", "scored_hits", "scored_rises", "scored_said_rises"),
            *("scored_network_hits", "scored_rule_hits", "scored_persistence_hits"),
        ),
        0,
    )
    parts = dict.fromkeys(
        (
            *("scored_loss", "scored_baseline_loss", "scored_network_loss", "scored_rule_loss"),
            "scored_brier",
        ),
        0.0,
    )
    for label in labels:
        if label.sum_e8 == label.due.sum_e8:
            continue
        rose = label.sum_e8 > label.due.sum_e8
        sample, said = found.samples[label.due.position], found.said[label.due.cause]
        logits = sample[memory.LOGITS :].tolist()
        network = float(sample[memory.NETWORK])
        sign = -1 if rose else 1
        whole["scored"] += 1
        whole["scored_rises"] += rose
        whole["scored_said_rises"] += said.p_up >= 0.5
        whole["scored_hits"] += (said.p_up >= 0.5) == rose
        whole["scored_network_hits"] += (network >= 0) == rose
        whole["scored_rule_hits"] += (logits[RULE] >= 0) == rose
        whole["scored_persistence_hits"] += (logits[PERSISTENCE] >= 0) == rose
        parts["scored_loss"] -= math.log(max(said.p_up if rose else 1 - said.p_up, 1e-6))
        parts["scored_baseline_loss"] += softplus(sign * logits[PRIOR])
        parts["scored_network_loss"] += softplus(sign * network)
        parts["scored_rule_loss"] += softplus(sign * logits[RULE])
        parts["scored_brier"] += (said.p_up - rose) ** 2
    return {**whole, **parts}


def differing(*, peeks: bool) -> list[int]:
    """Return the ticks at which what is recorded is not what the reading says."""
    found, differs = journey(), []
    for cause, labels, voided in reading(peeks=peeks):
        wanted = {"resolved": len(labels), "voided": voided, **scores(labels, found)}
        said = {name: getattr(found.said[cause], name) for name in wanted}
        if said != pytest.approx(wanted, rel=1e-4, abs=1e-5):
            differs.append(cause)
    return differs


def test_every_label_of_a_journal_is_what_a_simple_reading_says() -> None:
    """Counts and scores of all who said something come to the same, tick by tick."""
    assert differing(peeks=False) == []
    assert sum(each.scored for each in journey().said.values()) > 500
    assert sum(each.voided for each in journey().said.values()) > 5


def test_a_label_that_peeks_is_found_out() -> None:
    """The reading of a label that looks one tick beyond its horizon is another one, often."""
    assert len(differing(peeks=True)) > 20


def test_what_was_said_is_what_is_remembered() -> None:
    """The score of a prediction is that of the decision of its tick."""
    found = journey()
    for _, labels, _ in reading():
        for label in labels:
            sample, said = found.samples[label.due.position], found.said[label.due.cause]
            assert sample[memory.P_UP] == np.float32(said.p_up)
            assert 1 / (1 + math.exp(-sample[memory.NETWORK])) == pytest.approx(
                said.p_up_network, rel=1e-5
            )


def test_the_tally_is_the_sum_of_what_was_recorded() -> None:
    """A learning curve ends in the tally, and its reliability diagram too."""
    found = journey()
    said = list(found.said.values())
    bins, return_ppm, moved = np.zeros((3, BINS)), 0.0, 0
    for _, labels, _ in reading():
        for label in labels:
            gain_e8 = label.sum_e8 - label.due.sum_e8
            if gain_e8:
                p_up = np.float32(found.said[label.due.cause].p_up)
                bins[:, min(int(p_up * np.float32(BINS)), BINS - 1)] += np.array(
                    [1, p_up, gain_e8 > 0]
                )
                size_ppm = abs(gain_e8) / label.due.sum_e8 * 1e6
                return_ppm += max(0.01, 1 / (moved + 1)) * (size_ppm - return_ppm)
                moved += 1

    names = ("scored", "scored_hits", "scored_rises", "scored_said_rises")
    counts = [sum(getattr(each, name) for each in said) for name in names]
    assert found.state["tally.counts"].tolist() == counts
    for place, name in enumerate(("scored_loss", "scored_baseline_loss", "scored_brier")):
        total = sum(getattr(each, name) for each in said)
        assert found.state["tally.sums"][place] == pytest.approx(total, rel=1e-5)
    assert found.state["tally.bins"] == pytest.approx(bins, rel=1e-5)
    assert float(found.state["tally.return_ppm"]) == pytest.approx(return_ppm, rel=1e-4)


def test_of_every_so_many_labels_one_is_archived() -> None:
    """With its features, whether it rose, and how unique it was; a flat one has no weight."""
    found = journey()
    wanted = np.zeros_like(found.state["memory.archive"])
    for _, labels, _ in reading():
        for label in labels:
            place, rest = divmod(label.due.position, ARCHIVE_STRIDE)
            if rest == 0:
                sample, gain_e8 = found.samples[label.due.position], label.sum_e8 - label.due.sum_e8
                wanted[place, :COUNT] = sample[:COUNT]
                wanted[place, COUNT] = gain_e8 > 0
                wanted[place, COUNT + 1] = sample[memory.UNIQUENESS] if gain_e8 else 0.0

    # A prediction that no mid was known for goes there too, without weight.
    has_weight = wanted[:, COUNT + 1] > 0
    kept = found.state["memory.archive"]
    np.testing.assert_array_equal(kept[has_weight], wanted[has_weight])
    assert not kept[~has_weight, COUNT + 1].any()
    assert has_weight.sum() > 40
