"""The learner beside a state of its own that learned no more, on the labels that were recorded."""

import shutil
from pathlib import Path

import pytest

from eventlog.reader import Reader
from eventlog.records import Decision
from fixtures.record import HERE, JOURNAL
from journal import frozen
from journal.layout import JournalPath
from journal.reading.scan import records
from tests.support.commands import trader
from tests.support.golden import claim


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a journal of which the frozen self was run."""
    claim(HERE / "gap")
    home = tmp_path_factory.mktemp("frozen") / "home"
    shutil.copytree(HERE / "gap", home)
    assert trader("report", "--home", str(home), "--frozen").code == 0
    return home


def test_both_are_scored_on_the_labels_behind_a_quarter(home: Path) -> None:
    """What is said of the learner there is what the log says, decision by decision."""
    log = Reader.open(home / JOURNAL / "log")
    told = trader("report", "--home", str(home), "--json").summary["frozen"]
    assert isinstance(told, dict)
    decided = [
        record
        for _, record in records(log, 0, log.end, kinds=["decision"])
        if isinstance(record, Decision) and record.cause > told["after"]
    ]

    assert told["after"] == log.end // 4
    assert told["records"] == log.end
    assert told["labels"] == sum(decision.scored for decision in decided) > 100
    loss = sum(decision.scored_loss for decision in decided)
    assert told["log_loss"] == pytest.approx(loss / told["labels"], rel=1e-6)
    assert told["frozen_log_loss"] != told["log_loss"]


def test_it_stands_in_the_table_and_in_the_page(home: Path, tmp_path: Path) -> None:
    """As a sentence, as figures, as a curve."""
    html = tmp_path / "report.html"
    said = trader("report", "--home", str(home)).out
    assert trader("report", "--home", str(home), "--html", str(html), "--no-influences").code == 0

    assert "Does continued learning help?" in said
    assert "  frozen      its log-loss" in said
    assert "Compared with the frozen model" in html.read_text()
    assert "has not been run" in trader("report", "--home", str(HERE / "gap")).out


def test_what_belongs_to_another_log_is_not_shown(home: Path) -> None:
    """Nor what goes beyond a log that was cut: a file names its log."""
    other = JournalPath(HERE / "kill-and-resume", JOURNAL)
    mine = JournalPath(home, JOURNAL)

    assert frozen.read(mine, Reader.open(mine.log), buckets=10) is not None
    assert frozen.read(mine, Reader.open(other.log), buckets=10) is None
    assert frozen.read(other, Reader.open(other.log), buckets=10) is None
