"""Reasons in figures."""

from dataclasses import replace

import pytest

from analysis.reasons import meaning
from engine.account.policy import REASONS
from engine.parameters import Parameters
from eventlog.reader import Reader
from eventlog.records import Decision
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath
from journal.reading.scan import last


@pytest.fixture(scope="module")
def decision() -> Decision:
    found = last(Reader.open(JournalPath(HERE / "gap", JOURNAL).log), Decision)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_the_policy_has_a_meaning(decision: Decision, reason: str) -> None:
    """None is passed over."""
    assert meaning(replace(decision, reason=reason), Parameters())


def test_a_reason_of_another_version_has_none(decision: Decision) -> None:
    """It is shown as it stands."""
    assert meaning(replace(decision, reason="the moon"), Parameters()) == ""


def test_no_expected_rise_is_not_a_lack_of_confidence(decision: Decision) -> None:
    """The same gate for two causes: they are told apart."""
    low = replace(decision, reason="confidence too low")

    assert "no rise" in meaning(replace(low, edge_ppm=-3.0), Parameters())
    assert "confidence" in meaning(replace(low, edge_ppm=3.0), Parameters())


def test_a_confidence_counts_as_far_as_it_is_trusted(decision: Decision) -> None:
    """What the gate compares is said, not only what was foreseen."""
    low = replace(decision, reason="confidence too low", edge_ppm=3.0, confidence=0.56)

    assert "counts as 0.530" in meaning(replace(low, skill_confidence=0.5), Parameters())
    assert "0.560 is below" in meaning(replace(low, skill_confidence=None), Parameters())
