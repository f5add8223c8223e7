"""The invariants, checked by code that `python -O` does not remove.

``-O`` removes every ``assert``. Where data is at stake (an order, a gap, a sum) the check must
stay: it raises `InvariantBroken`, which names the invariant.

======  ==========================================================================================
I1      Offsets are dense and increasing; the log's order is the only order.
I2      A record is durable before the engine sees it.
I3      The engine's only inputs are its parameters and records.
I4      `advance` either raises having changed nothing, or completes.
I5      Effects of tick n depend on records 0…n only.
I6      A decision at n fills only at a later tick.
I7      Checkpoint(n) plus records n+1…m equals records 0…m, bit for bit, however it is chunked.
I8      Money is an integer within its range; equity changes only by fills, fees and price.
I9      A random draw depends on (seed, stream, offset), not on how many came before.
I10     Every queue, window, batch and retry has a stated maximum.
======  ==========================================================================================
"""


class InvariantBroken(AssertionError):
    """An invariant does not hold: a bug of ours, after which the program stops.

    ``number`` names the invariant, such as "I1"; ``facts`` are the values that break it, by name.
    """

    def __init__(self, number: str, problem: str, **facts: object) -> None:
        found = ", ".join(f"{name} {value}" for name, value in facts.items())
        super().__init__(f"{number}: {problem}" + (f" ({found})" if found else ""))
        self.number = number
        self.facts = facts


def hold(number: str, holds: bool, problem: str, **facts: object) -> None:
    """Return if an invariant holds.

    Raises:
        InvariantBroken: if it does not.

    >>> hold("I1", 3 > 2, "offsets increase")
    >>> hold("I1", 2 > 3, "offsets increase", before=3, after=2)
    Traceback (most recent call last):
    eventlog.invariants.InvariantBroken: I1: offsets increase (before 3, after 2)
    """
    if not holds:
        raise InvariantBroken(number, problem, **facts)
