"""Text after a label."""

from cli.render.labels import COLUMNS, labelled


def test_a_long_text_goes_on_below_itself() -> None:
    """Every line is within the terminal and begins in the text's column."""
    lines = [*labelled("feed", "so many words " * 20, width=10)]

    assert len(lines) > 3
    assert max(map(len, lines)) <= COLUMNS
    assert lines[0].startswith("  feed       so many")
    assert {line[:13] for line in lines[1:]} == {" " * 13}


def test_a_word_stays_whole() -> None:
    """A path can be copied from the terminal; nothing is said of nothing."""
    path = "/x-y" * 40

    assert [line.strip() for line in labelled("", path, width=4)] == [path]
    assert [*labelled("empty", "", width=4)] == []
