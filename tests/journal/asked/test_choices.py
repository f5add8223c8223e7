"""A word that an argument does not know is refused with what was probably meant."""

import pytest

from journal.asked.choices import check_choice, check_kinds
from journal.errors import UsageError


def test_a_known_word_passes() -> None:
    check_choice("--scenario", "calm", ["calm", "wild"])
    check_kinds(["fill", "quote"])
    check_kinds(None)


def test_a_near_word_is_suggested() -> None:
    with pytest.raises(UsageError, match="--scenario clam: unknown") as refused:
        check_choice("--scenario", "clam", ["calm", "wild"])

    assert refused.value.hint == "Did you mean calm? Known: calm, wild."


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="--kind fills: unknown") as refused:
        check_kinds(["fills"])

    assert "Did you mean fill?" in refused.value.hint


def test_foreign_text_is_shown_and_does_nothing() -> None:
    with pytest.raises(UsageError) as refused:
        check_choice("--kind", "\x1b[31mred", ["quote"])

    assert "\x1b" not in str(refused.value)
