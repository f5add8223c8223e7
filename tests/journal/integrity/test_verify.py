"""Intervals between kept states, and which of them this machine can speak of."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

from engine.parameters import digest_of
from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal import layout
from journal.header import JournalHeader, header_of
from journal.integrity.verify import Interval, check_checkpoints, intervals, rerun_all
from journal.reading import sessions
from tests.support.golden import claim

PLACE = layout.find(HERE / "kill-and-resume", JOURNAL)
LOG = Reader.open(PLACE.log)
GENESIS = header_of(LOG, PLACE)


def seen_by(ours: str) -> list[Interval]:
    """Return the fixture's intervals as a machine of this arithmetic sees them."""
    recorded = sessions.arithmetics(LOG)
    return intervals(PLACE, LOG, GENESIS, arithmetics=recorded, ours=ours)


def test_intervals_cover_the_log() -> None:
    """From the first state to the end, each interval begins where the one before ended."""
    found = seen_by("")

    assert found[0].after == 0
    assert [one.end for one in found[:-1]] == [one.after + 1 for one in found[1:]]
    assert found[-1].end == LOG.end


def test_what_was_recorded_elsewhere_is_not_claimed() -> None:
    """Only intervals whose sessions all had our arithmetic can be said to differ."""
    recorded = next(iter(sessions.arithmetics(LOG).values()))

    assert all(one.claimed for one in seen_by(recorded))
    assert not any(one.claimed for one in seen_by("another machine"))


def test_every_interval_runs_again_to_the_same_states() -> None:
    """No finding in a good journal, and progress adds up."""
    claim(HERE / "kill-and-resume")
    done: list[int] = []

    assert list(rerun_all(seen_by(""), done.append)) == []
    assert sum(done) == LOG.end - 1


def test_a_difference_on_other_arithmetic_is_no_divergence(tmp_path: Path) -> None:
    """Where nothing can be claimed a difference is said to be unclaimed."""
    shutil.copytree(HERE / "kill-and-resume", tmp_path / "home")
    place = layout.find(tmp_path / "home", JOURNAL)
    other = JournalHeader(
        parameters=type(GENESIS.parameters)(memory_rows=512, fee_ppm=1, warm_up_labels=50),
        initial_state=GENESIS.initial_state,
    )
    interval = Interval(place, other, 0, LOG.end, claimed=False)

    findings = list(rerun_all([interval], lambda count: None))

    assert [finding.check for finding in findings] == ["unclaimed.decision"]


def test_checkpoints_of_a_good_journal_check() -> None:
    """Nothing is found where nothing is wrong."""
    assert check_checkpoints(PLACE, LOG, GENESIS, lambda count: None) == []


def test_parameters_that_came_later_are_no_damage(tmp_path: Path) -> None:
    """A journal says what its parameters were; a version that has more reads it as whole."""
    fewer = dict(list(asdict(GENESIS.parameters).items())[1:])
    earlier = replace(GENESIS, recorded=tuple(sorted(fewer.items())))

    findings = check_checkpoints(PLACE, LOG, earlier, lambda count: None)

    assert {finding.check for finding in findings} == {"checkpoint.parameters"}
    assert earlier.parameters_digest == digest_of(fewer) != GENESIS.parameters.digest
