"""Words for a place in a log."""

import pytest

from engine.checkpoint import Checkpoints
from eventlog.errors import OffsetOutOfRange
from eventlog.reader import Reader
from fixtures.record import HERE
from journal import layout
from journal.asked.offsets import range_of, resolve, time_ns
from journal.errors import CommandError

PLACE = layout.find(HERE / "kill-and-resume", None)
LOG = Reader.open(PLACE.log)
KEPT = Checkpoints(PLACE.checkpoints)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("beginning", 0),
        ("end", LOG.end),
        ("0", 0),
        ("17", 17),
        ("-1", LOG.end - 1),
        (str(LOG.end), LOG.end),
        ("checkpoint", KEPT.offsets()[-1] + 1),
    ],
)
def test_a_place_in_words(text: str, offset: int) -> None:
    """Each word of the grammar names its offset."""
    assert resolve(text, LOG, KEPT) == offset


def test_a_time_is_the_first_record_received_since() -> None:
    """s@TIME is the first offset whose received time is not before it."""
    times = [
        time
        for batch in LOG.read(columns=("received_ns",))
        for time in batch.column("received_ns").to_pylist()
    ]

    for index in (1, 700, LOG.end - 1):
        first = next(at for at, time in enumerate(times) if time >= times[index])
        assert resolve(f"s@{times[index] / 10**9:.9f}", LOG, KEPT) in (first, first + 1)
    assert resolve("s@1970-01-01", LOG, KEPT) == 0
    assert resolve("s@2100-01-01T00:00:00Z", LOG, KEPT) == LOG.end


def test_a_time_without_a_zone_is_utc() -> None:
    """Nothing depends on where the machine stands."""
    assert time_ns("2026-11-21T00:00:00") == time_ns("2026-11-21T00:00:00+00:00")
    assert time_ns("2026-11-21T00:00:00") == time_ns("2026-11-21T10:00:00+10:00")


@pytest.mark.parametrize("text", [str(LOG.end + 1), str(-LOG.end - 1)])
def test_an_offset_that_is_not_there(text: str) -> None:
    """Beyond the log is an error that names the valid range."""
    with pytest.raises(OffsetOutOfRange) as caught:
        resolve(text, LOG, KEPT)

    assert str(LOG.end - 1) in caught.value.hint


@pytest.mark.parametrize("text", ["", "soon", "1.5", "s@", "s@noon"])
def test_words_that_are_not_of_the_grammar(text: str) -> None:
    """Anything else is a usage error."""
    with pytest.raises(CommandError):
        resolve(text, LOG, KEPT)


@pytest.mark.parametrize(
    ("from_", "to", "expected"),
    [
        (None, "end", (LOG.end - 20, LOG.end)),
        ("-5", "end", (LOG.end - 5, LOG.end)),
        ("-5", "100", (95, 100)),
        ("10", "30", (10, 30)),
    ],
)
def test_a_range_in_words(from_: str | None, to: str, expected: tuple[int, int]) -> None:
    """Where nobody names a beginning it is the newest records; -N counts back from the end."""
    assert range_of(from_, to, LOG, KEPT, count=20, kinds=None) == expected


def test_the_last_of_a_kind_are_counted_by_kind() -> None:
    """The last two decisions are two decisions, wherever they are."""
    start, end = range_of("-2", "end", LOG, KEPT, count=20, kinds=["decision"])
    kinds = [kind for batch in LOG.read(start, end) for kind in batch.column("kind").to_pylist()]

    assert kinds.count("decision") == 2


def test_a_range_does_not_end_before_it_begins() -> None:
    """Two words in the wrong order are no range."""
    with pytest.raises(CommandError):
        range_of("30", "10", LOG, KEPT, count=20, kinds=None)
