"""Damage to the files of checkpoints: each bit of a snapshot and of the deltas on it.

Whatever is hurt, what is restored is a state that was kept, or it is said what is wrong. The last
delta alone may be taken for one that was interrupted: its training is then repeated from the log.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import checkpoint
from engine.checkpoint import Checkpoints
from engine.errors import CheckpointDamaged
from engine.state import digest
from tests.crash.appender import WALKED_TICKS, walked
from tests.support import damage
from tests.support.faults import DETECTED, HARMLESS, SILENT, Tally
from tests.support.simfs import SimFS
from tests.support.walker import History, Walker

DIRECTORY = Path("/checkpoints")
OFFSETS = 4
FLIPS = 250
"""How many bits of each file are flipped, unless ``--effort`` says more; all, if it has fewer."""


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> SimFS:
    """A snapshot and some deltas on it."""
    monkeypatch.setattr(checkpoint, "_AHEAD_BYTES", 4096)
    fs, log, walker = SimFS(), History(OFFSETS), Walker()
    checkpoints = Checkpoints(DIRECTORY, storage=fs)
    for offset in range(OFFSETS):
        walker.walk(WALKED_TICKS)
        checkpoints.keep(walker, offset=offset, chain=log.chain(offset))
    checkpoints.close()
    return fs


@pytest.mark.parametrize("suffix", ["snapshot", "deltas"])
def test_no_damage_is_silent(
    healthy: SimFS, suffix: str, effort: int, seed: int, tally: Tally
) -> None:
    """Bits, sizes, sectors: found, or a state that was kept is restored."""
    path = DIRECTORY / f"{0:020}.{suffix}"
    data = bytes(healthy.names[path].current)
    for what, hurt in hurts(data, random.Random(f"{seed} {suffix}"), effort):
        if hurt == data:
            continue
        healthy.put(path, hurt)
        outcome = judged(healthy)
        kind = "bit flip" if "flipped" in what else "other damage"
        tally[f"{kind}, {suffix.removesuffix('s')} of a checkpoint", outcome] += 1
        assert outcome != SILENT, what
        if suffix == "snapshot":
            assert outcome == DETECTED, what
    healthy.put(path, data)


def hurts(data: bytes, draws: random.Random, effort: int) -> Iterator[damage.Hurt]:
    """Yield some damages; with more effort, more."""
    bits = len(data) * 8
    for bit in sorted(draws.sample(range(bits), min(FLIPS * effort, bits))):
        yield damage.flipped(data, bit)
    yield from damage.truncations(data, max(1, len(data) // (60 * effort)))
    yield from damage.zeroed_sectors(data)
    yield from damage.misdirected_sectors(data)


def judged(fs: SimFS) -> str:
    """Return what became of the damage that a filesystem has suffered."""
    try:
        found = Checkpoints(DIRECTORY, storage=fs).restore(History(OFFSETS))
    except CheckpointDamaged:
        return DETECTED
    assert found is not None
    if digest(found.state) != digest(walked(found.offset).state()):
        return SILENT
    return DETECTED if found.damaged else HARMLESS
