"""Which trades are known, and what lies in a hole."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.records import Trade
from feeds.deduplicator import REMEMBERED_MAX, TradeDeduplicator
from tests.support.handwritten import page


def ids(trades: Iterable[Trade]) -> list[int]:
    return [trade.trade_id for trade in trades]


def test_a_trade_is_new_once() -> None:
    """The second time it is counted."""
    deduplicator = TradeDeduplicator([5])

    assert [deduplicator.add(each) for each in (5, 6, 6, 4)] == [False, True, False, True]
    assert deduplicator.repeated == 2


def test_what_was_before_the_journal_is_not_missing() -> None:
    """At its beginning the newest page says where it begins."""
    deduplicator = TradeDeduplicator()
    begun = [deduplicator.begun]
    deduplicator.add(11)
    assert ids(deduplicator.missing(page([12]))) == []

    deduplicator.begin(page([8, 9, 10, 11, 12]))

    assert [*begun, deduplicator.begun] == [False, True]
    assert ids(deduplicator.missing(page(range(5, 13)))) == [12]


def test_a_market_without_trades_has_begun_too() -> None:
    """Then everything that comes is new."""
    deduplicator = TradeDeduplicator()
    deduplicator.begin([])
    deduplicator.lose()

    assert deduplicator.behind == -1
    assert ids(deduplicator.missing(page([1, 2]))) == [2, 1]


def test_a_hole_reaches_back_to_what_was_known_when_it_began() -> None:
    """Pages are asked for until then, even where the newest ones bring nothing new."""
    deduplicator = TradeDeduplicator([100])
    deduplicator.lose()
    for each in (300, 301):
        deduplicator.add(each)

    assert deduplicator.behind == 100
    assert not deduplicator.reaches(page([300, 301]))
    assert not deduplicator.reaches(page(range(101, 300)))
    assert deduplicator.reaches(page(range(100, 300)))
    assert deduplicator.reaches([])


def test_without_a_hole_a_page_with_nothing_new_is_enough() -> None:
    """The look now and then stops at what is known, and goes on where something is not."""
    deduplicator = TradeDeduplicator([100, 101, 102])
    deduplicator.add(104)

    assert deduplicator.reaches(page([102, 104]))
    assert not deduplicator.reaches(page([102, 103, 104]))


def test_a_hole_that_was_lost_again_stays() -> None:
    """What was missed while it was being filled is missed still."""
    deduplicator = TradeDeduplicator([100])
    deduplicator.lose()
    losses = deduplicator.losses
    deduplicator.lose()
    deduplicator.close(losses, newest=120)
    assert deduplicator.behind == 120

    deduplicator.close(deduplicator.losses, newest=None)
    assert deduplicator.behind is None


def test_a_hole_begins_where_the_stream_was_last_compared() -> None:
    """What the stream lost without a word before the connection was lost is in it, too."""
    deduplicator = TradeDeduplicator([100])
    deduplicator.close(0, newest=150)
    for each in (160, 170):
        deduplicator.add(each)
    deduplicator.lose()

    assert deduplicator.behind == 150


def test_memory_is_bounded_and_what_is_forgotten_is_not_asked_for() -> None:
    """The oldest ids are forgotten first."""
    deduplicator = TradeDeduplicator([0])
    for each in range(1, REMEMBERED_MAX + 10):
        deduplicator.add(each)

    assert deduplicator.missing(page(range(10))) == []
    assert deduplicator.reaches(page([5]))


def test_a_trade_that_is_not_there_hides_none_that_is() -> None:
    """REST names an id far above all others: what is lost afterwards is asked for all the same."""
    deduplicator = TradeDeduplicator([100])
    deduplicator.close(0, newest=150)
    deduplicator.close(0, newest=10**15)
    deduplicator.lose()
    assert deduplicator.reaches(page(range(180, 200)))  # it is still believed

    deduplicator.close(deduplicator.losses, newest=200)

    assert (deduplicator.sure, deduplicator.behind) == (150, 150)
    assert not deduplicator.reaches(page(range(180, 200)))
    deduplicator.close(deduplicator.losses, newest=200)
    assert (deduplicator.sure, deduplicator.behind) == (200, None)


def test_a_journal_does_not_begin_after_its_first_trades() -> None:
    """Nor where it was begun, or continued, with an id that is not there."""
    begun, continued = TradeDeduplicator(), TradeDeduplicator([100, 110, 10**15], behind=10**15)
    begun.begin(page([10**15]))
    begun.add(100)

    for deduplicator in (begun, continued):
        deduplicator.close(deduplicator.losses, newest=120)

        assert deduplicator.behind == 100
        assert ids(deduplicator.missing(page([100, 119, 120]))) == [120, 119]


def test_an_id_above_all_others_is_not_what_is_forgotten() -> None:
    """It would say that everything older is known."""
    deduplicator = TradeDeduplicator([0])
    for each in (2**63 - 1, *range(1, REMEMBERED_MAX + 10)):
        deduplicator.add(each)

    newest = REMEMBERED_MAX + 10
    assert ids(deduplicator.missing(page([newest]))) == [newest]


@settings(deadline=None)
@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)), st.integers(1, 7))
def test_stream_and_pages_bring_everything_once(
    before: set[int], streamed: set[int], size: int
) -> None:
    """Whatever was streamed, before a loss and after it, the pages bring the rest, once."""
    everything = range(1, 61)
    deduplicator = TradeDeduplicator()
    deduplicator.begin([])
    taken = [each for each in sorted(before) if deduplicator.add(each)]
    deduplicator.lose()
    taken += [each for each in sorted(streamed) if deduplicator.add(each)]

    cursor = 61
    while True:
        newest = page(range(max(1, cursor - size), cursor))
        taken += [
            each for each in reversed(ids(deduplicator.missing(newest))) if deduplicator.add(each)
        ]
        if deduplicator.reaches(newest):
            break
        cursor = newest[-1].trade_id

    hole_from = max(before, default=0)
    assert sorted(taken) == sorted(set(taken))
    assert set(taken) >= {each for each in everything if each > hole_from}
