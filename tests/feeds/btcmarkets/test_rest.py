"""The client against a real server on loopback that fails in every way it can."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from feeds.btcmarkets.backoff import Budget
from feeds.btcmarkets.rest import Rest, rest_url
from feeds.errors import RestRefused, RestUnavailable
from feeds.simulator.faults import REST_FAULTS, Fault
from feeds.simulator.market import SyntheticExchange, SyntheticMarket
from feeds.simulator.scenario import SCENARIOS

T = TypeVar("T")
HASTE: dict[str, Any] = {"first_s": 0.001, "most_s": 0.01, "closed_s": 0.0, "attempts": 30}


def market() -> SyntheticExchange:
    return SyntheticExchange(
        [SyntheticMarket("BTC-AUD", SCENARIOS["calm"], seed=1, start_ns=10**18)]
    )


def asked(url: str, ask: Callable[[Rest], Any], **options: Any) -> tuple[Any, Rest]:
    async def run() -> tuple[Any, Rest]:
        async with Rest(rest_url(url), **{**HASTE, **options}) as rest:
            return await ask(rest), rest

    return asyncio.run(run())


def test_what_it_asks_for(serve_source: Any) -> None:
    """Each of its calls, once."""
    url = serve_source(market())

    assert asked(url, lambda rest: rest.trades("BTC-AUD"))[0].is_empty
    assert asked(url, lambda rest: rest.catalogue())[0].statuses == {"BTC-AUD": "Online"}
    assert asked(url, lambda rest: rest.orders("BTC-AUD"))[0].snapshot_id == 10**15
    skew_ns, rest = asked(url, lambda rest: rest.skew_ns())
    assert skew_ns < -(10**17)  # the market's time is of 2001
    assert rest.failures == 0


@pytest.mark.parametrize("name", REST_FAULTS)
def test_every_failure_is_survived(serve_source: Any, name: str) -> None:
    """One call in two fails, and all are answered in the end."""
    url = serve_source(market(), faults=[Fault(name, 2)], seed=3, slow_s=0.6)

    async def ask(rest: Rest) -> int:
        for _ in range(6):
            await rest.catalogue()
        return 6

    answered, rest = asked(url, ask, timeout_s=0.3)

    assert answered == 6
    assert rest.failures > 0


def test_it_gives_up_in_the_end(serve_source: Any) -> None:
    """And says what was the matter at last."""
    url = serve_source(market(), faults=[Fault("rest-500", 1)])

    with pytest.raises(RestUnavailable, match=r"3 times, at last: HTTP 500 InternalError"):
        asked(url, lambda rest: rest.catalogue(), attempts=3)


def test_nobody_answers() -> None:
    """A refused connection is a failure like any other."""
    with pytest.raises(RestUnavailable, match="ConnectError"):
        asked("ws://127.0.0.1:9/v2", lambda rest: rest.catalogue(), attempts=2)


def test_what_makes_no_sense_is_not_asked_again(serve_source: Any) -> None:
    """An unknown market is refused once and for all."""
    with pytest.raises(RestRefused, match="MarketNotFound") as caught:
        asked(serve_source(market()), lambda rest: rest.trades("XXX-AUD"))

    assert caught.value.status == 404


def test_all_calls_share_a_budget(serve_source: Any) -> None:
    """What is spent is waited for, whoever asks."""
    budget = Budget(count=2, window_s=0.3)

    async def ask(rest: Rest) -> float:
        began_s = asyncio.get_running_loop().time()
        await asyncio.gather(*(rest.catalogue() for _ in range(5)))
        return asyncio.get_running_loop().time() - began_s

    seconds, _ = asked(serve_source(market()), ask, budget=budget)

    assert seconds >= 0.6


def test_a_status_that_changes_and_rows_that_mean_nothing(serve_source: Any) -> None:
    """The stand-in's faults of what REST says: a market halts, and of each list one row is odd."""
    url = serve_source(market(), faults=[Fault("halt", 1), Fault("odd-row", 2)], seed=2)

    async def ask(rest: Rest) -> list[tuple[str | None, int]]:
        catalogues = [await rest.catalogue() for _ in range(20)]
        return [(each.statuses.get("BTC-AUD"), len(each.odd)) for each in catalogues]

    said, _ = asked(url, ask)

    assert {"Online", "Post Only", "Cancel Only", "Offline", None} == {status for status, _ in said}
    assert all((status is None) == (odd == 1) for status, odd in said)
