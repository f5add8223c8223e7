"""What the exchange says of its markets, from answers that are given."""

import asyncio
from collections.abc import Sequence
from typing import Any

from eventlog.records import Input, MarketStatus, Undecodable
from feeds.btcmarkets import replies
from feeds.btcmarkets.replies import Catalogue
from feeds.btcmarkets.status_poller import NOT_LISTED, StatusPoller
from feeds.errors import RestUnavailable
from tests.support.handwritten import LISTING


class _Answers:
    """A client whose answers to ``/markets`` are given, one after the other."""

    def __init__(self, bodies: Sequence[object]) -> None:
        self._bodies = list(bodies)
        self.over = asyncio.Event()

    async def catalogue(self) -> Catalogue:
        if not self._bodies:
            self.over.set()
            await asyncio.Event().wait()
        body = self._bodies.pop(0)
        if body is None:
            raise RestUnavailable(url="/markets", attempts=1, why="gone")
        return replies.catalogue_of(body)

    async def skew_ns(self) -> int:
        return 5 * 10**9


def row(market: str, status: object = "Online", **changes: Any) -> dict[str, Any]:
    return {**LISTING, "marketId": market, "status": status, **changes}


def kept(*bodies: object, markets: Sequence[str] = ("A-B",)) -> dict[str, list[Input]]:
    """Return what is kept of these answers, by market."""
    found: dict[str, list[Input]] = {market: [] for market in markets}

    async def keep(market: str, records: Sequence[Input]) -> None:
        found[market] += records

    async def run() -> None:
        rest = _Answers(bodies)
        standing = StatusPoller(rest, markets, keep, interval_s=0.0)  # type: ignore[arg-type]
        task = asyncio.create_task(standing.run())
        await rest.over.wait()
        assert standing.skew_s == 5.0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return found


def statuses(records: Sequence[Input]) -> list[str]:
    return [record.status for record in records if isinstance(record, MarketStatus)]


def test_a_status_is_a_record_at_first_and_when_it_changes() -> None:
    """Of each market in its own log."""
    found = kept(
        [row("A-B"), row("C-D", "Offline")],
        [row("A-B"), row("C-D", "Offline")],
        [row("A-B", "Post Only"), row("C-D", "Offline")],
        [row("A-B"), row("C-D", "Offline")],
        markets=("A-B", "C-D"),
    )

    assert statuses(found["A-B"]) == ["Online", "Post Only", "Online"]
    assert statuses(found["C-D"]) == ["Offline"]


def test_what_is_not_said_is_not_guessed() -> None:
    """No answer, no list, an empty one, a row that cannot be read: the last status stands."""
    found = kept(
        [row("A-B", "Cancel Only")],
        None,
        [],
        [row("A-B", 5), row("C-D")],
        [row("A-B", "Cancel Only")],
    )

    assert statuses(found["A-B"]) == ["Cancel Only"]


def test_a_market_that_is_gone() -> None:
    """It was listed, and others still are."""
    found = kept([row("C-D")], [row("A-B"), row("C-D")], [row("C-D")], [row("C-D")])

    assert statuses(found["A-B"]) == ["Online", NOT_LISTED]


def test_odd_rows_are_recorded_once_where_they_may_belong() -> None:
    """Those of other markets are of no interest."""
    odd = [row("A-B", None), row("C-D", None), row("E-F", None), 5]
    found = kept(odd, odd, odd, markets=("A-B", "C-D"))

    for market in ("A-B", "C-D"):
        raws = [each.raw for each in found[market] if isinstance(each, Undecodable)]
        assert len(raws) == 2
        assert any(market.encode() in raw for raw in raws)
        assert b"5" in raws
