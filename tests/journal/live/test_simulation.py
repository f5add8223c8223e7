"""The stand-in exchange as a child: there while the context lasts, and not after."""

import pytest

from feeds.btcmarkets.connection import Feed
from feeds.errors import ExchangeUnreachable
from feeds.options import FeedOptions
from journal.errors import CommandError
from journal.live import simulation


def test_it_lasts_as_long_as_the_context() -> None:
    """Its URL answers inside and is refused afterwards."""
    with (
        simulation.exchange("BTC-AUD", scenario="calm", seed=1) as listening,
        Feed(listening.url, ["BTC-AUD"]) as feed,
    ):
        assert feed.take(10.0)

    with (
        pytest.raises(ExchangeUnreachable),
        Feed(listening.url, ["BTC-AUD"], options=FeedOptions(connect_timeout_s=0.5)),
    ):
        pass


def test_it_is_described_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence says how fast it is and how well it can be predicted."""
    with simulation.exchange("BTC-AUD", scenario="regime-switch", seed=1) as listening:
        said = simulation.described(listening)

    assert "'regime-switch' at 10 times real speed" in said
    assert "at most 71.0% of cases" in said
    assert capsys.readouterr() == ("", "")


def test_what_it_said_is_in_the_error() -> None:
    """A scenario that does not exist is refused with the child's own words."""
    with (
        pytest.raises(CommandError, match="tempest"),
        simulation.exchange("BTC-AUD", scenario="tempest", seed=1),
    ):
        pass
