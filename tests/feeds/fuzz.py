"""A fuzzer of what comes from outside: frames and bodies that were changed at random, from a seed.

    uv run --group test python -m tests.feeds.fuzz --frames 1000000

Every frame goes the whole way that one from the exchange would go: decoder, the dialogue of its
socket, the log's encoding, the engine's reading of the market. Nothing may raise, and nothing may
take long: the processor time of frames and folds is printed, which no other process prolongs.
`tests/feeds/btcmarkets/test_protocol.py` and `tests/engine/test_market.py` have the same as
properties; this is for long runs.
"""

import argparse
import json
import sys
from array import array
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from time import thread_time_ns

import numpy as np

from engine.market import Market
from eventlog.records import Input, Undecodable
from eventlog.schema import encode
from feeds.btcmarkets import replies
from feeds.btcmarkets.protocol import Heartbeat, Orders, Refused, Rejection, decode
from feeds.btcmarkets.subscription_state import SubscriptionState
from feeds.clock import monotonic_s
from feeds.simulator.faults import GARBAGE
from feeds.simulator.market import SyntheticMarket
from feeds.simulator.scenario import SCENARIOS

MARKET = "BTC-AUD"
CHUNK = 256
_VALUES: tuple[object, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**63, 10**30, 1.5, -0.0, 1e308),
    *("", "0", "-0", "1", "-1", "0.00000001", "9999999999", "10000000000", "1e5", "NaN", " 1"),
    *("BTC-AUD", "Bid", "Ask", "2026-09-23T04:31:09.259Z", "2026-02-30T00:00:00.000Z", "\ud800"),
    *([], {}, [[]], [["1", "1", 1]], [["1", "0", 0]], ["1", "1"], [["1", "1"]], {"name": "tick"}),
)


@dataclass(slots=True)
class Found:
    """What a run saw: kinds, and processor time of each frame and of each fold of `CHUNK`."""

    kinds: Counter[str] = field(default_factory=Counter)
    frame_ns: "array[int]" = field(default_factory=lambda: array("q"))
    fold_ns: "array[int]" = field(default_factory=lambda: array("q"))


class Mutator:
    """Changes frames; each change is drawn from one generator of a seed."""

    def __init__(self, seed: int) -> None:
        self._draws = np.random.Generator(np.random.Philox(key=seed))

    def pick(self, choices: Sequence[object]) -> object:
        """Return one of these."""
        return choices[int(self._draws.integers(len(choices)))]

    def change(self, text: str) -> str | bytes:
        """Return a frame that is a little, or very, different."""
        kind = int(self._draws.integers(8))
        if kind == 0:
            return text
        if kind <= 4:
            return self._change_fields(text)
        raw = bytearray(text.encode("utf-8", "surrogatepass"))
        if kind == 5:
            return bytes(raw[: int(self._draws.integers(len(raw) + 1))])
        for _ in range(int(self._draws.integers(1, 4))):
            if raw:
                raw[int(self._draws.integers(len(raw)))] = int(self._draws.integers(256))
        return bytes(raw) if kind == 6 else raw.decode("utf-8", "replace")

    def _change_fields(self, text: str) -> str:
        message = json.loads(text)
        for _ in range(int(self._draws.integers(1, 3))):
            holder: object = message
            while True:
                inner = list(holder.values()) if isinstance(holder, dict) else holder
                nested = [v for v in inner if isinstance(v, dict | list) and v]  # type: ignore[attr-defined]
                if not nested or self._draws.random() < 0.5:
                    break
                holder = self.pick(nested)
            if isinstance(holder, dict) and holder:
                key = str(self.pick(sorted(holder)))
                if self._draws.random() < 0.2:
                    del holder[key]
                else:
                    holder[key] = deepcopy(self.pick(_VALUES))
            elif isinstance(holder, list) and holder:
                holder[int(self._draws.integers(len(holder)))] = deepcopy(self.pick(_VALUES))
        return json.dumps(message)


def samples(seed: int, steps: int = 400) -> list[str]:
    """Return frames of every kind as the exchange sends them."""
    market = SyntheticMarket(MARKET, SCENARIOS["calm"], seed=seed, start_ns=10**18)
    texts = [market.snapshot(MARKET)]
    for _ in range(steps):
        texts += [frame.text for frame in market.advance()]
    controls = [
        {"messageType": "heartbeat", "channels": [{"name": "tick", "marketIds": [MARKET]}]},
        {"messageType": "error", "code": 3, "message": "invalid marketIds"},
        {"messageType": "orderbook", "marketId": MARKET, "bids": [["1", "1"]], "asks": []},
    ]
    garbage = [each for each in GARBAGE if isinstance(each, str) and each.startswith("{")]
    valid = [each for each in garbage if each.endswith("}")]
    return texts + [json.dumps(each) for each in controls] * 20 + valid


def run(frames: int, *, seed: int) -> Found:
    """Send so many frames the whole way.

    Raises:
        Exception: whatever any of it raises, with the seed and the frame in a note.
    """
    found, mutator, texts = Found(), Mutator(seed), samples(seed)
    dialogue, market = SubscriptionState((MARKET,), answer_s=0.001, retry_s=0.01), Market.initial()
    waiting: list[Input] = []
    for number in range(frames):
        text = str(mutator.pick(texts))
        frame = mutator.change(text)
        began_ns = thread_time_ns()
        try:
            event = decode(frame, number)
            dialogue.heard(event, number * 1e-3)
            dialogue.next(number * 1e-3)
            if isinstance(event, tuple):
                found.kinds[type(event[1]).__name__] += 1
                waiting.append(event[1])
            else:
                assert isinstance(event, Heartbeat | Rejection | Orders)
                found.kinds[type(event).__name__] += 1
            if number % 8 == 0:
                _read_as_reply(frame)
            heard_ns = thread_time_ns()
            found.frame_ns.append(heard_ns - began_ns)
            if len(waiting) >= CHUNK:
                market.fold(encode(waiting, first_offset=number))
                waiting.clear()
                found.fold_ns.append(thread_time_ns() - heard_ns)
        except Exception as error:
            error.add_note(f"seed {seed}, frame {number}: {frame[:500]!r}")
            raise
    assert all(isinstance(record, Undecodable) or record for record in waiting)
    return found


def _read_as_reply(frame: str | bytes) -> None:
    raw = frame if isinstance(frame, bytes) else frame.encode("utf-8", "surrogatepass")
    replies.error_of(raw)
    try:
        body = replies.body_of(raw)
    except Refused:
        return
    for read in (
        replies.catalogue_of,
        lambda each: replies.orders_reply_of(each, "BTC-AUD"),
        replies.time_ns_of,
    ):
        try:
            read(body)
        except Refused:
            continue
    try:
        replies.page_of([body], "BTC-AUD", 0)
        replies.page_of(body, "BTC-AUD", 0)
    except Refused:
        pass


def main() -> int:
    """Run as many frames as the arguments ask for."""
    parser = argparse.ArgumentParser(description="Fuzz what comes from outside.")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began_s = monotonic_s()
    found = run(arguments.frames, seed=arguments.seed)
    seconds = monotonic_s() - began_s
    print(f"{arguments.frames:,} frames in {seconds:.0f} s, seed {arguments.seed}: none raised")
    for what, times_ns in (("a frame", found.frame_ns), (f"a fold of {CHUNK}", found.fold_ns)):
        p50, p999, most = np.quantile(times_ns, [0.5, 0.999, 1.0]) / 1e6
        print(f"processor time of {what}: p50 {p50:.3f}, p99.9 {p999:.3f}, at most {most:.3f} ms")
    for kind, count in found.kinds.most_common():
        print(f"  {kind:14} {count:>10,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
