"""An import that was interrupted becomes the journal that it would have become."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.journal import Place, records
from engine.checkpoint import Checkpoints
from engine.state import digest
from eventlog.reader import Reader
from eventlog.records import Record, SessionEnded, SessionStarted
from tests.commands import trader
from tests.recorded import SMALL, table

ROOT = Path(__file__).parent.parent.parent


def content(home: Path) -> tuple[list[Record], str]:
    """Return all records of a journal but its sessions', and the digest of its last state."""
    place = Place(home, "A-B.imported")
    log = Reader.open(place.log)
    restored = Checkpoints(place.checkpoints).restore(log)
    assert restored is not None
    kept: list[Record] = [
        record
        for _, record in records(log, 0, log.end)
        if not isinstance(record, SessionStarted | SessionEnded)
    ]
    return kept, digest(restored.state)


@pytest.mark.parametrize("at_records", [1_500, 5_000])
def test_a_killed_import_goes_on_as_if_it_had_not_been(tmp_path: Path, at_records: int) -> None:
    path = table(tmp_path / "ticks.csv", 6_000)
    words = ["import", str(path), "--market", "A-B", *SMALL]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(at_records), *words, "--home", str(killed)], cwd=ROOT
    ) as child:
        assert child.wait() == -signal.SIGKILL

    # The parameters are the journal's.
    answer = trader("import", str(path), "--market", "A-B", "--home", str(killed), "--json")

    assert answer.code == 0
    assert answer.summary["resumed_at"]
    assert trader(*words, "--home", str(whole)).code == 0
    assert content(killed) == content(whole)
    assert trader("verify", "--home", str(killed), "--deep").code == 0


KILLED = """
import os, signal, sys
from eventlog.log import Log
from cli.main import main
most = int(sys.argv.pop(1))
append = Log.append_batch
def append_or_die(log, batch):
    if log.end >= most:
        os.kill(os.getpid(), signal.SIGKILL)
    return append(log, batch)
Log.append_batch = append_or_die
main()
"""


def test_an_unfinished_import_of_other_files_is_not_gone_on_with(tmp_path: Path) -> None:
    path = table(tmp_path / "ticks.csv", 3_000)
    words = ["import", str(path), "--market", "A-B", *SMALL, "--home", str(tmp_path / "home")]
    with subprocess.Popen([sys.executable, "-c", KILLED, "2000", *words], cwd=ROOT) as child:
        child.wait()
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    answer = trader(*words)

    assert answer.code == 2
    assert "other files" in answer.err
