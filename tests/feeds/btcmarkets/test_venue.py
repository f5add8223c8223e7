"""BTC Markets' facts; what it does as a venue is in tests/feeds/test_venue.py."""

from feeds.btcmarkets.rest import rest_url
from feeds.venue import venue


def test_its_addresses_belong_together() -> None:
    facts = venue("btcmarkets").facts

    assert venue("btcmarkets").rest_url(facts.websocket_url) == facts.rest_url
    assert rest_url(facts.websocket_url) == facts.rest_url


def test_what_is_no_record_is_nothing() -> None:
    """A heartbeat says something to the client and nothing to a log."""
    heartbeat = '{"messageType": "heartbeat", "channels": []}'

    assert venue("btcmarkets").decode(heartbeat, 0) is None
