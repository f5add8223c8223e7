"""An import that was interrupted becomes the journal that it would have become."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.checkpoint import Checkpoints
from engine.state import digest
from eventlog.reader import Reader
from eventlog.records import Record, SessionEnded, SessionStarted
from journal.layout import JournalPath
from journal.reading.scan import records
from tests.support.commands import trader
from tests.support.recorded import SMALL, table

ROOT = Path(__file__).parent.parent.parent


def content(home: Path) -> tuple[list[Record], str]:
    """Return all records of a journal but its sessions', and the digest of its last state."""
    place = JournalPath(home, "A-B.imported")
    log = Reader.open(place.log)
    restored = Checkpoints(place.checkpoints).restore(log)
    assert restored is not None
    kept: list[Record] = [
        record
        for _, record in records(log, 0, log.end)
        if not isinstance(record, SessionStarted | SessionEnded)
    ]
    return kept, digest(restored.state)


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

ROWS = 6_000


@pytest.fixture(scope="module")
def ticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a table."""
    return table(tmp_path_factory.mktemp("ticks") / "ticks.csv", ROWS)


def words(ticks: Path, home: Path) -> list[str]:
    """Return the words of an import."""
    return ["import", str(ticks), "--market", "A-B", *SMALL, "--home", str(home)]


@pytest.fixture(scope="module")
def whole(ticks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home where it was imported in one go."""
    home = tmp_path_factory.mktemp("whole")
    assert trader(*words(ticks, home)).code == 0
    return home


@pytest.fixture(scope="module", params=[1_500, 5_000])
def killed(
    request: pytest.FixtureRequest, ticks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a home where the import was killed at so many records."""
    home = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-c", KILLED, str(request.param), *words(ticks, home)]
    with subprocess.Popen(command, cwd=ROOT) as child:
        assert child.wait() == -signal.SIGKILL
    return home


def test_a_killed_import_goes_on_as_if_it_had_not_been(
    ticks: Path, whole: Path, killed: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(killed, tmp_path / "home")

    # The parameters are the journal's.
    answer = trader("import", str(ticks), "--market", "A-B", "--home", str(home), "--json")

    assert answer.code == 0
    assert answer.summary["resumed_at"]
    assert content(home) == content(whole)
    assert trader("verify", "--home", str(home), "--deep").code == 0


def test_an_unfinished_import_of_other_files_is_not_gone_on_with(
    ticks: Path, killed: Path, tmp_path: Path
) -> None:
    other = tmp_path / ticks.name
    other.write_text(ticks.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    answer = trader(*words(other, killed))

    assert answer.code == 2
    assert "other files" in answer.err


def test_days_of_one_name_are_held_to_their_order_and_their_bytes(tmp_path: Path) -> None:
    """An import of ``day1/X.csv day2/X.csv`` goes on over these two only, in this order."""
    days = [tmp_path / name / "X.csv" for name in ("day1", "day2")]
    for number, path in enumerate(days):
        path.parent.mkdir()
        table(path, 1_500, start_s=number * 3_600)
    home = tmp_path / "home"

    def said(*paths: Path) -> list[str]:
        names = [str(path) for path in paths]
        return ["import", *names, "--market", "A-B", *SMALL, "--home", str(home)]

    command = [sys.executable, "-c", KILLED, "2000", *said(*days)]
    with subprocess.Popen(command, cwd=ROOT) as child:
        assert child.wait() == -signal.SIGKILL
    turned = trader(*said(*reversed(days)))
    assert turned.code == 2
    assert "was begun from these files in another order" in turned.err
    kept = days[0].read_bytes()
    days[0].write_bytes(kept.replace(b"quote", b"Quote", 1))
    changed = trader(*said(*days))
    assert changed.code == 2
    assert f"other files than {days[0]}, which has changed" in changed.err
    days[0].write_bytes(kept)
    again = trader(*said(*days), "--json")
    assert again.code == 0
    assert again.summary["resumed_at"]
    assert again.summary["rows"] == again.summary["records"] == 3_000
    assert trader("verify", "--home", str(home), "--deep").code == 0
