"""The sink of a journal: compare what is there, append what is not, keep states where they are."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from cli.exit_codes import code_of
from engine.checkpoint import Checkpoints
from engine.chunks import chunks
from engine.comparison import Comparison
from engine.engine import Engine
from engine.loop import run
from eventlog import body, frame
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import EFFECT_KINDS, Input
from eventlog.schema import encode
from fixtures.record import HERE, JOURNAL
from journal import layout
from journal.header import JournalHeader, header_of
from journal.reading import scan
from journal.sinks import CollectingSink, ComparingSink, Diverged, RecordingSink
from tests.support.golden import claim


def inputs(limit: int) -> list[Input]:
    """Return the first inputs of a fixture."""
    log = Reader.open(HERE / "gap" / JOURNAL / "log")
    pairs = [record for _, record in scan.records(log, 0, log.end) if isinstance(record, Input)]
    return pairs[:limit]


def header() -> JournalHeader:
    """Return what the fixture began with."""
    place = layout.find(HERE / "gap", JOURNAL)
    return header_of(Reader.open(place.log), place)


def test_effects_lost_in_a_kill_are_derived_and_appended(tmp_path: Path) -> None:
    """Inputs without effects at the end of a log get them, once, and a state is kept behind."""
    records, start = inputs(300), header()
    with Log.open(tmp_path / "log") as log:
        log.append(records[:1])
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        engine = Engine.initial(start.parameters)
        checkpoints.keep_whole(engine, offset=0, chain=log.chain)
        log.append(records[1:200])
        log.append(records[200:])  # and then it was killed: no effects at all

        shown: list[int] = []
        keep = RecordingSink(
            log, checkpoints, after=0, show=lambda batch: shown.append(batch.num_rows)
        )
        run(engine, chunks(log.read(1, log.end), 128), keep)
        assert not shown
        keep.settle()
        assert sum(shown) > 0
        assert keep.checkpoint_offset == 0, "effects are durable without a state"
        keep.keep()

        kinds = [kind for batch in log.read(columns=("kind",)) for kind in batch[0].to_pylist()]
        assert sum(shown) == sum(kind in EFFECT_KINDS for kind in kinds) > 0
        assert keep.checkpoint_offset == log.end - 1
        assert checkpoints.restore(log) is not None

        # Once more over the same log: everything is there, nothing is appended.
        end = log.end
        again = RecordingSink(log, checkpoints, after=0, show=lambda batch: shown.append(-1))
        run(Engine.initial(start.parameters), chunks(log.read(1, log.end), 100), again)
        again.settle()
        assert log.end == end
        assert again.compared == sum(kind in EFFECT_KINDS for kind in kinds)
        assert -1 not in shown


def test_effects_wait_for_the_next_inputs_and_stand_before_them(tmp_path: Path) -> None:
    """In one commit, which is one frame; nobody is shown them before it is durable."""
    records, start = inputs(40), header()
    shown: list[int] = []
    with Log.open(tmp_path / "log") as log:
        log.append(records[:1])
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        engine = Engine.initial(start.parameters)
        checkpoints.keep_whole(engine, offset=0, chain=log.chain)
        sink = RecordingSink(
            log, checkpoints, after=0, show=lambda batch: shown.extend(batch[0].to_pylist())
        )

        run(engine, [sink.append(records[1:20])], sink)
        end = log.end
        assert (end, shown, sink.is_settled) == (20, [], False)

        rows = sink.append(records[20:30])
        assert shown == list(range(end, log.end - 10))
        assert rows.column("offset").to_pylist() == list(range(log.end - 10, log.end))
        assert log.chain_after(log.end - 11) is None, "no frame ends between them"
        assert checkpoints.offsets() == [0]
        assert sink.checkpoint_offset == 0

        run(engine, [rows], sink)
        rows = sink.append_batch(encode(records[30:], first_offset=0))
        run(engine, [rows], sink)
        sink.keep()  # which settles first: a state is never ahead of the log
        assert sink.is_settled
        assert sink.checkpoint_offset == log.end - 1
        kinds = [kind for batch in log.read(columns=("kind",)) for kind in batch[0].to_pylist()]
        assert shown == [at for at, kind in enumerate(kinds) if kind in EFFECT_KINDS]
        # Once more from the first state: the same effects follow from the log.
        again = RecordingSink(log, Checkpoints(tmp_path / "other"), after=0, show=shown.remove)
        run(Engine.initial(start.parameters), chunks(log.read(1, log.end), 7), again)
        assert again.compared == len(shown)


def test_effects_that_do_not_fit_before_the_inputs_go_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame has a longest body, and inputs may fill it."""
    records, start = inputs(40), header()
    shown: list[int] = []
    with Log.open(tmp_path / "log") as log:
        log.append(records[:1])
        checkpoints = Checkpoints(tmp_path / "checkpoints")
        engine = Engine.initial(start.parameters)
        checkpoints.keep_whole(engine, offset=0, chain=log.chain)
        sink = RecordingSink(
            log, checkpoints, after=0, show=lambda batch: shown.append(batch.num_rows)
        )
        run(engine, [sink.append(records[1:30])], sink)
        parts = (pa.concat_batches(sink._waiting), encode(records[30:], first_offset=0))
        monkeypatch.setattr(frame, "BODY_BYTES_MAX", max(len(body.pack(part)) for part in parts))

        rows = sink.append(records[30:])

        assert sum(shown) == log.end - 40 > 0
        assert log.chain_after(log.end - 11) is not None
        assert rows.column("offset").to_pylist() == list(range(log.end - 10, log.end))


def test_a_tail_that_differs_stops_everything(tmp_path: Path) -> None:
    """An engine that derives something else than the log says writes nothing."""
    claim(HERE / "gap")
    shutil.copytree(HERE / "gap" / JOURNAL, tmp_path / "journal")
    start = header()
    engine = Engine.initial(start.parameters)
    state = engine.state()
    state["learner.weights"].view("int32")[3] ^= 1
    with Log.open(tmp_path / "journal" / "log") as log:
        end = log.end
        keep = RecordingSink(log, Checkpoints(tmp_path / "other"), after=0, show=lambda batch: None)

        with pytest.raises(Diverged) as caught:
            run(Engine(start.parameters, state), chunks(log.read(1, end), 64), keep)

        assert log.end == end
    assert code_of(caught.value) == 6
    assert caught.value.divergence.column == "fingerprint"


def test_decisions_are_handed_on_in_order_and_everything_is_compared() -> None:
    """To collect is to see each decision once; to compare is to count them, too."""
    log, start = Reader.open(HERE / "gap" / JOURNAL / "log"), header()
    causes: list[int] = []
    reached: list[int] = []
    collect = CollectingSink(
        lambda decisions: causes.extend(decisions.column("cause").to_pylist()),
        watch=lambda engine: reached.append(engine.position),
    )
    run(Engine.initial(start.parameters), chunks(log.read(1, 400), 64), collect)
    compare = ComparingSink(Comparison(log.read(1, log.end)))
    run(Engine.initial(start.parameters), chunks(log.read(1, 400), 64), compare)

    assert causes == sorted(set(causes))
    assert len(causes) == collect.ticks == compare.score.decisions > 0
    assert collect.fills == compare.score.fills
    assert reached == sorted(reached)
    assert compare.comparison.compared > 0
