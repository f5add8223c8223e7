"""Text after a label, broken so that a terminal of 80 columns breaks no line."""

from collections.abc import Iterator
from textwrap import wrap

COLUMNS = 79


def labelled(label: str, text: str, *, width: int, lead: str = "  ") -> Iterator[str]:
    """Yield a text after its label; lines after the first stand below the text.

    Args:
        label: what the text is about.
        text: broken between words only, however long a word is.
        width: columns of the label.
        lead: what stands before the label.

    >>> [*labelled("edge", "one two", width=6)], [*labelled("", "one", width=2, lead="x ")]
    (['  edge   one two'], ['x    one'])
    """
    head = f"{lead}{label:{width}} "
    room = COLUMNS - len(head)
    for line in wrap(text, room, break_on_hyphens=False, break_long_words=False):
        yield head + line
        head = " " * len(head)
