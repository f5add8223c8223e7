"""Things timed in turns, so that whatever else the machine does is done to all of them."""

import random
from collections.abc import Callable
from time import perf_counter_ns


def in_turns(what: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[int]]:
    """Do each in turn, so many times, in any order; return how many nanoseconds each took."""
    spent: dict[str, list[int]] = {name: [] for name in what}
    order, draws = list(what.items()), random.Random(1)
    for _ in range(rounds):
        draws.shuffle(order)
        for name, action in order:
            start = perf_counter_ns()
            action()
            spent[name].append(perf_counter_ns() - start)
    return spent
