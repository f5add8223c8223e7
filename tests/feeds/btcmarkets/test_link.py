"""A connection that is ended has ended."""

import asyncio

from feeds.btcmarkets.link import Link
from feeds.btcmarkets.subscription_state import SubscriptionState


def test_ending_waits_for_what_it_was_doing() -> None:
    """Also where that takes a moment to let go, or fails."""
    left: list[str] = []

    async def lingering() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            left.append("let go")

    async def failing() -> None:
        raise OSError("gone")

    async def end_both() -> None:
        for carry in (lingering, failing):
            link = Link(1, SubscriptionState(["BTC-AUD"], answer_s=1.0, resync_interval_s=1.0))
            link.task = asyncio.create_task(carry())
            await asyncio.sleep(0)
            await link.end()
            assert link.task.done()

    asyncio.run(end_both())

    assert left == ["let go"]
