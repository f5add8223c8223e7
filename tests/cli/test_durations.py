"""Times are written as people write them; what is none blames the option that it was given to."""

import pytest

from cli.durations import seconds_of, since_ns_of
from fixtures.record import HERE
from journal.errors import CommandError
from tests.support.commands import trader


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("60s", 60), ("1.5m", 90), ("2h", 7_200), ("1d", 86_400)]
)
def test_times_are_written_as_people_write_them(text: str, seconds: float) -> None:
    """A number and a unit; seconds without one."""
    assert seconds_of(text, "--for") == seconds


@pytest.mark.parametrize(
    "text", ["", "x", "1x", "-5", "0", "0.0s", "1e9", "nan", "inf", "٣s", "1 s", "9" * 40, "1w"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(CommandError, match="--for"):
        seconds_of(text, "--for")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-1-1", "0d", "2300-01-01"])
def test_what_is_no_time_in_the_past(text: str) -> None:
    with pytest.raises(CommandError, match="--since"):
        since_ns_of(text, "--since", now_ns=1_795_219_200 * 10**9)


@pytest.mark.parametrize(
    ("command", "option"), [("why", "--window"), ("live", "--for"), ("status", "--max-age")]
)
def test_the_option_that_was_meant_is_blamed(command: str, option: str) -> None:
    answer = trader(command, option, "1x", "--home", str(HERE / "gap"))

    assert answer.code == 2
    assert f"{option} 1x: not a time" in answer.err
