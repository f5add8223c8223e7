"""A report's answers in sentences."""

from typing import Any

import pytest

from analysis.verdicts import answers

LEARNING = {"saved": None}
MONEY = {"fills": 0, "over_hold": None, "gain": -0.0123, "fees": 4.5, "equity": 10_000.0}


def interval(verdict: str) -> dict[str, Any]:
    return {"mean": 0.5, "low": 0.25, "high": 0.75, "verdict": verdict}


def test_nothing_is_claimed_of_too_little() -> None:
    """Neither learning nor money."""
    assert answers(LEARNING, None, MONEY) == [
        "Is it learning? Too few labels to say.",
        "Did it make money? No trades: equity is unchanged at 10,000.00.",
    ]
    assert answers(LEARNING, None, {**MONEY, "fills": 1})[1] == (
        "Did it make money? -1.23 % after 4.50 in fees (1 fill); too little to compare it with"
        " holding the same stake."
    )
    assert "Nothing was decided" in answers(LEARNING, None, {**MONEY, "equity": None})[1]


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

    first, second, third = answers(
        {"saved": said}, {"saved": said, "after": 99}, {**MONEY, "fills": 3, "over_hold": said}
    )

    assert first.startswith(f"Is it learning? {learns}")
    assert second.startswith(f"Does continued learning help? {learns}")
    assert "after 100 records" in second
    assert paid in third
    assert "-1.23 % after 4.50 in fees" in third
    assert "+25.00 % and +75.00 %" in third
