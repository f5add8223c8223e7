"""What a socket is asked for: one request at a time, and the bad market named."""

import json

import pytest

from eventlog.records import BookUpdate, Quote, Undecodable
from feeds.btcmarkets.protocol import MARKET_CHANNELS, Heartbeat, Rejection
from feeds.btcmarkets.subscription_state import SubscriptionState

REJECTED = Rejection(3, "invalid marketIds")
MARKETS = ("A-B", "C-D", "E-F")


def snapshot(market: str) -> tuple[str, BookUpdate]:
    update = BookUpdate(
        exchange_ns=0, received_ns=0, bids=(), asks=(), snapshot=True, checksum=None, snapshot_id=1
    )
    return market, update


def quote(market: str) -> tuple[str, Quote]:
    return market, Quote(
        exchange_ns=0, received_ns=0, bid_e8=1, ask_e8=2, last_e8=1, bid_decimals=0,
        ask_decimals=0, last_decimals=0, snapshot_id=None,
    )  # fmt: skip


def asked(subscription: SubscriptionState, now_s: float = 0.0) -> tuple[str, list[str]] | None:
    text = subscription.next(now_s)
    if text is None:
        return None
    message = json.loads(text)
    return message["messageType"], message["marketIds"]


def held(*markets: str) -> Heartbeat:
    return Heartbeat(tuple((channel, markets) for channel in MARKET_CHANNELS))


def test_one_request_for_all() -> None:
    """The first request replaces everything; nothing follows while it is answered."""
    subscription = SubscriptionState(MARKETS)

    assert asked(subscription) == ("subscribe", [*MARKETS])
    assert asked(subscription) is None
    for market in MARKETS:
        assert not subscription.settled
        subscription.heard(snapshot(market), 1.0)

    assert subscription.settled
    assert subscription.confirmed == set(MARKETS)
    assert asked(subscription, 1e6) is None
    assert subscription.wait_s(1e6) is None


def test_a_refusal_of_several_names_the_bad_one() -> None:
    """An error frame does not say which market: each is asked for alone, and the others run."""
    subscription = SubscriptionState(MARKETS, retry_s=60.0)
    asked(subscription)
    subscription.heard(REJECTED, 0.0)

    for market in MARKETS:
        assert asked(subscription) == ("addSubscription", [market])
        assert asked(subscription) is None
        subscription.heard(REJECTED if market == "C-D" else snapshot(market), 0.0)

    assert subscription.refused == {"C-D": REJECTED}
    assert subscription.confirmed == {"A-B", "E-F"}
    assert subscription.settled
    assert subscription.wait_s(10.0) == 50.0
    assert asked(subscription, 59.0) is None
    assert asked(subscription, 60.0) == ("addSubscription", ["C-D"])
    subscription.heard(snapshot("C-D"), 61.0)
    assert subscription.refused == {}


def test_silence_is_asked_again_ever_more_seldom() -> None:
    """No snapshot in time: the market is asked for alone, after 5, 10, 20 … seconds."""
    subscription = SubscriptionState(("A-B", "C-D"), answer_s=5.0, retry_s=30.0)
    asked(subscription, 0.0)
    subscription.heard(snapshot("A-B"), 1.0)

    times = []
    for now_s in range(200):
        request = asked(subscription, float(now_s))
        if request is not None:
            assert request == ("addSubscription", ["C-D"])
            times.append(now_s)

    assert times[:4] == [10, 25, 50, 85]
    subscription.heard(snapshot("C-D"), 200.0)
    assert asked(subscription, 1e6) is None


def test_a_market_without_a_book_is_confirmed_by_what_it_says() -> None:
    """Any record of it will do; what could not be decoded will not."""
    subscription = SubscriptionState(("A-B",))
    asked(subscription)

    subscription.heard(("A-B", Undecodable(received_ns=0, raw=b"", why="test")), 0.0)
    assert not subscription.confirmed
    subscription.heard(quote("A-B"), 0.0)
    assert subscription.confirmed == {"A-B"}


def test_resyncs_wait_their_turn_and_their_interval() -> None:
    """A snapshot is asked for on the same socket, at most once in the interval."""
    subscription = SubscriptionState(("A-B", "C-D"), resync_interval_s=5.0)
    subscription.want("A-B", 0.0)  # is on its way anyway
    asked(subscription)
    subscription.heard(snapshot("A-B"), 0.0)
    subscription.heard(snapshot("C-D"), 0.0)

    subscription.want("A-B", 1.0)
    subscription.want("C-D", 1.0)
    subscription.want("A-B", 1.0)

    assert subscription.wait_s(1.0) == 0.0
    assert asked(subscription, 1.0) == ("addSubscription", ["A-B"])
    assert asked(subscription, 1.0) is None
    subscription.heard(quote("A-B"), 1.0)  # is no answer
    assert asked(subscription, 1.0) is None
    subscription.heard(snapshot("A-B"), 1.0)
    assert asked(subscription, 1.0) == ("addSubscription", ["C-D"])
    subscription.heard(snapshot("C-D"), 1.0)
    subscription.want("A-B", 5.9)
    assert asked(subscription, 5.9) is None
    subscription.want("A-B", 6.0)
    assert asked(subscription, 6.0) == ("addSubscription", ["A-B"])


def test_a_resync_that_does_not_help_is_made_less_and_less_often() -> None:
    """As long as it is wanted without a pause; after one it is a new trouble."""
    subscription = SubscriptionState(("A-B",), resync_interval_s=5.0, retry_s=60.0)
    asked(subscription)
    subscription.heard(snapshot("A-B"), 0.0)
    times_s = []

    for tenth in range(10, 6_010):
        subscription.want("A-B", tenth / 10)
        if asked(subscription, tenth / 10):
            times_s.append(tenth // 10)
            subscription.heard(snapshot("A-B"), tenth / 10)
    assert times_s[:6] == [1, 6, 16, 36, 76, 136]
    assert times_s[-1] - times_s[-2] == 60

    subscription.want("A-B", 604.0)
    assert asked(subscription, 604.0) == ("addSubscription", ["A-B"])


def test_the_heartbeat_says_what_is_gone() -> None:
    """A market that was confirmed and is not listed on every channel was dropped."""
    subscription = SubscriptionState(("A-B", "C-D"))
    asked(subscription)
    assert subscription.heard(held(), 0.0) == ()  # nothing was confirmed yet
    subscription.heard(snapshot("A-B"), 0.0)
    subscription.heard(snapshot("C-D"), 0.0)

    assert subscription.heard(held("A-B", "C-D"), 5.0) == ()
    partly = Heartbeat((("trade", ("A-B", "C-D")), ("tick", ("A-B", "C-D")),
                        ("orderbookUpdate", ("A-B",))))  # fmt: skip
    assert subscription.heard(partly, 10.0) == ("C-D",)
    assert asked(subscription, 10.0) == ("addSubscription", ["C-D"])
    assert subscription.heard(partly, 15.0) == ()  # is being asked for


@pytest.mark.parametrize("event", [REJECTED, held("X-Y"), snapshot("X-Y"), (None, snapshot("")[1])])
def test_what_was_not_asked_for_changes_nothing(event: object) -> None:
    """A refusal while nothing is under way, and markets of nobody."""
    subscription = SubscriptionState(("A-B",))
    asked(subscription)
    subscription.heard(snapshot("A-B"), 0.0)
    if not isinstance(event, Heartbeat):
        subscription.heard(event, 1.0)  # type: ignore[arg-type]

    assert subscription.confirmed == {"A-B"}
    assert asked(subscription, 2.0) is None
