"""Power cuts, deaths and refusals at every call that a recording makes, of log and checkpoints.

Effects wait for the next write to the log, and the state for the effects. So a cut finds a log with
inputs whose effects are missing, effects whose state is missing, torn frames of both, and changes
of the state that never reached the disk. Whatever it finds, what was received durably is there,
what was shown is there, and going on leaves the same records and the same state, bit for bit, as if
nothing had happened (I7).

An engine of a few arrays stands in for ours, so that thousands of lives fit into a test.
"""

import random
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine import checkpoint
from engine.checkpoint import Checkpoints
from engine.delta import copied
from engine.loop import run
from engine.state import Arrays, digest
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import EFFECT_KINDS, Milestone
from eventlog.schema import decode, encode
from eventlog.storage import Storage
from journal.sinks import RecordingSink
from tests.support.faults import DETECTED, HARMLESS, LOST, Tally
from tests.support.simfs import PowerCut, Refusal, SimFS, first, torn
from tests.support.strategies import quote
from tests.support.walker import Walker

HOME = Path("/home")
LOG, KEPT = HOME / "log", HOME / "checkpoints"
SEGMENT_BYTES = 5_000
ARRIVALS = (1, 2, 1, 1, 3, 1, 1, 2, 1, 1)
"""How many ticks each commit brings."""

SETTLED_AFTER = {1, 4, 5, 8}
"""After which of them nothing arrived for a while; the effects of the others wait for the next."""

KEPT_AFTER = {2, 4, 8}
"""After which of them the state was due."""


class Stepper(Walker):
    """An engine whose state and effects follow from the state before and the offset of a tick."""

    position = -1

    @classmethod
    def of(cls, state: Arrays) -> "Stepper":
        """Return one with a state that was kept."""
        made = cls()
        made._state = copied(state)
        return made

    def advance(self, chunk: pa.RecordBatch) -> pa.RecordBatch:
        """Take a step for every tick, and say something about the state after it."""
        effects: list[Any] = []
        for offset, record in decode(chunk):
            self.position = offset
            if isinstance(record, Milestone):
                continue
            self._draws = random.Random(offset)
            self.walk(1)
            weights = blake2b(self._state["learner.weights"].tobytes(), digest_size=8).hexdigest()
            effects.append(
                Milestone(
                    exchange_ns=None,
                    received_ns=record.received_ns,
                    cause=offset,
                    why="step",
                    detail=weights,
                )
            )
        return encode(effects, first_offset=0)


class Account:
    """What a life was promised: how many records, and which effects it was shown."""

    def __init__(self) -> None:
        self.records = 0
        self.shown: list[int] = []

    def show(self, effects: pa.RecordBatch) -> None:
        """Take note of effects that are said to be durable."""
        assert not effects.column("kind").to_pylist().count("quote")
        self.shown += effects.column("offset").to_pylist()


def live(storage: Storage, account: Account) -> None:
    """Record what the log lacks of all arrivals, as a session does, from wherever it stands."""
    with Log.open(LOG, storage=storage, segment_bytes=SEGMENT_BYTES) as log:
        checkpoints = Checkpoints(KEPT, storage=storage, check_owner=log.check_owner)
        if not log.end:
            log.append([quote(0)])
        restored = checkpoints.restore(log)
        if restored is None:
            engine: Any = Stepper()
            checkpoints.keep_whole(engine, offset=0, chain=log.chain)
        else:
            engine = Stepper.of(restored.state)
        after = 0 if restored is None else restored.offset
        sink = RecordingSink(log, checkpoints, after=after, show=account.show)
        run(engine, log.read(after + 1), sink)
        sink.keep()
        run(engine, arriving(log, sink, account), sink)
        sink.settle()
        log.seal()
        checkpoints.keep_whole(engine, offset=log.end - 1, chain=log.chain)
        checkpoints.close()


def arriving(log: Log, sink: RecordingSink, account: Account) -> Iterator[pa.RecordBatch]:
    """Yield the arrivals that are not recorded yet, each durable."""
    there = sum(kind not in EFFECT_KINDS for kind in kinds_of(log)) - 1
    for number, count in enumerate(ARRIVALS):
        there -= count
        if there >= 0:
            continue
        records = [quote(100 * number + row) for row in range(count)]
        if number % 2:
            batch = sink.append(records)
        else:
            batch = sink.append_batch(encode(records, first_offset=0))
        account.records = log.end
        yield batch
        if number in SETTLED_AFTER:
            sink.settle()
            assert sink.is_settled
            account.records = log.end
        if number in KEPT_AFTER:
            sink.keep()
            account.records = log.end


def kinds_of(log: Log | Reader) -> list[str]:
    """Return the kinds of all records."""
    return [kind for batch in log.read(columns=("kind",)) for kind in batch[0].to_pylist()]


def content(storage: Storage) -> tuple[pa.Table, str, int]:
    """Return all records, the newest state and its offset; every byte of the log checks."""
    assert check(LOG, storage=storage) == []
    log = Reader.open(LOG, storage=storage)
    restored = Checkpoints(KEPT, storage=storage).restore(log)
    assert restored is not None
    assert restored.damaged == ()
    records = pa.Table.from_batches(list(log.read())).combine_chunks()
    return records, digest(restored.state), restored.offset


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots on the way, and little that is zero-filled ahead."""
    monkeypatch.setattr(checkpoint, "SNAPSHOT_RECORDS_MAX", 12)
    monkeypatch.setattr(checkpoint, "_AHEAD_BYTES", 2048)


def world() -> SimFS:
    """Return a filesystem with a home."""
    fs = SimFS()
    fs.mkdir(HOME)
    fs.fsync_dir(HOME.parent)
    fs.calls.clear()
    return fs


def whole() -> tuple[pa.Table, str, int, list[str]]:
    """Return what a recording leaves that nothing interrupts, and the calls that it makes."""
    fs = world()
    live(fs, Account())
    calls = list(fs.calls)
    return *content(fs), calls


def judge(after: SimFS, account: Account, expected: pa.Table, why: str) -> None:
    """Look at what a life left as a reader does: all that was promised, nothing else."""
    if not after.exists(LOG / "MANIFEST"):
        assert account.records == 0, why
        return
    log = Reader.open(LOG, storage=after)
    # The last commit may be whole and its watermark lost: a reader waits for a writer to say so.
    found = pa.Table.from_batches(list(log.read()), schema=expected.schema)
    assert found.equals(expected.slice(0, log.end)), why


def go_on(after: SimFS, account: Account, expected: tuple[pa.Table, str, int], why: str) -> int:
    """Let another life go on; return how many promised records the first thing it opened lacked."""
    log = Log.open(LOG, storage=after, segment_bytes=SEGMENT_BYTES)
    lost = max(0, account.records - log.end)
    lost += sum(offset >= log.end for offset in account.shown)
    log.close()
    assert lost == 0, why
    live(after, Account())
    records, state, offset = content(after)
    assert records.equals(expected[0]), why
    assert (state, offset) == expected[1:], why
    return lost


def test_effects_share_the_write_of_the_next_tick() -> None:
    """One synchronous write of the log a commit; those that are settled cost one more.

    So a decision waits for one write, and what follows from it is durable with the next tick's, or
    by one of its own. The state has no part in that: it is written where it is due.
    """
    *_, calls = whole()

    writes = [call for call in calls if call.startswith("dsync")]
    in_log = [call for call in writes if call.endswith(".open")]
    alone = len(SETTLED_AFTER | KEPT_AFTER) + 1
    assert len(in_log) == 1 + len(ARRIVALS) + alone
    assert 0 < len(writes) - len(in_log) <= len(KEPT_AFTER)
    assert not any(call.startswith("fdatasync") and call.endswith(".open") for call in calls)


def test_wherever_the_power_fails_the_same_is_recorded(
    effort: int, seed: int, tally: Tally
) -> None:
    """None, all or some of what was not synced is kept, each sector by itself."""
    *expected, calls = whole()
    records, state, offset = expected
    changing = [at for at, call in enumerate(calls, 1) if not call.startswith(("read", "open"))]
    for number, cut_at in enumerate(changing):
        fs, account = world(), Account()
        fs.cut_at = cut_at
        with pytest.raises(PowerCut):
            live(fs, account)
        draws = random.Random(f"{seed} {cut_at}")
        kept = [("nothing", first(0)), ("everything", first(len(fs.pending)))]
        kept += [(f"sample {n}", torn(draws, 512)) for n in range(effort)]
        for what, keep in kept if effort > 1 else kept[(number + seed) % 3 :][:1]:
            why = f"cut at call {cut_at}, {calls[cut_at - 1]}; kept {what}"
            after = fs.after_power_cut(keep)
            judge(after, account, records, why)
            fault = "power cut at a simulated call, recording"
            tally[fault, HARMLESS] += 1
            tally[fault, LOST] += go_on(after, account, (records, state, offset), why)


def test_wherever_it_dies_the_same_is_recorded(effort: int, seed: int, tally: Tally) -> None:
    """A process that is killed loses what waits in memory, and that is derived again."""
    *expected, calls = whole()
    records, state, offset = expected
    stride = 4 if effort == 1 else 1
    for cut_at in range(1 + seed % stride, len(calls) + 1, stride):
        fs, account = world(), Account()
        fs.cut_at = cut_at
        with pytest.raises(PowerCut):
            live(fs, account)
        why = f"died at call {cut_at}, {calls[cut_at - 1]}"
        after = fs.after_process_death()
        judge(after, account, records, why)
        fault = "death at a simulated call, recording"
        tally[fault, HARMLESS] += 1
        tally[fault, LOST] += go_on(after, account, (records, state, offset), why)


@pytest.mark.parametrize("for_ever", [False, True])
def test_a_refused_call_ends_it_and_loses_nothing(
    for_ever: bool, effort: int, seed: int, tally: Tally
) -> None:
    """Nothing is shown after it, and the next life leaves the same records."""
    *expected, calls = whole()
    records, state, offset = expected
    stride = 8 if effort == 1 else 1
    for at in range(1 + seed % stride, len(calls) + 1, stride):
        fs, account = world(), Account()
        fs.refusal = Refusal(at, for_ever=for_ever, drop=at % 16 == 1)
        with pytest.raises(Exception, match="refused"):
            live(fs, account)
        why = f"call {at} refused, {calls[at - 1]}"
        fs.after_process_death()
        for after in (fs.after_power_cut(first(0)), fs):
            fault = "refused call, recording"
            tally[fault, DETECTED] += 1
            tally[fault, LOST] += go_on(after, account, (records, state, offset), why)
