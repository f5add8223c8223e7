"""What a writer does in the crash tests, and the account that it keeps of what it was promised."""

from collections.abc import Callable
from pathlib import Path

from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Quote
from eventlog.schema import decode
from eventlog.sealing import prepare
from eventlog.storage import Storage
from tests.support.simfs import SimFS
from tests.support.strategies import quote

LOG = Path("/home/log")
SEGMENT_BYTES = 2944
RECORDS_MAX = 40


class Account:
    """What a workload submitted, and what was acknowledged to it."""

    def __init__(self) -> None:
        self.submitted: list[int] = []
        self.acknowledged = 0
        self.chains: dict[int, bytes] = {}

    def append(self, log: Log, count: int) -> None:
        """Append quotes that say their own offset."""
        numbers = list(range(log.end, log.end + count))
        self.submitted = self.submitted[: log.end] + numbers
        log.append([quote(number) for number in numbers])
        self.acknowledged = log.end
        self.chains[log.end] = log.chain

    def check(self, storage: Storage, why: str, *, directory: Path = LOG) -> Log:
        """Open the log and compare it with what was promised; return it, open."""
        log = Log.open(directory, storage=storage, segment_bytes=SEGMENT_BYTES)
        assert numbers(log) == self.submitted[: log.end], why
        assert log.end >= self.acknowledged, why
        assert log.chain == self.chains.get(log.end, log.chain), why
        return log


def numbers(log: Log | Reader) -> list[int | None]:
    """Return the numbers of all quotes of a log; each should be its offset."""
    found: list[int | None] = []
    for batch in log.read():
        for _, record in decode(batch):
            assert isinstance(record, Quote)
            found.append(record.snapshot_id)
    return found


def appending(fs: SimFS, account: Account) -> None:
    """Create a log, append small and large commits, roll twice."""
    with Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES) as log:
        for count in (1, 2, 1, RECORDS_MAX, 1, 1):
            account.append(log, count)


def sealing(fs: SimFS, account: Account) -> None:
    """Append, seal, append on, close, open again, append and seal again."""
    with Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES) as log:
        for _ in range(5):
            account.append(log, 1)
        log.seal()
        account.append(log, 3)
    with Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES) as log:
        for _ in range(3):
            account.append(log, 1)
        log.sync_watermark()
        account.append(log, 1)
        log.seal()


def sealing_beside(fs: SimFS, account: Account) -> None:
    """Prepare closed segments, append and roll meanwhile, then publish one, append, and another."""
    with Log.open(LOG, storage=fs, segment_bytes=SEGMENT_BYTES) as log:
        while len(log.sealable()) < 2:
            account.append(log, 2)
        prepared = [prepare(work, storage=fs) for work in log.sealable()]
        while len(log.sealable()) < 3:
            account.append(log, 2)
        for ready in prepared:
            log.commit_seal(ready)
            account.append(log, 1)


def outgrowing(fs: SimFS, account: Account) -> None:
    """Append more than a segment that is empty has room for, then more than one that is not."""
    Log.open(LOG, storage=fs, segment_bytes=64).close()
    with Log.open(LOG, storage=fs, segment_bytes=64) as log:
        account.append(log, RECORDS_MAX)
        account.append(log, 2)
        log.seal()


Workload = Callable[[SimFS, Account], None]
WORKLOADS: tuple[Workload, ...] = (appending, sealing, sealing_beside, outgrowing)


def world() -> SimFS:
    """Return a filesystem with the home directory, durable."""
    fs = SimFS()
    fs.mkdir(LOG.parent)
    fs.fsync_dir(LOG.parent.parent)
    fs.calls.clear()
    return fs


def calls_of(workload: Workload) -> list[str]:
    """Return the calls that a workload makes when nothing fails."""
    fs = world()
    workload(fs, Account())
    return fs.calls
