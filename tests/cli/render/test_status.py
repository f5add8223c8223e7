"""What a person reads of a journal's status."""

from analysis.status import look
from cli.render.status import clock_words, to_lines
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath

PLACE = JournalPath(HERE / "gap", JOURNAL)


def test_the_four_questions_stand_on_one_screen() -> None:
    """Alive, learning, the account, and why it holds: in fewer lines than a terminal has."""
    lines = [*to_lines([look(PLACE, Reader.open(PLACE.log))])]
    labels = {line[2:16].strip() for line in lines[1:]}

    assert {"last record", "durable", "recently", "account", "last decision", "holds"} <= labels
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80


def test_several_journals_are_rows() -> None:
    """One of them is a screen, two are a table."""
    standing = look(PLACE, Reader.open(PLACE.log))

    assert len([*to_lines([standing, standing])]) == 3


def test_a_clock_that_is_far_off_was_recorded_once() -> None:
    """Milliseconds say something of a clock; hours do not."""
    assert clock_words(-166.9) == "exchange's clock -166.9 ms"
    assert "96 min off" in clock_words(5_770_801.7)
