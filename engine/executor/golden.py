"""The golden run: a short training run of the step on made-up rows, whose digest is its arithmetic.

It identifies the arithmetic of an executor on this machine. Equal bits can be claimed only where
the digest equals the recorded one.
"""

from functools import cache
from hashlib import blake2b

import numpy as np

from engine import step as steps
from engine.errors import ArtefactRefused
from engine.executor.executor import Executor
from engine.learner import network
from engine.market import WIDTH, Rows
from engine.parameters import Parameters
from engine.settings import settings_of
from engine.state import digest
from engine.step import CHUNK_TICKS
from engine.venue_rules import DEFAULT_RULES, VenueRules


def golden_digest(
    executor: Executor, parameters: Parameters, rules: VenueRules = DEFAULT_RULES
) -> str:
    """Return the digest of the golden run with these parameters, 32 hexadecimal digits.

    Raises:
        ArtefactRefused: if the results of a call do not agree with the state after it.
    """
    # The initial weights come from integers here, so that only the step's arithmetic is tested.
    ranks = np.arange(network.count(parameters.shape), dtype=np.int64)
    weights = ((ranks * 7919 % 2001 - 1000) / np.float32(4000)).astype(np.float32)
    state = steps.arrays(weights, parameters, rules)
    held = executor.hold(state, settings_of(parameters, rules))
    outcome = executor.run(held, probe_rows(CHUNK_TICKS))
    after = held.state()
    if outcome.packed.tobytes() != steps.pack(after).tobytes():
        raise ArtefactRefused("the state that a call returns is not the one that it leaves")
    hasher = blake2b(outcome.counts.tobytes() + outcome.measures.tobytes(), digest_size=16)
    hasher.update(digest(after).encode())
    return hasher.hexdigest()


@cache
def probe_rows(count: int) -> Rows:
    """Return int64[count, WIDTH], a random walk of the market from an integer recurrence.

    They cannot be written to: a start needs them twice, and they take as long as half of the run.
    """
    rows = np.zeros((count, WIDTH), np.int64)
    middle_e8, seed = 100_000 * 10**8, 12345
    for index in range(count):
        draws = []
        for _ in range(14):
            seed = (seed * 1_103_515_245 + 12_345) % 2**31
            draws.append(seed >> 8)
        middle_e8 += (draws[0] % 2001 - 1000) * 10**6
        bid_e8, ask_e8 = middle_e8 - 10**8, middle_e8 + 10**8
        named = [
            index, (index + 1) * 50_000_000, draws[1] % 3, int(index == 0), 1, 1,
            bid_e8, ask_e8, middle_e8, (draws[2] % 201 - 100) * 10**6, 0, 0, 0,
        ]  # fmt: skip
        bids = [bid_e8 - rank * 10**8 for rank in range(5)]
        asks = [ask_e8 + rank * 10**8 for rank in range(5)]
        volumes = [draw % 10**9 + 1 for draw in draws[3:13]]
        rows[index] = [*named, *bids, *volumes[:5], *asks, *volumes[5:]]
    rows.setflags(write=False)
    return rows
