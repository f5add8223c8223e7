"""Invariants hold also where assertions are left out."""

import subprocess
import sys
from pathlib import Path

import pytest

from eventlog.invariants import InvariantBroken, hold

ROOT = Path(__file__).parent.parent.parent

PROBES = {
    "I1": """
from eventlog.manifest import Manifest, Sealed
import dataclasses
empty = Manifest.empty(bytes(16))
values = dict.fromkeys((field.name for field in dataclasses.fields(Sealed)), 0)
values |= {"first": 3, "chain_before": empty.chain}
empty.with_sealed(Sealed(**values))
""",
    "I10": """
from feeds.btcmarkets.backoff import Budget
Budget(count=0, window_s=1.0)
""",
}
"""What breaks an invariant, without the compiled step."""

WITH_THE_STEP = {
    "I1": """
from journal.compile_cache import reuse
reuse()  # as a command does: the compiled step is there
from engine.engine import Engine
from eventlog.records import Gap
from eventlog.schema import encode
from tests.support.markets import SMALL
engine = Engine.initial(SMALL)
for first in (7, 3):
    engine.advance(encode([Gap(received_ns=1, from_ns=0, to_ns=1, why="")], first_offset=first))
""",
}
"""What breaks one of the engine's."""


@pytest.mark.parametrize(("number", "program"), [*PROBES.items(), *WITH_THE_STEP.items()])
def test_it_is_refused_without_assertions(number: str, program: str) -> None:
    line = [sys.executable, "-O", "-c", f"assert False\n{program}"]
    answer = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert answer.returncode == 1
    assert f"InvariantBroken: {number}: " in answer.stderr


def test_it_says_which_and_what_was_found() -> None:
    hold("I8", 1 < 2, "money is in its range")

    with pytest.raises(InvariantBroken, match=r"^I8: money is in its range \(equity_e8 -1\)$"):
        hold("I8", 2 < 1, "money is in its range", equity_e8=-1)
