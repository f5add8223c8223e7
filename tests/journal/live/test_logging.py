"""Lines for those who read them later."""

import io
import shlex

from journal.live.logging import say


def test_a_line_can_be_taken_apart() -> None:
    """One line an event whatever the values hold; what is None is left out."""
    stream = io.StringIO()

    say("feed", {"why": 'he said "no"\nand left', "n": 5, "none": None, "x": 0.5}, stream=stream)

    (line,) = stream.getvalue().splitlines()
    moment, event, *words = shlex.split(line)
    assert moment.endswith("Z")
    assert event == "event=feed"
    assert [word.split("=")[0] for word in words] == ["why", "n", "x"]
