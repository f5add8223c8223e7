"""Each offset means one decision, and where it is another's, that is said."""

import pytest

from analysis.selection import select
from engine.checkpoint import Checkpoints
from eventlog.errors import OffsetOutOfRange
from eventlog.reader import Reader
from eventlog.records import KINDS
from fixtures.record import HERE
from journal import layout
from journal.errors import CommandError
from journal.reading import scan
from tests.support.commands import trader

PLACE = layout.find(HERE / "gap", None)
HOME = ("--home", str(HERE / "gap"))


@pytest.fixture(scope="module")
def log() -> Reader:
    return Reader.open(PLACE.log)


def offsets(log: Reader, kind: str) -> list[int]:
    return [offset for offset, _ in scan.records(log, 0, log.end, kinds=[kind])]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"decision"}))
def test_every_kind_of_record_leads_to_a_decision(log: Reader, kind: str) -> None:
    """Its own without a word, another's with one."""
    for offset in offsets(log, kind)[:3]:
        selected = select(log, str(offset), Checkpoints(PLACE.checkpoints))
        is_own = selected.decision.cause == offset

        assert bool(selected.note) is not is_own
        assert is_own or f"{offset:,} is a {kind}" in selected.note or "newest" in selected.note


def test_a_decision_means_itself(log: Reader) -> None:
    for offset in offsets(log, "decision")[::50]:
        selected = select(log, str(offset), Checkpoints(PLACE.checkpoints))

        assert (selected.offset, selected.note) == (offset, "")


def test_the_start_of_a_session_has_none_and_says_so() -> None:
    """Offset 0 is no decision: the next one is shown as what it is."""
    answer = trader("why", "0", *HOME)

    assert answer.code == 0
    assert "(offset 0 is a session_started without a decision: the next one)" in answer.out


def test_a_fill_means_what_ordered_it(log: Reader) -> None:
    at, fill = next(scan.records(log, 0, log.end, kinds=["fill"]))
    selected = select(log, str(at), Checkpoints(PLACE.checkpoints))

    assert selected.decision.cause == getattr(fill, "ordered_at", None)
    assert "the decision that ordered it" in selected.note


def test_from_the_end(log: Reader) -> None:
    """A negative number is an argument like any other, wherever it stands."""
    direct = trader("why", str(log.end - 5), *HOME, "--json").summary
    for words in (["-5", *HOME, "--json"], [*HOME, "--json", "-5"], ["--json", *HOME, "--", "-5"]):
        assert trader("why", *words).summary["offset"] == direct["offset"]


@pytest.mark.parametrize("which", ["9999999", "-9999999"])
def test_beyond_the_log(log: Reader, which: str) -> None:
    with pytest.raises(OffsetOutOfRange):
        select(log, which, Checkpoints(PLACE.checkpoints))


@pytest.mark.parametrize("which", ["soon", "s@nan", "s@inf", "s@1e99", "s@-1", "10:99"])
def test_no_offset_at_all(log: Reader, which: str) -> None:
    with pytest.raises(CommandError):
        select(log, which, Checkpoints(PLACE.checkpoints))
