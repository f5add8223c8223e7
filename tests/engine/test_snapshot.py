"""Snapshots: what comes back is what went in, and any damage is found."""

from pathlib import Path

import numpy as np
import pytest

from engine import snapshot
from engine.engine import Engine
from engine.errors import CheckpointDamaged
from engine.snapshot import Facts
from engine.state import Arrays, digest
from tests.support.damage import (
    flipped,
    lengthened,
    misdirected_sectors,
    truncations,
    zeroed_sectors,
)
from tests.support.markets import SMALL, decisions, stream
from tests.support.walker import Walker

PATH = Path("checkpoints/7.snapshot")


def encoded(state: Arrays, *, offset: int = 7) -> tuple[bytes, Facts, bytes]:
    """Return the bytes of a snapshot, its facts and its name."""
    facts = snapshot.facts_of(state, offset=offset, chain=b"c" * 16, parameters="p")
    frames, name = snapshot.encode(state, facts, {})
    return b"".join(frames), facts, name


def walked() -> Arrays:
    """Return a small state."""
    return Walker().walk(20).state()


def test_a_state_comes_back() -> None:
    """Bit for bit, with its facts and its name; the arrays may be written to."""
    data, facts, name = encoded(walked())

    state, found, found_name, _ = snapshot.decode(data, PATH, offset=7)

    assert digest(state) == digest(walked())
    assert (found, found_name) == (facts, name)
    assert all(array.flags.writeable for array in state.values())


def test_a_state_of_many_parts_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one frame cannot hold is cut, anywhere in an array; losing a part is found."""
    monkeypatch.setattr(snapshot, "_PART_BYTES", 50)
    facts = snapshot.facts_of(walked(), offset=7, chain=b"", parameters="p")
    frames, _ = snapshot.encode(walked(), facts, {})
    assert len(frames) > 5

    state = snapshot.decode(b"".join(frames), PATH, offset=7).state

    assert digest(state) == digest(walked())
    for lost in range(len(frames)):
        with pytest.raises(CheckpointDamaged):
            snapshot.decode(b"".join(frames[:lost] + frames[lost + 1 :]), PATH, offset=7)


def test_every_flipped_bit_is_found() -> None:
    """All of a small snapshot: header, facts, arrays and padding."""
    data, _, _ = encoded(walked())
    for bit in range(len(data) * 8):
        what, hurt = flipped(data, bit)
        with pytest.raises(CheckpointDamaged) as raised:
            snapshot.decode(hurt, PATH, offset=7)
        assert raised.value.path == PATH, what


def test_every_other_damage_is_found() -> None:
    """Cut short anywhere, lengthened, with a sector lost or another's content."""
    data, _, _ = encoded(walked())
    hurts = [*truncations(data), *lengthened(data)]
    hurts += [*zeroed_sectors(data), *misdirected_sectors(data)]
    for what, hurt in hurts:
        with pytest.raises(CheckpointDamaged) as raised:
            snapshot.decode(hurt, PATH, offset=7)
        assert raised.value.problem, what


def test_a_snapshot_of_another_offset_is_found() -> None:
    """A file under another's name is not taken for it."""
    data, _, _ = encoded(walked(), offset=8)

    with pytest.raises(CheckpointDamaged):
        snapshot.decode(data, PATH, offset=7)


def test_a_state_that_is_not_the_one_it_says_is_found() -> None:
    """Also under right checksums: the digest is over the state itself."""
    state = walked()
    facts = snapshot.facts_of(state, offset=7, chain=b"", parameters="p")
    state["learner.weights"][2] += np.float32(1)
    frames, _ = snapshot.encode(state, facts, {})

    with pytest.raises(CheckpointDamaged, match="not the one that it says"):
        snapshot.decode(b"".join(frames), PATH, offset=7)


def test_facts_are_read_from_the_beginning() -> None:
    """A listing reads no more; what is damaged behind them is not seen by it."""
    facts = snapshot.facts_of(walked(), offset=7, chain=b"c" * 16, parameters="p")
    head = snapshot.encode(walked(), facts, {})[0][0]

    assert snapshot.facts_in(head, PATH, offset=7) == facts
    for bit in range(64 * 8):
        with pytest.raises(CheckpointDamaged):
            snapshot.facts_in(flipped(head, bit)[1], PATH, offset=7)
    with pytest.raises(CheckpointDamaged, match="longer than what is there"):
        snapshot.facts_in(head[:80], PATH, offset=7)


def test_facts_say_what_the_state_is() -> None:
    """For people: scores per label, equity at the mid, steps and event time."""
    engine = Engine.initial(SMALL)
    last = decisions(engine, stream(900))[-1]
    state = engine.state()

    facts = snapshot.facts_of(state, offset=899, chain=b"\1" * 16, parameters=SMALL.digest)

    assert (facts.offset, facts.chain) == (899, "01" * 16)
    assert facts.digest == engine.digest
    assert facts.steps == int(state["learner.steps"])
    assert facts.time_ns == int(state["features.time_ns"])
    assert facts.scored == int(state["tally.counts"][0]) > 0
    assert facts.hits == int(state["tally.counts"][1]) > 0
    assert facts.log_loss == float(state["tally.sums"][0]) / facts.scored
    assert facts.baseline_log_loss == float(state["tally.sums"][1]) / facts.scored
    assert abs(facts.equity_e8 - last.equity_e8) <= 1


def test_facts_of_the_beginning() -> None:
    """Nothing was scored; there is no division by it."""
    facts = snapshot.facts_of(
        Engine.initial(SMALL).state(), offset=0, chain=b"", parameters=SMALL.digest
    )

    assert (facts.scored, facts.log_loss, facts.baseline_log_loss) == (0, 0.0, 0.0)
    assert facts.equity_e8 == SMALL.cash * 10**8
