"""Baselines learn from a label only once it is known, and what they say is what they are."""

import numpy as np
import pytest

from analysis.evaluation import baselines
from analysis.evaluation.questions import Questions, questions
from engine.market import Market
from feeds.streams import market

TICKS = 3_000


def asked_of(name: str, ticks: int = TICKS) -> Questions:
    made = market(name, seed=1, ticks=ticks)
    folded = Market.initial()
    rows = np.concatenate([folded.fold(batch) for batch in made.batches()])
    return questions(rows, horizon_ms=1_000)


def nobody(count: int) -> None:
    """Watch no progress."""


def seen(asked: Questions) -> np.ndarray:
    draws = np.random.default_rng(1).normal(size=(len(asked.tick), 3))
    return np.column_stack([asked.imbalance, draws]).astype(np.float32)


def everybody(asked: Questions, features: np.ndarray) -> dict[str, np.ndarray]:
    said = {name: rule(asked) for name, rule in baselines.RULES.items()}
    for name, model in baselines.models(slow=True).items():
        if "ARF" not in name:
            said[name] = model(asked, features, nobody)
    return said


def test_nobody_makes_use_of_a_label_before_it_is_known() -> None:
    """With all labels from some tick on turned round, no forecast changes before they mature."""
    asked = asked_of("S1", 1_500)
    features = seen(asked)
    turned = 1_000
    rose = asked.rose.copy()
    rose[turned:] = ~rose[turned:]
    first = int(asked.known_at[turned])
    before, after = everybody(asked, features), everybody(asked._replace(rose=rose), features)

    assert first == turned + 2
    for name, said in before.items():
        if name == "River LogisticRegression":
            continue  # its step is chosen in hindsight, which is said
        assert (said[:first] == after[name][:first]).all(), name
        if name != "imbalance rule":
            assert (said[first:] != after[name][first:]).any(), name


def test_rules_say_what_they_are() -> None:
    asked = asked_of("S1")
    said = {name: rule(asked) for name, rule in baselines.RULES.items()}
    matured = asked.matured()
    for place in (0, 1, 2, 500, TICKS - 1):
        known = asked.rose[: matured[place]]
        assert said[baselines.PRIOR][place] == (known.sum() + 1) / (len(known) + 2)
        if len(known):
            direction = said[baselines.PERSISTENCE][place] - 0.5
            share = abs(direction) + 0.5
            assert (direction > 0) == (known[-1] == (share >= 0.5)) or abs(direction) < 0.05
    assert np.allclose(said["imbalance rule"], 0.5 * (1 + asked.imbalance))


def test_the_calibrated_rule_comes_near_the_optimum() -> None:
    asked = asked_of("S1")
    p_up = baselines.calibrated_imbalance(asked)[1_000:]
    moved, rose = asked.moved[1_000:], asked.rose[1_000:]

    assert np.mean((p_up > 0.5)[moved] == rose[moved]) > 0.75


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "find_spec", lambda _: None)

    assert baselines.lacking() == ["scikit-learn", "River"]
    assert baselines.models(slow=True) == {}
