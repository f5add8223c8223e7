"""What was not recorded, also where a clock was set."""

from eventlog.gaps import missed, missing_ns
from eventlog.records import Gap

S = 10**9


def test_a_gap_is_as_long_as_the_clock_says() -> None:
    """From the last to the first that comes in again."""
    assert missed(at_ns=5 * S, from_ns=2 * S, to_ns=5 * S, why="closed") == Gap(
        received_ns=5 * S, from_ns=2 * S, to_ns=5 * S, why="closed"
    )


def test_a_clock_that_was_set_back_is_said_to_have_been() -> None:
    """The length is nobody's to know: it is none, and the words say why."""
    gap = missed(at_ns=5 * S, from_ns=259_183 * S, to_ns=5 * S, why="closed")

    assert (gap.from_ns, gap.to_ns, gap.received_ns) == (5 * S, 5 * S, 5 * S)
    assert gap.why.startswith("closed; the clock was set back by 259,178.0 s or more")


def test_what_was_recorded_with_a_negative_length_has_none() -> None:
    """As earlier versions wrote it down."""
    assert [missing_ns(9, 2), missing_ns(2, 9)] == [0, 7]
