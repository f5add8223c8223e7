"""`trader verify`: planted damage is found where it is, and has its code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.checkpoint import Checkpoints
from engine.engine import Engine
from engine.state import digest
from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.schema import SCHEMA, decode, encode
from fixtures.record import HERE, JOURNAL
from journal import layout
from journal.header import header_of
from journal.integrity.verification import Depth
from tests.support.commands import trader
from tests.support.golden import EXPECTED, claim


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a copy of a good journal, to be hurt."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    return tmp_path / "home"


@pytest.mark.parametrize("depth", [["--quick"], [], ["--deep"]])
def test_a_good_journal_is_clean(depth: list[str]) -> None:
    """The verdict is the last line, and a good journal's is clean at every depth."""
    claim(HERE / "gap")
    answer = trader("verify", "--home", str(HERE / "gap"), *depth)

    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "clean"


def test_the_summary_has_its_fields() -> None:
    """--json ends in one object with these fields."""
    summary = trader("verify", "--home", str(HERE / "gap"), "--json").summary

    assert summary["records"] == EXPECTED["gap"]["records"]
    assert summary["segments"] == 1
    assert summary["checkpoints"] == 2
    assert summary["depth"] == Depth.DEFAULT
    assert summary["findings"] == []
    assert summary["verdict"] == "clean"


def flip(path: Path, position: int) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.write_bytes(bytes(data))


def newest(home: Path, suffix: str) -> Path:
    """Return the newest file of a kind."""
    return max((home / JOURNAL).rglob(f"*{suffix}"))


@pytest.mark.parametrize(
    ("hurt", "check"),
    [
        (lambda home: flip(newest(home, ".open"), 20_000), ""),
        (lambda home: flip(newest(home, ".snapshot"), 5_000), "checkpoint.bytes"),
        (lambda home: (home / JOURNAL / "checkpoints" / f"{0:020}.snapshot").unlink(), "missing"),
        (lambda home: flip(home / JOURNAL / "log" / "MANIFEST", 100), ""),
    ],
    ids=["a frame", "a snapshot", "the first snapshot", "the manifest"],
)
def test_damage_is_found_and_nothing_is_changed(
    home: Path, hurt: Callable[[Path], object], check: str
) -> None:
    """One changed bit or missing file is corruption (5), with its path; verify only reads."""
    hurt(home)
    before = {path: path.read_bytes() for path in home.glob("*/*/**/*") if path.is_file()}

    answer = trader("verify", "--home", str(home), "--json")

    assert answer.code == 5
    findings = answer.summary["findings"]
    assert isinstance(findings, list)
    assert any(check in finding["check"] for finding in findings)
    assert answer.summary["verdict"] == "corrupt"
    assert before == {path: path.read_bytes() for path in home.glob("*/*/**/*") if path.is_file()}


def test_a_checkpoint_of_another_journal(home: Path) -> None:
    """A state of another history at the same offset is a finding."""
    other = HERE / "kill-and-resume" / JOURNAL / "checkpoints"
    mine = home / JOURNAL / "checkpoints"
    shutil.copy(other / f"{0:020}.snapshot", mine / f"{0:020}.snapshot")

    answer = trader("verify", "--home", str(home), "--json")

    assert answer.code == 5
    assert "checkpoint.anchor" in answer.out


def rewritten(home: Path, change: Callable[[int, dict[str, object]], None]) -> None:
    """Write a journal's log anew, whole and well chained, with some fields changed."""
    place = layout.find(home, JOURNAL)
    pairs = [pair for batch in Reader.open(place.log).read() for pair in decode(batch)]
    # The first record is a commit of its own: the first state stands behind it.
    groups = [pairs[:1], *(pairs[start : start + 64] for start in range(1, len(pairs), 64))]
    header = header_of(Reader.open(place.log), place)
    shutil.rmtree(place.log)
    shutil.rmtree(place.checkpoints)
    with Log.open(place.log, segment_bytes=1 << 20) as log:
        for group in groups:
            batch = encode([record for _, record in group], first_offset=log.end)
            rows = batch.to_pylist()
            for row in rows:
                change(row["offset"], row)
            columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
            log.append_batch(type(batch).from_pydict(columns, schema=SCHEMA))
        chain = log.chain_after(0)
    assert chain is not None
    checkpoints = Checkpoints(place.checkpoints)
    checkpoints.keep_whole(Engine.initial(header.parameters), offset=0, chain=chain)
    checkpoints.close()


def first_offset(home: Path, kind: str, *, after: int) -> int:
    """Return the first offset of a kind behind another offset."""
    log = Reader.open(home / JOURNAL / "log")
    for batch in log.read(after, columns=("offset", "kind")):
        for row in batch.to_pylist():
            if row["kind"] == kind:
                return int(row["offset"])
    raise AssertionError(f"no {kind} behind {after}")


def test_a_rewritten_journal_without_a_change_is_clean(home: Path) -> None:
    """The plants below are found for their change, not for the rewriting."""
    claim(home)
    rewritten(home, lambda offset, row: None)

    assert trader("verify", "--home", str(home), "--deep").code == 0


def test_a_changed_decision_is_found_at_its_offset(home: Path) -> None:
    """One recorded figure, changed with all checksums made good, is a divergence (6) there."""
    claim(home)
    at = first_offset(home, "decision", after=1_000)

    def change(offset: int, row: dict[str, object]) -> None:
        if offset == at:
            row["trained"] = 0 if row["trained"] else 1

    rewritten(home, change)
    answer = trader("verify", "--home", str(home), "--deep", "--json")

    assert answer.code == 6
    assert answer.summary["verdict"] == "diverged"
    assert [finding["offset"] for finding in json.loads(answer.out)["findings"]] == [at]


def test_a_changed_tick_is_found_at_its_decision(home: Path) -> None:
    """One changed price leads to another decision, at the decision that it caused."""
    claim(home)
    at = first_offset(home, "quote", after=1_000)
    log = Reader.open(home / JOURNAL / "log")
    caused = next(
        row["offset"]
        for batch in log.read(at, columns=("offset", "cause"))
        for row in batch.to_pylist()
        if row["cause"] == at
    )

    def change(offset: int, row: dict[str, object]) -> None:
        if offset == at:
            row["bid"] = row["last"]
            row["ask"] = row["last"]

    rewritten(home, change)
    answer = trader("replay", "--home", str(home), "--from", "beginning", "--json")

    assert answer.code == 6
    assert answer.summary["diverged_at"] == caused


def test_a_changed_weight_is_found(home: Path) -> None:
    """A kept state whose weight differs in one bit, with its digest made good, diverges."""
    claim(home)
    place = layout.find(home, JOURNAL)
    checkpoints = Checkpoints(place.checkpoints)
    log = Reader.open(place.log)
    header = header_of(log, place)
    last = checkpoints.offsets()[-1]
    state, facts, *_ = checkpoints.read(last)
    state["learner.weights"].view("int32")[7] ^= 1
    engine = Engine(header.parameters, state)
    checkpoints.keep_whole(engine, offset=last, chain=bytes.fromhex(facts.chain))
    checkpoints.close()
    assert digest(state) != facts.digest

    answer = trader("verify", "--home", str(home), "--deep", "--json")

    assert answer.code == 6
    assert [finding["offset"] for finding in json.loads(answer.out)["findings"]] == [last]
