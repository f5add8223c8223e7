"""The committed journals lead where they led when they were recorded.

`fixtures/expected.json` was written by the commands themselves (`fixtures/record.py`). Here the
same commands run again, each in a process of its own, and must come to the same bytes.
"""

import json
import os
import subprocess

import pytest

from engine.checkpoint import Checkpoints
from eventlog.integrity import check
from eventlog.reader import Reader
from eventlog.records import Gap, SessionEnded, SessionStarted
from fixtures.record import HERE, JOURNAL, trader
from journal import layout
from journal.header import header_of
from journal.reading import scan
from journal.replay import rerun
from tests.support.golden import EXPECTED, claim

NAMES = tuple(EXPECTED)
KEPT = ("ticks", "compared", "fingerprint", "state", "log_loss", "accuracy", "equity")


@pytest.mark.parametrize("name", NAMES)
def test_every_byte_checks(name: str) -> None:
    """No finding in a committed log, and as many records as when it was recorded."""
    log = HERE / name / JOURNAL / "log"

    assert check(log) == []
    assert Reader.open(log).end == EXPECTED[name]["records"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_replay_ends_in_the_recorded_state(name: str, hash_seed: str) -> None:
    """Replayed from its beginning in a new process, a journal ends in the same bytes."""
    claim(HERE / name)

    asked = subprocess.run(
        trader("replay", "--from", "beginning", "--home", str(HERE / name), "--json"),
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )

    assert asked.returncode == 0, asked.stdout + asked.stderr
    answer = json.loads(asked.stdout.splitlines()[-1])
    assert {key: answer[key] for key in KEPT} == {key: EXPECTED[name][key] for key in KEPT}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chunk_ticks", [7, 64])
def test_from_every_checkpoint_in_any_chunks(name: str, chunk_ticks: int) -> None:
    """From every kept state, in chunks of any size, a journal ends in the same bytes (I7)."""
    claim(HERE / name)
    place = layout.find(HERE / name, JOURNAL)
    log, checkpoints = Reader.open(place.log), Checkpoints(place.checkpoints)
    initial_state = header_of(log, place)

    for after in checkpoints.offsets():
        state = checkpoints.read(after).state
        outcome = rerun(
            log, initial_state, state, after=after, end=log.end, chunk_ticks=chunk_ticks
        )
        assert outcome.divergence is None
        assert outcome.engine.digest == EXPECTED[name]["state"]


def test_one_fixture_was_killed_and_resumed() -> None:
    """Its first session has no end, its second continues from a kept state."""
    log = Reader.open(HERE / "kill-and-resume" / JOURNAL / "log")
    records = [record for _, record in scan.records(log, 0, log.end)]
    sessions = [record for record in records if isinstance(record, SessionStarted)]
    ends = [record.session for record in records if isinstance(record, SessionEnded)]

    assert [session.session for session in sessions] == [1, 2]
    assert ends == [2]
    assert json.loads(sessions[1].detail)["resumed_from"] > 0


def test_one_fixture_has_gaps() -> None:
    """The exchange closed the socket on it, and it says since when and why."""
    log = Reader.open(HERE / "gap" / JOURNAL / "log")
    gaps = [record for _, record in scan.records(log, 0, log.end) if isinstance(record, Gap)]

    assert gaps
    assert all(gap.from_ns < gap.to_ns and "closed" in gap.why for gap in gaps)
