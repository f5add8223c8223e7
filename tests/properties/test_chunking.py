"""Chunking must not change a bit (I7), nor may anything else about how a journal is carried."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from engine.engine import Engine
from engine.parameters import Parameters
from eventlog.schema import renumber
from tests.support.markets import SMALL, carry, cut, journal

ROOT = Path(__file__).parents[2]
COUNT = 1_000

RUN = """
import hashlib, json, sys
from engine.executor.choice import Choice
from journal.compile_cache import reuse
reuse(Choice(sys.argv[1]))
from engine.engine import Engine, arithmetic_digest
from tests.support.markets import SMALL, carry, cut, journal
engine = Engine.initial(SMALL)
effects = carry(engine, cut(journal(600), 50))
state = engine.state()
whole = b"".join(name.encode() + state[name].tobytes() for name in sorted(state))
print(json.dumps({
    "digest": engine.digest,
    "bytes": hashlib.sha256(whole).hexdigest(),
    "effects": hashlib.sha256(effects.serialize().to_pybytes()).hexdigest(),
    "arithmetic": arithmetic_digest(SMALL),
    "parameters": SMALL.digest,
    "hash": hash("a word"),
}))
"""


def carried(parameters: Parameters, size: int) -> tuple[str, pa.RecordBatch]:
    """Return the whole state's digest and all effects of a journal in chunks of a size."""
    engine = Engine.initial(parameters)
    effects = carry(engine, cut(journal(COUNT), size))
    return engine.digest, effects


@pytest.mark.parametrize("size", [1, 7, 64])
def test_chunks_of_any_size_end_in_the_same_bits(size: int) -> None:
    """The digest of the whole state, and every bit of every effect."""
    digest, effects = carried(SMALL, size)
    whole_digest, whole = carried(SMALL, 1024)

    assert digest == whole_digest
    assert effects.equals(whole)
    assert whole.num_rows > COUNT  # with fills


def test_the_default_parameters_chunk_alike() -> None:
    """Another network, another ring: the promise is about the way, not about one size."""
    parameters = Parameters()

    assert carried(parameters, 333)[0] == carried(parameters, 1024)[0]


def test_irregular_chunks_and_restarts_end_in_the_same_bits(effort: int) -> None:
    """Cut at random, and taken up from its state at random: the same journey."""
    whole_digest, whole = carried(SMALL, 1024)
    for seed in range(3 * effort):
        draws = random.Random(seed)
        engine, effects, start = Engine.initial(SMALL), [], 0
        while start < COUNT:
            size = draws.choice([0, 1, 2, 17, 130, 400])
            effects.append(engine.advance(journal(COUNT).slice(start, size)))
            start += size
            if draws.random() < 0.3:
                engine = Engine(SMALL, engine.state())

        assert engine.digest == whole_digest, seed
        assert renumber(pa.concat_batches(effects), first_offset=0).equals(whole), seed


def test_separate_processes_end_in_the_same_bits() -> None:
    """With another order of every set and dictionary of words there may be, too.

    One finds the step compiled; in the other TensorFlow traces it, and runs it.
    """
    found = []
    for executor, seed in (("auto", "0"), ("tensorflow", "12345")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", RUN, executor],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
        )
        found.append(json.loads(done.stdout))

    assert found[0].pop("hash") != found[1].pop("hash")
    assert found[0] == found[1]
    engine = Engine.initial(SMALL)
    carry(engine, [journal(600)])
    assert found[0]["digest"] == engine.digest
