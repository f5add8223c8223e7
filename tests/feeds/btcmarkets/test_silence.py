"""A stream that is dead, told from a market that is quiet."""

import asyncio
from collections.abc import Callable

import pytest

from feeds.btcmarkets.protocol import Orders
from feeds.btcmarkets.silence import Silence
from feeds.clock import monotonic_s
from feeds.errors import RestUnavailable


def orders(number: int) -> Orders:
    return Orders(market="A-B", snapshot_id=None, bids=((number, 1),), asks=())


class _Books:
    """A client whose book at each look is given; in the end ``over`` is set."""

    def __init__(self, books: list[Orders | None], at: Callable[[int], None]) -> None:
        self._books = books
        self._at = at
        self.looks = 0
        self.over = asyncio.Event()

    async def orders(self, market: str) -> Orders:
        if self.looks == len(self._books):
            self.over.set()
            await asyncio.Event().wait()
        book = self._books[self.looks]
        self.looks += 1
        self._at(self.looks)
        if book is None:
            raise RestUnavailable(url="/orderbook", attempts=1, why="gone")
        return book


def doubts(
    books: list[Orders | None], *, speaks_at: int | None = None
) -> tuple[list[str], list[str]]:
    """Return the doubts, and the markets that were to be looked at; one may speak at a look."""
    found: list[str] = []
    looked: list[str] = []
    heard_s = monotonic_s() - 100.0

    def at(look: int) -> None:
        nonlocal heard_s
        if look == speaks_at:
            heard_s += 1.0

    async def run() -> None:
        rest = _Books(books, at)
        silence = Silence(
            rest,  # type: ignore[arg-type]
            ["A-B"],
            heard_s=lambda _: heard_s,
            look=looked.append,
            doubt=lambda _, why: found.append(why),
            silent_s=0.001,
            settle_s=0.001,
        )
        task = asyncio.create_task(silence.run())
        await rest.over.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return found, looked


def test_a_quiet_market_is_no_dead_one() -> None:
    """Its book stands still, by REST, too; its trades are looked at all the same."""
    found, looked = doubts([orders(1)] * 5)

    assert found == []
    assert len(looked) >= 5


def test_a_book_that_moves_while_the_stream_is_silent() -> None:
    """Once, until there is new evidence."""
    found, _ = doubts([orders(1), orders(1), orders(2)])

    (why,) = found
    assert why == "the stream was silent for 100 s while the book of REST changed"


@pytest.mark.parametrize("speaks_at", [1, 2, 3])
def test_a_stream_that_speaks_meanwhile_is_alive(speaks_at: int) -> None:
    """What REST showed before it spoke says nothing."""
    books: list[Orders | None] = [orders(1), orders(2), orders(2)]
    found, _ = doubts(books[: max(2, speaks_at)], speaks_at=speaks_at)

    assert len(found) == (speaks_at == 3)


def test_without_an_answer_there_is_no_evidence() -> None:
    """And what was seen before is forgotten."""
    assert doubts([orders(1), None, orders(2)])[0] == []


def test_a_market_that_speaks_is_not_asked_about() -> None:
    """Nor one that is known to be lost."""
    asked: list[str] = []

    async def run(heard: Callable[[str], float | None]) -> None:
        silence = Silence(
            _Books([], lambda _: None),  # type: ignore[arg-type]
            ["A-B"],
            heard_s=heard,
            look=asked.append,
            doubt=lambda *_: None,
            silent_s=0.01,
            settle_s=0.01,
        )
        task = asyncio.create_task(silence.run())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run(lambda _: monotonic_s() + 10))
    asyncio.run(run(lambda _: None))

    assert asked == []
