"""Counts of 1e-8 and their texts, and a vocabulary without double meanings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.records import (
    E8_MAX,
    EFFECT_KINDS,
    KINDS,
    TICK_KINDS,
    format_e8,
    parse_e8,
)


@given(whole=st.integers(0, 10**10 - 1), decimals=st.integers(0, 8), draw=st.integers(0, 10**8 - 1))
def test_a_text_is_read_and_written_exactly(whole: int, decimals: int, draw: int) -> None:
    """The decimals as sent are kept, trailing zeros included, so the text comes back."""
    text = str(whole) + (f".{draw:08}"[: decimals + 1] if decimals else "")

    value_e8, sent = parse_e8(text)

    assert sent == decimals
    assert format_e8(value_e8, sent) == text
    assert 0 <= value_e8 <= E8_MAX


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1.",
        ".5",
        "+1",
        "--1",
        "1e5",
        "NaN",
        "inf",
        " 1",
        "1 ",
        "1.123456789",
        "0x1",
        "\u0661",
    ],
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    """Exponents, blanks, foreign digits and more than eight decimals are no prices."""
    with pytest.raises(ValueError):
        parse_e8(text)


def test_a_value_is_never_written_with_fewer_decimals_than_it_has() -> None:
    """Writing does not round."""
    with pytest.raises(ValueError):
        format_e8(12345, 3)


def test_ticks_and_effects_are_kinds_and_nothing_is_both() -> None:
    """The words in the log are those of the vocabulary."""
    assert set(TICK_KINDS) | set(EFFECT_KINDS) <= set(KINDS)
    assert not set(TICK_KINDS) & set(EFFECT_KINDS)
    assert len(set(KINDS.values())) == len(KINDS)
