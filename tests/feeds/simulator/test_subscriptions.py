"""The exchange's side of subscribing, as documented and as probed."""

import json
from typing import Any

import pytest

from feeds.simulator.subscriptions import Subscriptions

MARKETS = ("BTC-AUD", "ETH-AUD", "XRP-AUD")
ALL = ["orderbookUpdate", "trade", "tick", "heartbeat"]


def message(kind: str, markets: Any, channels: Any = None) -> str:
    return json.dumps(
        {
            "messageType": kind,
            "marketIds": markets,
            "channels": channels or ALL,
            "clientType": "api",
        }
    )


def error_of(text: str) -> str:
    answer = Subscriptions(MARKETS).receive(text)
    assert answer.error is not None
    error = json.loads(answer.error)
    assert error["messageType"] == "error"
    assert error["code"] == 3
    return str(error["message"])


def subscribed(*messages: str) -> Subscriptions:
    subscriptions = Subscriptions(MARKETS)
    for each in messages:
        assert subscriptions.receive(each).error is None
    return subscriptions


def test_nothing_is_sent_unasked() -> None:
    """A new socket gets no frame and no heartbeat."""
    subscriptions = Subscriptions(MARKETS)

    assert not subscriptions.wants("tick", "BTC-AUD")
    assert subscriptions.heartbeat() is None


def test_subscribe_answers_with_snapshots_and_replaces() -> None:
    """Each market of the book channel answers with a snapshot; earlier subscriptions end."""
    subscriptions = subscribed(message("subscribe", ["BTC-AUD"]))

    answer = subscriptions.receive(message("subscribe", ["ETH-AUD", "XRP-AUD"]))

    assert answer.snapshots == ("ETH-AUD", "XRP-AUD")
    assert not subscriptions.wants("tick", "BTC-AUD")
    assert subscriptions.wants("tick", "ETH-AUD")
    assert subscriptions.wants("orderbookUpdate", "XRP-AUD")


def test_add_subscription_adds_and_sends_a_snapshot_again() -> None:
    """Adding what is subscribed already is how a client resyncs."""
    subscriptions = subscribed(message("subscribe", ["BTC-AUD"]))

    assert subscriptions.receive(message("addSubscription", ["BTC-AUD"])).snapshots == ("BTC-AUD",)
    assert subscriptions.receive(message("addSubscription", ["ETH-AUD"])).snapshots == ("ETH-AUD",)
    assert subscriptions.wants("trade", "BTC-AUD")
    assert subscriptions.wants("trade", "ETH-AUD")


def test_no_snapshot_without_the_book_channel() -> None:
    """Ticks alone are answered with nothing."""
    answer = Subscriptions(MARKETS).receive(message("subscribe", ["BTC-AUD"], ["tick"]))

    assert answer.snapshots == ()
    assert answer.error is None


def test_remove_subscription() -> None:
    """Removing ends those markets of those channels, without an answer."""
    subscriptions = subscribed(
        message("subscribe", ["BTC-AUD", "ETH-AUD"]),
        message("removeSubscription", ["BTC-AUD"], ["tick"]),
    )

    assert not subscriptions.wants("tick", "BTC-AUD")
    assert subscriptions.wants("trade", "BTC-AUD")
    assert subscriptions.wants("tick", "ETH-AUD")


def test_removing_no_market_removes_the_channel() -> None:
    """An empty list means every market."""
    subscriptions = subscribed(
        message("subscribe", ["BTC-AUD", "ETH-AUD"]), message("removeSubscription", [], ["tick"])
    )

    assert not subscriptions.wants("tick", "BTC-AUD")
    assert not subscriptions.wants("tick", "ETH-AUD")
    assert subscriptions.has_market


def test_heartbeat_lists_the_subscriptions() -> None:
    """Channels are listed with their markets, the heartbeat itself without."""
    heartbeat = subscribed(message("subscribe", ["ETH-AUD", "BTC-AUD"])).heartbeat()

    assert heartbeat is not None
    assert json.loads(heartbeat) == {
        "messageType": "heartbeat",
        "channels": [
            {"name": "heartbeat"},
            {"name": "orderbookUpdate", "marketIds": ["BTC-AUD", "ETH-AUD"]},
            {"name": "tick", "marketIds": ["BTC-AUD", "ETH-AUD"]},
            {"name": "trade", "marketIds": ["BTC-AUD", "ETH-AUD"]},
        ],
    }


def test_heartbeat_alone_needs_no_market() -> None:
    """A socket of heartbeats only is legal, and listens to no market."""
    subscriptions = subscribed(message("subscribe", None, ["heartbeat"]))

    assert subscriptions.heartbeat() is not None
    assert not subscriptions.has_market


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("no JSON", "Unable to parse JSON, please validate the format."),
        ("[" * 100_000, "Unable to parse JSON, please validate the format."),
        ("[]", "invalid message type"),
        (message("unsubscribe", ["BTC-AUD"]), "invalid message type"),
        (message("subscribe", ["BTC-AUD"], ["candle"]), "invalid channel names"),
        (message("subscribe", ["BTC-AUD"], [["tick"]]), "invalid channel names"),
        (message("subscribe", ["BTC-AUD"], "tick"), "invalid channel names"),
        (message("subscribe", ["btc-aud"]), "invalid marketIds"),
        (message("subscribe", ["BTC-AUD", "NO-SUCH"]), "invalid marketIds"),
        (message("subscribe", [["BTC-AUD"]]), "invalid marketIds"),
        (message("subscribe", "BTC-AUD"), "invalid marketIds"),
        (message("subscribe", []), "invalid marketIds"),
        (message("addSubscription", None), "invalid marketIds"),
    ],
)
def test_errors(text: str, error: str) -> None:
    """Each mistake has its documented text, whatever it was made of."""
    assert error_of(text) == error


def test_one_bad_market_refuses_the_whole_message() -> None:
    """A refused message changes nothing: earlier subscriptions go on, valid ids in it do not."""
    subscriptions = subscribed(message("subscribe", ["BTC-AUD"]))

    answer = subscriptions.receive(message("subscribe", ["ETH-AUD", "NO-SUCH"]))

    assert answer.error is not None
    assert answer.snapshots == ()
    assert subscriptions.wants("tick", "BTC-AUD")
    assert not subscriptions.wants("tick", "ETH-AUD")
