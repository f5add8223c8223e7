"""A journal is carried on by one thing, and a kill between any two of its steps changes no byte."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from engine.checkpoint import Checkpoints, Restored
from engine.engine import Engine
from engine.state import digest
from eventlog.integrity import check
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import EFFECT_KINDS, SessionEnded, SessionStarted
from fixtures.record import HERE, JOURNAL
from journal import recorder as recorders
from journal.errors import JournalCorrupt
from journal.header import JournalHeader, header_of, session_detail
from journal.layout import JournalPath
from journal.reading import scan
from journal.recorder import Recorder
from journal.sidecar import SESSIONS, notes
from tests.support.recorded import PARAMETERS

CHUNK_RECORDS = 60
CHUNKS = 3
SEGMENT_BYTES = 1 << 14
"""So few that segments fill, and are sealed, on the way."""


def header() -> JournalHeader:
    """Return what the journals of these tests begin with."""
    return JournalHeader(parameters=PARAMETERS, initial_state=Engine.initial(PARAMETERS).digest)


def started(session: int = 1) -> SessionStarted:
    """Return the start of a session."""
    detail = session_detail(
        header(), arithmetic="any", url="recorded", resumed_from=None, predecessor=None
    )
    return SessionStarted(received_ns=1, session=session, detail=detail)


@pytest.fixture(scope="module")
def inputs() -> list[pa.RecordBatch]:
    """Return inputs of a recorded journal, in chunks."""
    log = Reader.open(HERE / "gap" / JOURNAL / "log")
    table = pa.Table.from_batches(list(log.read(1, 1_000))).combine_chunks()
    is_effect = pc.is_in(table.column("kind"), pa.array(EFFECT_KINDS))
    (batch,) = table.filter(pc.invert(is_effect)).combine_chunks().to_batches()
    assert batch.num_rows >= CHUNKS * CHUNK_RECORDS
    return [batch.slice(number * CHUNK_RECORDS, CHUNK_RECORDS) for number in range(CHUNKS)]


def place_in(home: Path) -> JournalPath:
    """Return the one journal of a home."""
    return JournalPath(home, "A-B")


def record(home: Path, inputs: list[pa.RecordBatch]) -> None:
    """Record what the journal lacks of the inputs and of its end, as an import does."""
    place = place_in(home)
    with Log.open(place.log, segment_bytes=SEGMENT_BYTES) as log:
        if log.end:
            recorder = Recorder.restore(place, log, header_of(log, place), show=unseen)
        else:
            engine = Engine.initial(PARAMETERS)
            recorder = Recorder.begin(place, log, engine, started(), show=unseen)
        kinds = [kind for batch in log.read(columns=("kind",)) for kind in batch[0].to_pylist()]
        there = sum(kind not in EFFECT_KINDS for kind in kinds) - 1
        recorder.catch_up()
        recorder.record(recorder.appended(inputs[there // CHUNK_RECORDS :]))
        if scan.last(log, SessionEnded) is None:
            ended = SessionEnded(received_ns=2, session=1, why="end", detail="{}")
            recorder.record([log.append([ended]).batch()])
        recorder.close()
        log.seal()


def unseen(effects: pa.RecordBatch) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Content:
    """All that a journal holds."""

    records: pa.Table
    state: str
    after: int


def content(home: Path) -> Content:
    """Return what a journal holds, every byte of which checks."""
    place = place_in(home)
    assert check(place.log) == []
    log = Reader.open(place.log)
    restored = Checkpoints(place.checkpoints).restore(log)
    assert restored is not None
    assert restored.damaged == ()
    return Content(pa.Table.from_batches(list(log.read())), digest(restored.state), restored.offset)


class Killed(BaseException):
    """The process is no more."""


STEPS: list[tuple[object, str]] = [
    (Log, "append"),
    (Log, "append_batch"),
    (Log, "seal"),
    (Checkpoints, "restore"),
    (Checkpoints, "keep"),
    (Checkpoints, "keep_whole"),
    (Checkpoints, "close"),
    (Engine, "advance"),
    (recorders, "note"),
]
"""What a recording consists of."""


def killed_before(
    step: int, patch: pytest.MonkeyPatch, work: Callable[..., None], *given: object
) -> tuple[bool, list[str]]:
    """Do some work until one of its steps; return whether it came there, and what it did before."""
    done: list[str] = []

    def watched(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def call(*arguments: Any, **named: Any) -> Any:
            if len(done) == step:
                raise Killed
            done.append(name)
            return original(*arguments, **named)

        return call

    with patch.context() as patched:
        for owner, name in STEPS:
            patched.setattr(owner, name, watched(name, getattr(owner, name)))
        try:
            work(*given)
        except Killed:
            return True, done
    return False, done


def test_a_kill_between_any_two_steps_changes_nothing(
    tmp_path: Path, inputs: list[pa.RecordBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each step in turn and resumed, the journal holds the same bytes (I7)."""
    record(tmp_path / "whole", inputs)
    whole = content(tmp_path / "whole")
    assert whole.after == whole.records.num_rows - 1
    assert len(list(place_in(tmp_path / "whole").log.glob("*.parquet"))) > 0

    for step in count():
        home = tmp_path / f"before-{step}"
        was_killed, done = killed_before(step, monkeypatch, record, home, inputs)
        if not was_killed:
            assert {name for _, name in STEPS} - set(done) == {"restore"}
            assert done.count("advance") == CHUNKS + 1
            assert content(home) == whole
            break
        record(home, inputs)
        assert content(home) == whole, f"killed after {done}"


def test_a_kill_while_it_resumes_changes_nothing(
    tmp_path: Path, inputs: list[pa.RecordBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed again before each step of a resumption, from a tail that lacks its effects."""
    record(tmp_path / "whole", inputs)
    whole = content(tmp_path / "whole")
    for step in count():
        home = tmp_path / f"before-{step}"
        # The second chunk is in the log, and nothing of it in the engine.
        _, done = killed_before(11, monkeypatch, record, home, inputs)
        was_killed, again = killed_before(step, monkeypatch, record, home, inputs)
        if not was_killed:
            assert done[-1] == "append_batch"
            assert again[:3] == ["restore", "advance", "append_batch"]
            assert content(home) == whole
            break
        record(home, inputs)
        assert content(home) == whole, f"killed after {done} and {again}"


@pytest.fixture
def log(tmp_path: Path, inputs: list[pa.RecordBatch]) -> Iterator[Log]:
    """Return the log of a journal whose last chunk the engine has not seen."""
    place = place_in(tmp_path)
    with Log.open(place.log) as log:
        recorder = Recorder.begin(place, log, Engine.initial(PARAMETERS), started(), show=unseen)
        recorder.record(recorder.appended(inputs[:1]))
        recorder.close()
        log.append_batch(inputs[1])
        yield log


def test_a_tail_is_caught_up_with_and_shown(tmp_path: Path, log: Log) -> None:
    """Its ticks are counted, and what it lacked of effects is appended and shown."""
    shown: list[int] = []
    kept = Checkpoints(place_in(tmp_path).checkpoints).restore(log)
    assert kept is not None
    end = log.end

    recorder = Recorder.restore(
        place_in(tmp_path), log, header(), show=lambda effects: shown.append(effects.num_rows)
    )

    assert recorder.resumed_from == recorder.checkpoint_offset == kept.offset < end - 1
    assert log.end == end, "restoring appends nothing"
    ticks = recorder.catch_up()
    assert 0 < ticks <= CHUNK_RECORDS
    assert sum(shown) == log.end - end >= ticks
    assert recorder.checkpoint_offset == log.end - 1


def test_a_further_session_is_noted_where_it_begins(tmp_path: Path, log: Log) -> None:
    """So that nobody has to look for it through days of records."""
    recorder = Recorder.restore(place_in(tmp_path), log, header(), show=unseen)
    recorder.catch_up()
    end = log.end

    recorder.start(started(2))

    assert (log.end, recorder.checkpoint_offset) == (end + 1, end)
    *_, said = notes(place_in(tmp_path), SESSIONS)
    assert (said["session"], said["offset"]) == (2, end)


def test_who_refuses_what_was_restored_leaves_it_as_it_is(tmp_path: Path, log: Log) -> None:
    """What is restored is shown before anything is done with it."""

    def refuse(restored: Restored) -> None:
        raise ValueError(f"not after {restored.offset}")

    end = log.end
    with pytest.raises(ValueError, match=r"not after \d+"):
        Recorder.restore(place_in(tmp_path), log, header(), show=unseen, examine=refuse)

    assert log.end == end


def test_a_first_state_that_cannot_be_made_again_is_refused(tmp_path: Path, log: Log) -> None:
    """Without any state, the header says which one it was."""
    place = place_in(tmp_path)
    for path in place.checkpoints.iterdir():
        path.unlink()
    other = JournalHeader(parameters=PARAMETERS, initial_state="00")

    with pytest.raises(JournalCorrupt, match="not repeatable"):
        Recorder.restore(place, log, other, show=unseen)

    assert list(place.checkpoints.iterdir()) == []
    assert Recorder.restore(place, log, header(), show=unseen).resumed_from == 0
