"""A device that refuses: at every call, once and for ever, with each kind of error.

What has to hold: the error ends the writer, which acknowledges nothing more; everything that was
acknowledged is there when the log is opened again, also if a failed sync dropped the pages, or kept
them readable without their ever reaching the disk and the power failed then, or once they had been
found and shown again.
"""

import errno

import pytest

from eventlog.errors import WriteFailed
from eventlog.log import Log
from tests.support.faults import DETECTED, Tally
from tests.support.simfs import Refusal, policies
from tests.support.strategies import quote
from tests.support.workloads import (
    LOG,
    SEGMENT_BYTES,
    WORKLOADS,
    Account,
    Workload,
    calls_of,
    world,
)

REFUSALS = [
    Refusal(0, error, for_ever, drop)
    for error in (errno.EIO, errno.ENOSPC)
    for for_ever in (False, True)
    for drop in (False, True)
]


@pytest.mark.parametrize("kind", REFUSALS, ids=str)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_refused_call_ends_the_writer_and_loses_nothing(
    workload: Workload, kind: Refusal, effort: int, tally: Tally
) -> None:
    """A call that fails raises `WriteFailed`; what was acknowledged before survives."""
    # Each of the eight kinds takes every eighth call, beginning at another one: the short form
    # refuses every call once, in one way. A campaign refuses every call in each way.
    step = max(1, len(REFUSALS) // effort)
    for at in range(1 + REFUSALS.index(kind) % step, len(calls_of(workload)) + 1, step):
        fs, account = world(), Account()
        fs.refusal = Refusal(at, kind.error, kind.for_ever, kind.drop)
        why = f"refused call {at}"
        with pytest.raises(WriteFailed):
            workload(fs, account)
        fs.after_process_death()
        for _, keep in policies(at, min(len(fs.pending), 1), 1):
            account.check(fs.after_power_cut(keep), why).close()
        with account.check(fs, why) as again:
            # What was found is shown to readers from now on, so it is on the disk by now.
            found = account.check(fs.after_power_cut(lambda _: []), f"{why}, then the power")
            assert found.end >= again.end, f"{why}: records that were found again are gone"
            found.close()
        tally["refused call, EIO or ENOSPC, once or for ever", DETECTED] += 1


def test_a_dead_writer_stays_dead() -> None:
    """After one failed sync every further append raises, though the device would accept it."""
    fs = world()
    log = Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES)
    log.append([quote(0)])
    fs.refusal = Refusal(len(fs.calls) + 2)
    with pytest.raises(WriteFailed):
        log.append([quote(1)])
    fs.refusal = None
    calls = len(fs.calls)

    for forbidden in (lambda: log.append([quote(1)]), log.sync_watermark, log.seal):
        with pytest.raises(WriteFailed, match="this writer is dead"):
            forbidden()
    log.close()

    assert len(fs.calls) == calls
    assert log.end == 1
