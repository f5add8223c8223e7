"""A negative number is an argument; an option's value stays its option's."""

import pytest

from fixtures.record import HERE
from tests.support.commands import trader

HOME = ("--home", str(HERE / "gap"))


@pytest.mark.parametrize("words", [["-5"], ["-5", "--json"], ["--json", "-5"]])
def test_a_negative_number_is_no_option(words: list[str]) -> None:
    assert trader("why", *words, *HOME).code == 0


def test_the_value_of_an_option_stays_there() -> None:
    """-5 after --window is a time, and no good one."""
    answer = trader("why", "--window", "-5", *HOME)

    assert answer.code == 2
    assert "--window" in answer.err


def test_two_are_one_too_many() -> None:
    assert trader("why", "-5", "-6", *HOME).code == 2
