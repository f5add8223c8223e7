"""Power cuts at every call that the log makes of the filesystem, also inside recovery.

What has to hold afterwards: every acknowledged record is there, in order, once; what is there is a
prefix of what was submitted; the chain is what it was; opening again changes nothing; the log goes
on; and neither a reader nor a check takes it for corrupt at any moment.
"""

import random

import pytest

from eventlog.errors import NoLog
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from tests.support.faults import HARMLESS, Tally
from tests.support.simfs import PowerCut, SimFS, policies
from tests.support.strategies import quote
from tests.support.workloads import (
    LOG,
    RECORDS_MAX,
    SEGMENT_BYTES,
    WORKLOADS,
    Account,
    Workload,
    calls_of,
    numbers,
    world,
)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_nothing_acknowledged_is_lost_wherever_the_power_fails(
    workload: Workload, effort: int, seed: int, tally: Tally
) -> None:
    """A power cut at any call, whatever was kept of what was not synced, loses no promise."""
    cut_off = 0
    for cut_at in range(1, len(calls_of(workload)) + 1):
        fs, account = cut(workload, cut_at)
        for why, keep in policies(cut_at + 10_000 * seed, len(fs.pending), effort):
            why = f"cut at call {cut_at}, {fs.calls[-1]}; kept {why}"
            after = fs.after_power_cut(keep)
            judged_by_others(after, account, why)
            log = account.check(after, why)
            end, chain = log.end, log.chain
            log.close()
            again = Log.open(LOG, storage=after, segment_bytes=SEGMENT_BYTES)
            assert (again.end, again.chain, again.recovery.case) == (end, chain, "A"), why
            again.append([quote(end)])
            assert numbers(again) == [*account.submitted[:end], end], why
            again.close()
            assert check(LOG, storage=after) == [], why
            tally["power cut at a simulated call", HARMLESS] += 1
            cut_off += log.recovery.cut_bytes > 0
    assert cut_off, "no interrupted write was cut"


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_power_cut_inside_recovery_loses_nothing_either(
    workload: Workload, effort: int, seed: int, tally: Tally
) -> None:
    """Recovery may be interrupted at any call and done again."""
    rng = random.Random(f"{seed} recovery")
    calls = len(calls_of(workload))
    for cut_at in rng.choices(range(1, calls + 1), k=15 + 5 * effort):
        fs, account = cut(workload, cut_at)
        why, keep = rng.choice(list(policies(rng.randrange(1 << 30), len(fs.pending), 4)))
        before = fs.after_power_cut(keep)
        recover_with_cuts(before, account, f"cut at {cut_at}, kept {why}", tally)


def cut(workload: Workload, cut_at: int) -> tuple[SimFS, Account]:
    """Run a workload into a power cut."""
    fs, account = world(), Account()
    fs.cut_at = cut_at
    with pytest.raises(PowerCut):
        workload(fs, account)
    return fs, account


def judged_by_others(after: SimFS, account: Account, why: str) -> None:
    """Before recovery: a reader sees a prefix, a check finds nothing that is not repairable."""
    try:
        reader = Reader.open(LOG, storage=after)
    except NoLog:
        assert account.acknowledged == 0, why
        return
    assert numbers(reader) == account.submitted[: reader.end], why
    # A watermark that was not synced leaves the last commit unproven until a writer opens the log.
    assert account.acknowledged - reader.end <= RECORDS_MAX, why
    assert all(finding.repairable for finding in check(LOG, storage=after)), why


def recover_with_cuts(before: SimFS, account: Account, why: str, tally: Tally) -> None:
    """Recover, cut at every call in turn, then recover for good."""
    second_cut_at = 0
    while True:
        second_cut_at += 1
        fs = before.copy()
        fs.cut_at = second_cut_at
        try:
            Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES)
        except PowerCut:
            pass
        else:
            return
        for again, keep in policies(second_cut_at, min(len(fs.pending), 2), 1):
            after = fs.after_power_cut(keep)
            account.check(after, f"{why}; then at {fs.calls[-1]}, kept {again}").close()
            tally["power cut at a simulated call of recovery", HARMLESS] += 1
