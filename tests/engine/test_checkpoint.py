"""Checkpoints: what is restored is what was kept, whatever happened to the files meanwhile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import checkpoint
from engine.checkpoint import KEPT_NEWEST, Checkpoints, InBackground, Restored, dispensable
from engine.engine import Engine
from engine.errors import CheckpointDamaged, ForeignCheckpoint
from engine.state import Arrays, digest
from eventlog.errors import Displaced
from tests.support.faults import DETECTED, HARMLESS, Tally
from tests.support.markets import SMALL, journal
from tests.support.simfs import PowerCut, Refusal, SimFS, policies
from tests.support.walker import History, Walker

DIRECTORY = Path("/home/checkpoints")
HOUR_NS = 3_600 * 10**9


class Later:
    """A snapshot that is prepared when one asks for the third time whether it is."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work, self._asked = work, 0
        self._made: Any = None

    def done(self) -> bool:
        """Prepare it, if it is time."""
        self._asked += 1
        if self._asked == 3:
            self._made = self._work()
        return self._asked >= 3

    def result(self) -> Any:
        """Return it; one that is not there yet is waited for."""
        return self._made or self._work()


class Keeping:
    """A walker, its checkpoints, and an account of what was kept."""

    def __init__(self, storage: SimFS, log: History, beside: InBackground | None = None) -> None:
        self.walker = Walker()
        self.checkpoints = Checkpoints(DIRECTORY, storage=storage, in_background=beside)
        self.log = log
        self.kept: dict[int, str] = {}
        self.acknowledged = -1

    def keep(self, offset: int, *, whole: bool = False) -> None:
        """Walk a little, and keep the state as the one after an offset."""
        self.walker.walk(3)
        self.kept[offset] = digest(self.walker.state())
        keep = self.checkpoints.keep_whole if whole else self.checkpoints.keep
        keep(self.walker, offset=offset, chain=self.log.chain(offset))
        self.acknowledged = offset


@pytest.fixture(autouse=True)
def _short_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero-fill little ahead: the simulated disk is a list of bytes."""
    monkeypatch.setattr(checkpoint, "_AHEAD_BYTES", 2048)


def world() -> SimFS:
    """Return a filesystem with a home."""
    fs = SimFS()
    fs.mkdir(DIRECTORY.parent)
    fs.fsync_dir(DIRECTORY.parent.parent)
    fs.calls.clear()
    return fs


def kept(*offsets: int, whole: tuple[int, ...] = ()) -> tuple[SimFS, Keeping]:
    """Return a filesystem on which states were kept after these offsets."""
    fs = world()
    keeping = Keeping(fs, History(10**6))
    for offset in offsets:
        keeping.keep(offset, whole=offset in whole)
    return fs, keeping


def restored(fs: SimFS, log: History) -> Restored:
    """Return what another process restores."""
    found = Checkpoints(DIRECTORY, storage=fs).restore(log)
    assert found is not None
    return found


def content(fs: SimFS, offset: int, suffix: str) -> bytearray:
    """Return the bytes of a file."""
    return fs.names[DIRECTORY / f"{offset:020}.{suffix}"].current


def hurt(fs: SimFS, offset: int, suffix: str, position: int) -> None:
    """Damage one byte of a file."""
    content(fs, offset, suffix)[position] ^= 0x40


class TestRestore:
    """The newest snapshot that checks, its deltas, and what is said about the rest."""

    def test_there_may_be_none(self) -> None:
        """A new journal has no checkpoint, and no directory."""
        checkpoints = Checkpoints(DIRECTORY, storage=world())

        assert checkpoints.restore(History(5)) is None
        assert checkpoints.offsets() == []

    def test_a_snapshot_and_its_deltas(self) -> None:
        """After each of many chunks the last state is there, bit for bit."""
        fs, keeping = kept()
        for offset in range(0, 60, 3):
            keeping.keep(offset)

            found = restored(fs.copy(), keeping.log)

            assert (found.offset, found.damaged) == (offset, ())
            assert digest(found.state) == keeping.kept[offset]
        assert len(keeping.checkpoints.offsets()) == 1

    def test_a_second_process_goes_on_with_a_snapshot(self) -> None:
        """Nobody appends to deltas of an earlier process."""
        fs, keeping = kept(0, 5, 9)
        again = Keeping(fs, keeping.log)
        again.walker = keeping.walker

        again.keep(12)
        again.keep(14)

        assert again.checkpoints.offsets() == [0, 12]
        found = restored(fs, keeping.log)
        assert (found.offset, digest(found.state)) == (14, again.kept[14])

    def test_the_same_offset_is_kept_once(self) -> None:
        """A chunk without records has changed nothing."""
        fs, keeping = kept(0, 5)
        before = fs.calls.copy()

        keeping.checkpoints.keep(keeping.walker, offset=5, chain=keeping.log.chain(5))

        assert fs.calls == before

    @pytest.mark.parametrize("back", [1, 40, 70, 120])
    def test_an_interrupted_last_delta_is_ignored(self, back: int) -> None:
        """Its training is repeated from the log; that is no damage."""
        fs, keeping = kept(0, 5, 9)
        used_bytes = len(content(fs, 0, "deltas").rstrip(b"\0"))
        hurt(fs, 0, "deltas", used_bytes - back)

        found = restored(fs, keeping.log)

        assert (found.offset, found.damaged) == (5, ())
        assert digest(found.state) == keeping.kept[5]

    def test_a_damaged_delta_before_the_last_is_said(self) -> None:
        """A later one proves that it was durable; what stands before it is used."""
        fs, keeping = kept(0, 5, 9, 12)
        hurt(fs, 0, "deltas", 70)

        found = restored(fs, keeping.log)

        assert (found.offset, digest(found.state)) == (0, keeping.kept[0])
        assert [damaged.position for damaged in found.damaged] == [0]

    @pytest.mark.parametrize("position", [3, 70, 200, -1])
    def test_a_damaged_snapshot_is_passed_over_and_said(self, position: int) -> None:
        """The one before it serves; the training since then is repeated from the log."""
        fs, keeping = kept(0, 5, 9, 12, whole=(9,))
        hurt(fs, 9, "snapshot", position)

        found = restored(fs, keeping.log)

        assert (found.offset, digest(found.state)) == (0, keeping.kept[0])
        assert [damaged.path.name for damaged in found.damaged] == [f"{9:020}.snapshot"]

    def test_if_none_checks_that_is_said(self) -> None:
        """A journal that has lost its weights must not begin anew in silence."""
        fs, keeping = kept(0, 5, 9, whole=(9,))
        for offset in (0, 9):
            hurt(fs, offset, "snapshot", 100)

        with pytest.raises(CheckpointDamaged, match=f"{9:020}.snapshot"):
            restored(fs, keeping.log)

    def test_a_checkpoint_of_another_history_is_refused(self) -> None:
        """It is whole, and it is not this log's."""
        fs, _ = kept(0, 5)

        with pytest.raises(ForeignCheckpoint) as raised:
            restored(fs, History(10, name=b"other"))

        assert raised.value.offset == 0

    def test_a_snapshot_beyond_the_log_is_refused(self) -> None:
        """It is written after the log is durable, so the log has lost something."""
        fs, _ = kept(7)

        with pytest.raises(ForeignCheckpoint):
            restored(fs, History(7))

    def test_deltas_beyond_the_log_are_not_used(self) -> None:
        """The state is never ahead of the records."""
        fs, keeping = kept(0, 5, 9)

        found = restored(fs, History(9))

        assert (found.offset, digest(found.state)) == (5, keeping.kept[5])

    def test_facts_are_listed(self) -> None:
        """Each snapshot says what it is, without its state being read."""
        fs, keeping = kept(0, 5, 9, whole=(5, 9))
        checkpoints = Checkpoints(DIRECTORY, storage=fs)

        facts = [checkpoints.facts(offset) for offset in checkpoints.offsets()]

        assert [(each.offset, each.digest) for each in facts] == list(keeping.kept.items())
        assert checkpoints.read(5)[1] == facts[1]


class TestKeeping:
    """When there is a new snapshot, and what goes then."""

    def test_a_snapshot_is_due_after_so_many_records(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A restore stays short."""
        monkeypatch.setattr(checkpoint, "SNAPSHOT_RECORDS_MAX", 10)

        _, keeping = kept(0, 4, 9, 10, 15, 19, 20)

        assert keeping.checkpoints.offsets() == [0, 10, 20]

    def test_a_snapshot_is_due_after_so_many_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """I10: the deltas on one snapshot have a stated maximum."""
        monkeypatch.setattr(checkpoint, "DELTAS_BYTES_MAX", 600)

        fs, keeping = kept(*range(12))

        assert 2 < len(keeping.checkpoints.offsets()) < 12
        found = restored(fs, keeping.log)
        assert (found.offset, digest(found.state)) == (11, keeping.kept[11])

    def test_older_deltas_and_temporary_files_go(self) -> None:
        """When a new snapshot was read back."""
        fs, keeping = kept(0, 5)
        fs.put(DIRECTORY / "left.snapshot.tmp", b"left over")
        assert len(fs.listdir(DIRECTORY)) == 3

        keeping.keep(9, whole=True)

        assert fs.listdir(DIRECTORY) == [f"{0:020}.snapshot", f"{9:020}.snapshot"]

    def test_retention_thins_and_never_takes_first_or_newest(self) -> None:
        """A hundred snapshots of one hour leave the first, the newest few, and all that is hurt."""
        fs, keeping = kept(0)
        keeping.walker.hour = 1
        for offset in range(1, 20):
            keeping.keep(offset, whole=True)
            if offset == 10:
                hurt(fs, 10, "snapshot", 70)

        assert keeping.checkpoints.offsets() == [0, 10, 16, 17, 18, 19]

    def test_nothing_is_kept_for_a_log_that_has_another_writer(self) -> None:
        """Neither kept nor removed: the files are the other one's."""
        fs, keeping = kept(0, 1, 2)
        before = dict(fs.names)

        def refuse() -> None:
            raise Displaced("another writer", path=DIRECTORY)

        stale = Checkpoints(DIRECTORY, storage=fs, check_owner=refuse)
        for keep in (stale.keep, stale.keep_whole):
            with pytest.raises(Displaced):
                keep(keeping.walker, offset=9, chain=keeping.log.chain(9))

        assert fs.names == before

    def test_deltas_that_were_removed_are_no_place_to_keep_a_state(self) -> None:
        """The next state is a snapshot, and is restored."""
        fs, keeping = kept(0, 1, 2)
        fs.unlink(DIRECTORY / f"{0:020}.deltas")

        keeping.keep(3)

        restored = Checkpoints(DIRECTORY, storage=fs).restore(keeping.log)
        assert restored is not None
        assert (restored.offset, digest(restored.state)) == (3, keeping.kept[3])

    def test_a_snapshot_that_cannot_be_read_back_is_not_put_in_place(self) -> None:
        """And nothing that could serve instead is removed."""
        fs, keeping = kept(0, 5)

        def lying(path: Path) -> None:
            fs.names[path].current[100] ^= 1

        fs.forget = lying  # type: ignore[method-assign]
        with pytest.raises(CheckpointDamaged):
            keeping.keep(9, whole=True)

        found = restored(fs, keeping.log)
        assert (found.offset, digest(found.state)) == (5, keeping.kept[5])


class TestInBackground:
    """A snapshot that is prepared while the stream goes on."""

    @pytest.fixture(autouse=True)
    def _often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checkpoint, "SNAPSHOT_RECORDS_MAX", 10)
        monkeypatch.setattr(checkpoint, "_AHEAD_BYTES", 1 << 14)

    def test_what_changes_meanwhile_becomes_its_first_delta(self) -> None:
        """At every moment the newest state is there, bit for bit, and none is written twice."""
        fs = world()
        keeping = Keeping(fs, History(10**6), Later)
        listed = []
        for offset in range(0, 40, 2):
            keeping.keep(offset)
            found = restored(fs.copy(), keeping.log)
            assert (found.offset, found.damaged) == (offset, ())
            assert digest(found.state) == keeping.kept[offset]
            listed.append(keeping.checkpoints.offsets())
        # Due at 10, taken then, asked for at 12, 14 and 16.
        assert listed[7:9] == [[0], [0, 10]]
        assert [len(each) for each in listed] == [1] * 8 + [2] * 5 + [3] * 5 + [4] * 2
        newest = keeping.checkpoints.offsets()[-1]
        assert [name for name in fs.listdir(DIRECTORY) if name.endswith("deltas")] == [
            f"{newest:020}.deltas"
        ]

    def test_the_stream_does_not_wait_for_it(self) -> None:
        """Until it is prepared, a state costs what a change costs."""
        fs = world()
        keeping = Keeping(fs, History(10**6), Later)
        for offset in (0, 2, 4):
            keeping.keep(offset)
        for offset in (10, 12, 14):
            fs.calls.clear()
            keeping.keep(offset)
            assert fs.calls == [f"pwrite {0:020}.deltas", f"dsync {0:020}.deltas"]

    def test_one_that_failed_is_said(self) -> None:
        """A disk that refuses is no less fatal for having refused another thread."""
        fs = world()
        keeping = Keeping(fs, History(10**6), Later)
        for offset in (0, 2, 10, 12, 14):
            keeping.keep(offset)
        fs.refusal = Refusal(len(fs.calls) + 1)

        with pytest.raises(OSError, match="refused"):
            keeping.keep(16)

        found = restored(fs.after_process_death(), keeping.log)
        assert (found.offset, digest(found.state)) == (14, keeping.kept[14])

    def test_the_last_one_waits_for_it(self) -> None:
        """What was being prepared when a session ends is in nobody's way."""
        fs = world()
        keeping = Keeping(fs, History(10**6), Later)
        for offset in (0, 2, 10):
            keeping.keep(offset)

        keeping.keep(12, whole=True)

        assert fs.listdir(DIRECTORY) == [f"{0:020}.snapshot", f"{12:020}.snapshot"]

    def test_deltas_of_a_snapshot_that_got_no_name_are_not_anothers(self) -> None:
        """They are durable before it; a crash then leaves them alone."""
        fs, keeping = kept(0, 5, 9)
        left = bytes(content(fs, 0, "deltas"))
        fs.put(DIRECTORY / f"{12:020}.deltas", left)

        keeping.keep(12, whole=True)

        found = restored(fs, keeping.log)
        assert (found.offset, found.damaged) == (12, ())


def test_a_real_engine_is_restored_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I7, on a real disk: snapshot, deltas and the log's tail equal never having stopped.

    The engine has gone on when its state is prepared: what was taken of it is nobody else's.
    """
    monkeypatch.setattr(checkpoint, "SNAPSHOT_RECORDS_MAX", 200)
    log, checkpoints = History(10**6), Checkpoints(tmp_path / "checkpoints", in_background=Later)
    engine, twin = Engine.initial(SMALL), Engine.initial(SMALL)
    batch = journal(700)
    for start in range(0, 600, 50):
        engine.advance(batch.slice(start, 50))
        offset = engine.position
        checkpoints.keep(engine, offset=offset, chain=log.chain(offset))
    assert checkpoints.offsets() == [49, 249, 449]
    checkpoints.close()

    found = Checkpoints(tmp_path / "checkpoints").restore(log)

    assert found is not None
    assert found.offset == 599
    again = Engine(SMALL, found.state)
    assert again.digest == engine.digest
    again.advance(batch.slice(600))
    twin.advance(batch)
    assert again.digest == twin.digest


def workload(fs: SimFS, keeping: Keeping) -> None:
    """Keep snapshots and deltas, in two processes."""
    for offset in (0, 2, 4):
        keeping.keep(offset)
    keeping.keep(6, whole=True)
    keeping.keep(7)
    keeping.checkpoints = Checkpoints(DIRECTORY, storage=fs)
    for offset in (9, 11):
        keeping.keep(offset)


def workload_beside(fs: SimFS, keeping: Keeping) -> None:
    """Keep states while snapshots are prepared, in two processes."""
    for _ in range(2):
        keeping.checkpoints = Checkpoints(DIRECTORY, storage=fs, in_background=Later)
        for _ in range(10):
            keeping.keep(keeping.acknowledged + 1)


@pytest.mark.parametrize("workload", [workload, workload_beside])
def test_nothing_kept_is_lost_wherever_the_power_fails(
    workload: Callable[[SimFS, Keeping], None],
    tally: Tally,
    effort: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A power cut at any call: what is restored was kept, and is not older than what was promised.

    Also an interrupted delta is a state that was kept, if all of it reached the disk.
    """
    monkeypatch.setattr(checkpoint, "SNAPSHOT_RECORDS_MAX", 5)
    counting = world()
    workload(counting, Keeping(counting, History(100)))
    for cut_at in range(1, len(counting.calls) + 1):
        fs = world()
        keeping = Keeping(fs, History(100))
        fs.cut_at = cut_at
        with pytest.raises(PowerCut):
            workload(fs, keeping)
        for why, keep in policies(cut_at, len(fs.pending), 2 * effort):
            after = fs.after_power_cut(keep)
            found = Checkpoints(DIRECTORY, storage=after).restore(keeping.log)
            offset = -1 if found is None else found.offset
            assert offset >= keeping.acknowledged, (cut_at, why)
            if found is not None:
                assert digest(found.state) == keeping.kept[found.offset], (cut_at, why)
                assert found.damaged == (), (cut_at, why)
            tally["power cut at a simulated call, checkpoints", HARMLESS] += 1


@pytest.mark.parametrize("for_ever", [False, True])
@pytest.mark.parametrize("workload", [workload, workload_beside])
def test_a_refused_call_raises_and_loses_nothing(
    workload: Callable[[SimFS, Keeping], None],
    for_ever: bool,
    tally: Tally,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full or broken disk, at any call: what was kept before is restored, from the disk too."""
    monkeypatch.setattr(checkpoint, "SNAPSHOT_RECORDS_MAX", 5)
    counting = world()
    workload(counting, Keeping(counting, History(100)))
    for at in range(1, len(counting.calls) + 1):
        fs = world()
        keeping = Keeping(fs, History(100))
        fs.refusal = Refusal(at, for_ever=for_ever, drop=at % 2 == 0)
        with pytest.raises(OSError, match="refused"):
            workload(fs, keeping)
        fs.after_process_death()
        for after in (fs.after_power_cut(lambda pending: []), fs):
            found = Checkpoints(DIRECTORY, storage=after).restore(keeping.log)
            assert (-1 if found is None else found.offset) >= keeping.acknowledged, at
            assert found is None or digest(found.state) == keeping.kept[found.offset], at
        tally["refused call, checkpoints", DETECTED] += 1


_times = st.dictionaries(
    st.integers(0, 10**6), st.integers(0, 40 * 24 * 3_600).map(lambda s: s * 10**9), max_size=40
)


@given(_times)
def test_the_first_and_the_newest_are_never_dispensable(times_ns: dict[int, int]) -> None:
    """Nor is what remains when all of those are gone."""
    offsets = sorted(times_ns)

    gone = dispensable(times_ns)

    assert gone == sorted(set(gone))
    assert set(gone) <= set(offsets[1 : max(len(offsets) - KEPT_NEWEST, 0)])
    left = {offset: at for offset, at in times_ns.items() if offset not in gone}
    assert dispensable(left) == []


@given(_times)
def test_each_hour_of_the_last_day_and_each_day_keeps_one(times_ns: dict[int, int]) -> None:
    """The newest of it, in event time."""
    offsets = sorted(times_ns)
    left = set(offsets) - set(dispensable(times_ns))
    last_ns = times_ns[offsets[-1]] if offsets else 0
    for offset in offsets:
        recent = last_ns - times_ns[offset] <= 24 * HOUR_NS
        period_ns = HOUR_NS if recent else 24 * HOUR_NS
        mates = [
            other
            for other in offsets
            if times_ns[other] // period_ns == times_ns[offset] // period_ns
            and (last_ns - times_ns[other] <= 24 * HOUR_NS) == recent
        ]
        assert max(mates) in left


def test_what_is_kept_is_bounded() -> None:
    """A year of snapshots, one every ten minutes, leaves one a day and a few more."""
    times_ns = {n: n * HOUR_NS // 6 for n in range(6 * 24 * 365)}

    left = len(times_ns) - len(dispensable(times_ns))

    assert 365 <= left <= 365 + 25 + KEPT_NEWEST + 1


def test_a_state_is_not_changed_by_keeping_it() -> None:
    """Neither as a snapshot nor as a delta."""
    _, keeping = kept(0, 5)
    before: Arrays = keeping.walker.state()

    keeping.checkpoints.keep_whole(keeping.walker, offset=6, chain=keeping.log.chain(6))

    assert digest(keeping.walker.state()) == digest(before)
