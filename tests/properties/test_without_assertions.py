"""`python -O` leaves assertions out, and nothing else: the invariants hold as with them."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import hashlib, json
from engine.engine import Engine
from eventlog.errors import WriteFailed
from eventlog.log import Log
from eventlog.records import Fill
from eventlog.schema import decode
from tests.support.markets import SMALL, carry, cut, journal
from tests.support.simfs import Refusal
from tests.support.workloads import LOG, world

whole, answers = journal(600), {"assertions": __debug__}
engine = Engine.initial(SMALL)
effects = carry(engine, [whole])
answers["effects"] = hashlib.sha256(effects.serialize().to_pybytes()).hexdigest()
answers["state"] = engine.digest

# I2: what the device refuses is not acknowledged, so the engine cannot see it.
fs = world()
with Log.open(LOG, storage=fs) as log:
    log.append_batch(whole.slice(0, 1))
    fs.refusal = Refusal(len(fs.calls) + 1)
    try:
        log.append_batch(whole.slice(1))
    except WriteFailed:
        answers["I2"] = log.end

# I4: what cannot be read changes nothing.
before = engine.digest, engine.position
try:
    engine.advance(journal(650).slice(600).drop_columns(["bid"]))
except KeyError:
    answers["I4"] = before == (engine.digest, engine.position)

# I3, I5: the first effects follow from the first records, whatever comes after, in any chunks.
prefix = carry(Engine.initial(SMALL), cut(whole.slice(0, 400), 7))
answers["I5"] = prefix.equals(effects.slice(0, prefix.num_rows))

# I6, I8: an order fills at a later tick, for whole units.
fills = [each for _, each in decode(effects) if isinstance(each, Fill)]
answers["I6"] = [each.cause > each.ordered_at for each in fills]
answers["I8"] = [[each.price_e8, each.volume_e8, each.value_e8, each.fee_e8] for each in fills]

# I7: taken up from a state, the rest is the same.
half = Engine.initial(SMALL)
carry(half, [whole.slice(0, 300)])
resumed = Engine(SMALL, half.state())
carry(resumed, cut(whole.slice(300), 11))
answers["I7"] = resumed.digest == engine.digest
print(json.dumps(answers))
"""


def answers_of(*options: str) -> dict[str, object]:
    """Run the program in a process of its own; return what it prints."""
    line = [sys.executable, *options, "-c", PROGRAM]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_the_invariants_hold_without_assertions() -> None:
    """I2 to I8: each is tried where assertions are left out, and all figures are the same."""
    without, with_them = answers_of("-O"), answers_of()

    assert (without.pop("assertions"), with_them.pop("assertions")) == (False, True)
    assert without == with_them
    assert (without["I2"], without["I4"], without["I5"], without["I7"]) == (1, True, True, True)
    assert without["I6"]
    assert set(without["I6"]) == {True}  # type: ignore[call-overload]
