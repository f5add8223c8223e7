"""What every source keeps, whichever it is: one contract, tried on each of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from feeds.book import Book
from feeds.btcmarkets.protocol import decode
from feeds.simulator.market import SyntheticExchange, SyntheticMarket
from feeds.simulator.playback import Recording
from feeds.simulator.scenario import SCENARIOS
from feeds.simulator.source import Source

MARKETS = ("BTC-AUD", "ETH-AUD")
ADVANCES = 100


def synthetic(_: Path) -> Source:
    return SyntheticExchange(
        [SyntheticMarket(m, SCENARIOS["calm"], seed=1, start_ns=10**18) for m in MARKETS]
    )


def recorded(directory: Path) -> Source:
    source = synthetic(directory)
    lines = [f'{{"at":{10**18},"frame":{source.snapshot(market)}}}\n' for market in MARKETS]
    for _ in range(ADVANCES):
        lines += [f'{{"at":{source.due_ns},"frame":{frame.text}}}\n' for frame in source.advance()]
    path = directory / "recording.zst"
    path.write_bytes(zstandard.compress("".join(lines).encode()))
    return Recording(path)


@pytest.fixture(params=[synthetic, recorded])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Source]:
    return lambda: request.param(tmp_path)


def test_time_goes_on_only_by_advancing(make: Callable[[], Source]) -> None:
    """Asking changes nothing; the time that is due never goes back."""
    source = make()
    due_ns = source.due_ns
    for _ in range(ADVANCES):
        assert due_ns is not None
        for market in source.markets:
            assert source.snapshot(market) == source.snapshot(market)
        assert source.due_ns == due_ns
        source.advance()
        assert source.due_ns is None or source.due_ns >= due_ns
        due_ns = source.due_ns


def test_frames_are_of_their_markets_and_channels(make: Callable[[], Source]) -> None:
    """A frame says outside what it is inside, and is of a market that there is."""
    source = make()
    assert source.markets == MARKETS
    for _ in range(ADVANCES):
        for frame in source.advance():
            message = json.loads(frame.text)
            assert frame.market in source.markets
            assert (frame.market, frame.channel) == (message["marketId"], message["messageType"])


def test_two_of_the_same_are_the_same(make: Callable[[], Source]) -> None:
    """A source is a function of how it was made."""
    first, second = make(), make()

    for _ in range(ADVANCES):
        assert (first.due_ns, first.advance()) == (second.due_ns, second.advance())


def test_a_snapshot_holds_what_was_sent_and_nothing_more(make: Callable[[], Source]) -> None:
    """A book folded from a snapshot and what follows is at every moment the next snapshot."""
    source = make()
    books: dict[str, Book] = {}
    for _ in range(ADVANCES):
        for frame in source.advance():
            event = decode(frame.text, 0)
            if frame.market in books and frame.channel == "orderbookUpdate":
                assert isinstance(event, tuple)
                books[frame.market].apply(event[1])  # type: ignore[arg-type]  # of this channel
        for market in source.markets:
            text = source.snapshot(market)
            if text is None:
                continue
            event = decode(text, 0)
            assert isinstance(event, tuple)
            whole = Book()
            whole.apply(event[1])  # type: ignore[arg-type]  # a snapshot is a book update
            folded = books.setdefault(market, whole)
            assert len(folded.bids) > 10
            assert (list(folded.bids), list(folded.asks)) == (list(whole.bids), list(whole.asks))
    assert set(books) == set(MARKETS)
