"""What a frozen self said is read back for the log that it belongs to, and for no other."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eventlog.reader import Reader
from fixtures.record import HERE, JOURNAL
from journal import frozen
from journal.layout import JournalPath


@pytest.fixture
def place(tmp_path: Path) -> JournalPath:
    """Return a copy of a journal."""
    shutil.copytree(HERE / "gap", tmp_path / "home")
    return JournalPath(tmp_path / "home", JOURNAL)


def keep(place: JournalPath, log: Reader, **changed: int) -> None:
    """Keep three decisions, two at the log's beginning and one at its end."""
    said = {
        frozen.LOG: log.identity.hex(),
        frozen.AFTER: "7",
        frozen.RECORDS: str(changed.get("records", log.end)),
    }
    columns = {
        "offset": [0, 1, log.end - 1],
        "scored": [1, 2, 3],
        "hits": [1, 1, 3],
        "loss": [0.5, 1.0, 0.25],
        "frozen_hits": [0, 1, 2],
        "frozen_loss": [1.0, 2.0, 4.0],
    }
    table = pa.table(columns, schema=frozen.SCHEMA.with_metadata(said))
    pq.write_table(table, place.home / place.name / frozen.FILE)


def test_sums_by_bucket(place: JournalPath) -> None:
    """Each decision counts where its offset lies."""
    log = Reader.open(place.log)
    keep(place, log)

    found = frozen.read(place, log, buckets=4)

    assert found is not None
    assert (found.after, found.records) == (7, log.end)
    assert found.sums["scored"].tolist() == [3, 0, 0, 3]
    assert found.sums["frozen_loss"].tolist() == [3.0, 0, 0, 4.0]


def test_without_a_file_there_is_nothing(place: JournalPath) -> None:
    assert frozen.read(place, Reader.open(place.log), buckets=4) is None


def test_of_another_log_or_beyond_this_one_it_is_not_shown(place: JournalPath) -> None:
    """A file names its log, and how far it went."""
    log = Reader.open(place.log)
    other = Reader.open(JournalPath(HERE / "kill-and-resume", JOURNAL).log)
    keep(place, log)

    assert frozen.read(place, other, buckets=4) is None
    keep(place, log, records=log.end + 1)
    assert frozen.read(place, log, buckets=4) is None
