"""A report's answers in sentences."""

from dataclasses import fields, replace
from typing import TypeVar

import pytest

from analysis.figures import FrozenFigures, Learning, Money
from analysis.summaries import IntervalSaid
from analysis.verdicts import answers

T = TypeVar("T")


def unknown(kind: type[T]) -> T:
    """Return a message of which nothing is known."""
    return kind(**{each.name: None for each in fields(kind)})  # type: ignore[arg-type]


LEARNING = unknown(Learning)
MONEY = replace(unknown(Money), fills=0, gain=-0.0123, fees=4.5, equity=10_000.0)


def interval(verdict: str) -> IntervalSaid:
    return IntervalSaid(mean=0.5, low=0.25, high=0.75, blocks=30, verdict=verdict)


def test_nothing_is_claimed_of_too_little() -> None:
    """Neither learning nor money."""
    assert answers(LEARNING, None, MONEY) == [
        "Is it learning? Too few labels to say.",
        "Did it make money? No trades: equity is unchanged at 10,000.00.",
    ]
    assert answers(LEARNING, None, replace(MONEY, fills=1))[1] == (
        "Did it make money? -1.23 % after 4.50 in fees (1 fill); too little to compare it with"
        " holding the same stake."
    )
    assert "Nothing was decided" in answers(LEARNING, None, replace(MONEY, equity=None))[1]


@pytest.mark.parametrize(
    ("verdict", "learns", "paid"),
    [
        ("above", "Yes", "more than holding the same stake"),
        ("below", "No", "less than holding the same stake"),
        ("unclear", "Not distinguishable", "not distinguishable"),
    ],
)
def test_an_interval_decides_the_word(verdict: str, learns: str, paid: str) -> None:
    """Of learning, of going on learning, and of money, with its bounds."""
    said = interval(verdict)

    frozen = replace(unknown(FrozenFigures), saved=said, after=99)
    money = replace(MONEY, fills=3, over_hold=said)
    first, second, third = answers(replace(LEARNING, saved=said), frozen, money)

    assert first.startswith(f"Is it learning? {learns}")
    assert second.startswith(f"Does continued learning help? {learns}")
    assert "after 100 records" in second
    assert paid in third
    assert "-1.23 % after 4.50 in fees" in third
    assert "+25.00 % and +75.00 %" in third
