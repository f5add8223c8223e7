"""The stand-in's REST without a socket."""

import json

from feeds.simulator.market import SyntheticExchange, SyntheticMarket
from feeds.simulator.rest import RestDesk
from feeds.simulator.scenario import SCENARIOS

MARKET = "BTC-AUD"


def desk(*, steps: int, limits: bool = False) -> tuple[RestDesk, SyntheticExchange, list[int]]:
    """Return a desk behind so many steps of a market, and the ids of its trades."""
    source = SyntheticExchange(
        [SyntheticMarket(MARKET, SCENARIOS["calm"], seed=1, start_ns=10**18)]
    )
    clock = [0.0]
    made = RestDesk(source, now_s=lambda: clock[0], limits=limits)
    ids = []
    for _ in range(steps):
        due_ns = source.due_ns
        for frame in source.advance():
            made.publish(frame, due_ns)
            if frame.channel == "trade":
                ids.append(json.loads(frame.text)["tradeId"])
    return made, source, ids
