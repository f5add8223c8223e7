"""The log against a plain list, through any sequence of what can happen to it."""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from eventlog.errors import Unprepared, WriteFailed
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Record
from eventlog.schema import decode, encode
from eventlog.sealing import Prepared, prepare
from tests.support.simfs import PowerCut, Refusal, SimFS, torn
from tests.support.strategies import records
from tests.support.workloads import LOG, world

SEGMENT_BYTES = 1800


class LogMachine(RuleBasedStateMachine):
    """``submitted`` is the list; the log holds a prefix of it that is never less than ``promised``.

    What was submitted and not promised may be there after a crash, or not; then the list learns.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fs: SimFS = world()
        self.submitted: list[Record] = []
        self.promised = 0
        self.commits: dict[int, bytes] = {}
        self.prepared: list[Prepared] = []
        self.log = self.opened()
        self.reader = Reader.open(LOG, storage=self.fs)

    def opened(self) -> Log:
        """Open the log, and learn what of the unpromised is there."""
        log = Log.open(LOG, storage=self.fs, segment_bytes=SEGMENT_BYTES)
        assert self.promised <= log.end <= len(self.submitted)
        del self.submitted[log.end :]
        self.promised = log.end
        return log

    @rule(commit=st.lists(records, min_size=1, max_size=5))
    def append(self, commit: list[Record]) -> None:
        """Append records one way or the other: a promise."""
        self.submitted += commit
        if len(commit) % 2:
            self.log.append(commit)
        else:
            self.log.append_batch(encode(commit, first_offset=99))
        self.promised = len(self.submitted)
        self.commits[self.promised - 1] = self.log.chain[:16]

    @rule()
    def seal(self) -> None:
        """Seal what is closed; nothing changes."""
        self.log.seal()

    @rule()
    def prepare(self) -> None:
        """Prepare what is closed, to be published at some later time; nothing changes."""
        self.prepared += [prepare(work, storage=self.fs) for work in self.log.sealable()]

    @rule()
    def publish(self) -> None:
        """Publish what was prepared, whatever happened since; nothing changes."""
        for prepared in self.prepared:
            oldest = self.log.sealable()[:1]
            try:
                self.log.commit_seal(prepared)
            except Unprepared:
                assert oldest != (prepared.work,) or not self.fs.exists(prepared.temporary)
        self.prepared.clear()

    @rule()
    def sync_watermark(self) -> None:
        """Force the watermark to the disk; nothing changes."""
        self.log.sync_watermark()

    @rule()
    def close_and_open(self) -> None:
        """Stop in good order and start again; nothing changes."""
        self.log.close()
        assert check(LOG, storage=self.fs) == []
        self.log = self.opened()
        assert self.log.recovery.case == "A"

    @rule(
        commit=st.lists(records, min_size=1, max_size=5),
        calls=st.integers(1, 12),
        seed=st.integers(0, 2**32),
        sector_bytes=st.sampled_from([512, 4096]),
    )
    def lose_power(self, commit: list[Record], calls: int, seed: int, sector_bytes: int) -> None:
        """The power fails while something is written; any part of the unsynced is kept."""
        self.fs.cut_at = len(self.fs.calls) + calls
        try:
            self.submitted += commit
            self.log.append(commit)
            self.promised = len(self.submitted)
            self.commits[self.promised - 1] = self.log.chain[:16]
            self.log.seal()
        except PowerCut:
            pass
        self.fs = self.fs.after_power_cut(torn(random.Random(seed), sector_bytes))
        assert all(finding.repairable for finding in check(LOG, storage=self.fs))
        self.log = self.opened()
        self.reader = Reader.open(LOG, storage=self.fs)

    @rule(
        commit=st.lists(records, min_size=1, max_size=5),
        calls=st.integers(1, 12),
        drop=st.booleans(),
    )
    def fail(self, commit: list[Record], calls: int, drop: bool) -> None:
        """The device refuses a call; the process ends and another one opens the log."""
        self.fs.refusal = Refusal(len(self.fs.calls) + calls, drop=drop)
        try:
            self.submitted += commit
            self.log.append(commit)
            self.promised = len(self.submitted)
            self.commits[self.promised - 1] = self.log.chain[:16]
            self.log.seal()
        except WriteFailed:
            pass
        self.fs.after_process_death()
        self.log = self.opened()
        self.reader = Reader.open(LOG, storage=self.fs)

    @rule()
    def follow(self) -> None:
        """A reader catches up and sees all that was promised."""
        assert self.reader.refresh() == self.promised

    @rule(data=st.data())
    def read_range(self, data: st.DataObject) -> None:
        """Any range reads as the list's slice."""
        first = data.draw(st.integers(0, self.promised))
        end = data.draw(st.integers(first, self.promised))
        found = [pair for batch in self.log.read(first, end) for pair in decode(batch)]
        assert found == list(enumerate(self.submitted))[first:end]

    @invariant()
    def the_log_is_the_list(self) -> None:
        """Dense, in order, once; the reader shows a prefix; commits keep their links."""
        assert self.log.end == self.promised == len(self.submitted)
        found = [pair for batch in self.log.read() for pair in decode(batch)]
        assert found == list(enumerate(self.submitted))
        # A reader that finds a segment sealed looks again, and may then know of more.
        end = self.reader.end
        shown = [pair for batch in self.reader.read(0, end) for pair in decode(batch)]
        assert shown == found[:end]
        for offset, link in self.commits.items():
            assert offset >= self.log.end or self.log.chain_after(offset) in (link, None)


LogMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, derandomize=True
)
TestLogMachine = LogMachine.TestCase
