"""Whatever a text holds, what is printed of it is one visible, bounded line."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.printable import cell, lines_of, printable, printable_bytes, to_json

ANY = st.text(st.characters(exclude_categories=[])) | st.text(
    st.sampled_from(
        "\x00\x07\x1b\x7f\x85\x9b\u202e\u2066\u200e\u061c\u2028\u2029\u200b\ufeff\n\t[31m"
    )
)
ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(ANY)
def test_nothing_that_acts_is_left(text: str) -> None:
    """One line, no control, bidi, separator, surrogate or unassigned character; it encodes."""
    shown = printable(text)

    assert not {unicodedata.category(character) for character in shown} & ACTING
    assert shown.encode("utf-8").decode("utf-8").splitlines() in ([], [shown])


@given(ANY)
def test_what_is_printable_stays_so(text: str) -> None:
    """Doing it twice changes nothing, so each place may do it."""
    assert printable(printable(text, 10**6), 10**6) == printable(text, 10**6)


@given(ANY, st.integers(0, 40))
def test_it_is_bounded_and_says_what_was_cut(text: str, most: int) -> None:
    """Ten characters an escape at most, and the rest is counted."""
    shown = printable(text, most)

    assert len(shown) <= 10 * most + 40
    assert ("more characters)" in shown) >= (len(text) > most)


@given(st.binary())
def test_bytes_too(raw: bytes) -> None:
    assert printable(printable_bytes(raw), 10**6) == printable_bytes(raw)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: ü, 日本, ½", "plain: ü, 日本, ½"),
        ("a\nPAPER forged", "a\\nPAPER forged"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\u202egnp", "\\u202egnp"),
        ("\ud800", "\\ud800"),
        ("a\u200bb", "a\\u200bb"),
        ("\U000e0041", "\\U000e0041"),
        ("[red]no markup[/red]", "[red]no markup[/red]"),
    ],
)
def test_what_is_hidden_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_marks_do_not_pile_up() -> None:
    """A tower of accents would cover the lines above it."""
    assert printable("e" + "\u0301" * 9).count("\u0301") == 2


@given(ANY)
def test_the_last_net_keeps_our_own_lines(text: str) -> None:
    """Newlines and tabs are ours there; everything else is visible."""
    net = lines_of(text)

    assert net.count("\n") == text.count("\n")
    assert not ({unicodedata.category(each) for each in net if each not in "\n\t"} & ACTING)


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@sum", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_a_formula_is_text(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize("text", ["-1.5", "+2", "-1e-9", ".5", "BTC-AUD", "", "entry: edge"])
def test_what_is_no_formula_stays(text: str) -> None:
    assert cell(text) == text


@given(ANY)
def test_json_is_visible_and_says_the_same(text: str) -> None:
    """Every character comes back, and none of them acts."""
    said = to_json({"why": text})

    assert said.isascii()
    assert said.isprintable()
    assert json.loads(said)["why"] == json.loads(json.dumps(text))
