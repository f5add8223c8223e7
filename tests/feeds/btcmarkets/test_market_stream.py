"""A channel says what was missed, once, and where from."""

from eventlog.records import Gap
from feeds.btcmarkets.link import Link
from feeds.btcmarkets.market_stream import MarketStream
from feeds.btcmarkets.subscription_state import SubscriptionState
from feeds.deduplicator import TradeDeduplicator
from feeds.inbox import Inbox
from tests.support.handwritten import page


def channel(deduplicator: TradeDeduplicator | None = None) -> MarketStream:
    """Return a channel that a connection has been feeding."""
    inbox = Inbox(records_max=10, bytes_max=1_000, on_room=lambda: None)
    made = MarketStream(inbox, deduplicator or TradeDeduplicator())
    made.source = Link(1, SubscriptionState(["BTC-AUD"], answer_s=1.0, resync_interval_s=1.0))
    made.why = ""
    return made


def test_what_was_missed_is_said_once_from_the_first_loss_on() -> None:
    made = channel()
    assert made.missed(5) == []
    assert made.state().streaming

    made.lose("closed", heard_ns=7)
    made.lose("refused", heard_ns=9)

    assert not made.state().streaming
    assert made.state().why == "refused"
    assert made.missed(20) == [Gap(received_ns=20, from_ns=7, to_ns=20, why="closed")]
    assert made.missed(30) == []
    assert made.state().gaps == 1


def test_a_clock_that_was_set_back_is_a_gap_of_now() -> None:
    """It has no length: the stream went on."""
    made = channel()

    made.interrupt(at_ns=5, from_ns=5, to_ns=5, why="the clock was set by -85 s")

    assert made.inbox.take(0.0, most=10) == [
        Gap(received_ns=5, from_ns=5, to_ns=5, why="the clock was set by -85 s")
    ]
    assert made.state().streaming


def test_a_clock_that_was_set_back_while_nothing_came_leaves_no_negative_gap() -> None:
    """It ended before it began: that is a step of the clock, and is said as one."""
    made = channel()

    made.lose("closed", heard_ns=259_183 * 10**9)
    (gap,) = made.missed(5 * 10**9)

    assert isinstance(gap, Gap)
    assert (gap.from_ns, gap.to_ns) == (5 * 10**9, 5 * 10**9)
    assert gap.why.startswith("closed; the clock was set back by 259,178.0 s or more")
    assert made.state().gaps == 1


def test_a_hole_that_stays_open_is_a_gap_from_where_trades_were_sure() -> None:
    made = channel(TradeDeduplicator(known=[100], behind=100, since_ns=40))

    (gap,) = made.unfilled(50, began_ns=3)
    assert isinstance(gap, Gap)
    assert (gap.from_ns, gap.to_ns) == (40, 50)
    assert "after 100" in gap.why
    made.deduplicator.close(made.deduplicator.losses, newest=100)
    assert made.unfilled(60, began_ns=3) == []


def test_what_the_stream_brought_meanwhile_is_not_filled_again() -> None:
    made = channel(TradeDeduplicator(known=[100, 101]))

    made.fill(page([100, 101, 102]))

    assert made.inbox.take(0.0, most=10) == page([102])
    assert (made.state().backfilled, made.state().repeated) == (1, 2)
