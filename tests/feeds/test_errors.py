"""Errors say what, where, and what can be done."""

from pathlib import Path

import pytest

from feeds.errors import (
    ExchangeUnreachable,
    FaultUnknown,
    FeedError,
    FeedFailed,
    RecordingUnreadable,
    SubscriptionRejected,
    UnknownMarket,
    UrlInvalid,
    VenueUnknown,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ExchangeUnreachable(url="ws://x", timeout_s=2.5, why="refused"),
            "ws://x was not reached within 2.5 s: refused",
        ),
        (UrlInvalid(url="x", why="no scheme"), "'x' is not the URL of a websocket: no scheme"),
        (
            SubscriptionRejected(url="ws://x", code=3, message="invalid channel names"),
            "ws://x rejected the subscription: 'invalid channel names' (code 3)",
        ),
        (
            UnknownMarket(url="ws://x", market="A-B", code=3, message="invalid marketIds"),
            "ws://x has no market 'A-B': 'invalid marketIds' (code 3)",
        ),
        (FeedFailed(url="ws://x", why="KeyError('a')"), "the feed from ws://x failed: KeyError"),
        (
            RecordingUnreadable(path=Path("r.zst"), line=3, why="cut short"),
            "cannot play r.zst, line 3: cut short",
        ),
        (
            RecordingUnreadable(path=Path("r.zst"), line=None, why="No such file"),
            "cannot play r.zst: No such file",
        ),
        (VenueUnknown(name="nowhere", known=("btcmarkets",)), "unknown venue 'nowhere'"),
        (FaultUnknown(text="fire", known=("close",)), "unknown fault 'fire'"),
    ],
)
def test_sentences(error: FeedError, sentence: str) -> None:
    """Every error is one clear sentence with its facts in it."""
    assert str(error).startswith(sentence)


def test_the_tree() -> None:
    """Whoever catches the wider error catches the narrower."""
    assert issubclass(UrlInvalid, ExchangeUnreachable)
    assert issubclass(UnknownMarket, SubscriptionRejected)
    assert issubclass(SubscriptionRejected, FeedError)
