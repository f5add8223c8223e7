"""What a journal comes to, from its end alone."""

import json
from pathlib import Path

from eventlog.log import Log
from eventlog.reader import Reader
from eventlog.records import Decision, Health, Record
from fixtures.record import HERE, JOURNAL
from journal.layout import JournalPath
from journal.reading.scan import records
from journal.reading.score import COLUMNS, Score
from journal.reading.sessions import KEY
from journal.reading.totals import carried, since_beginning

FIXTURE = Reader.open(JournalPath(HERE / "kill-and-resume", JOURNAL).log)


def effects(start: int, end: int) -> list[Record]:
    """Return recorded decisions, fills and milestones."""
    return [record for _, record in records(FIXTURE, start, end, kinds=["decision", "fill"])]


def summed(log: Log | Reader) -> Score:
    """Return the score of a log, read from its beginning."""
    score = Score()
    for batch in log.read(0, log.end, columns=COLUMNS):
        score.add(batch)
    return score


def test_it_is_what_reading_all_of_it_comes_to() -> None:
    """Sums, the account, and the last reason."""
    total, score = since_beginning(FIXTURE), summed(FIXTURE)

    assert total is not None
    assert total.sums() == score.sums()
    assert (total.equity_e8, total.reason) == (score.equity_e8, score.reason)
    assert total.decisions > 7_000


def test_a_sample_says_what_was_before_it(tmp_path: Path) -> None:
    """So that nothing before the sample is read, and what follows is added."""
    with Log.open(tmp_path / "log") as log:
        log.append(effects(0, 3_000))
        so_far = summed(log)
        log.append([Health(received_ns=1, detail=json.dumps(carried(so_far, log, began=0)))])
        log.append(effects(3_000, 5_000))
        # One that did not happen tells what was read.
        log.append([Health(received_ns=2, detail="{}")])
        total, score = since_beginning(log), summed(log)

    assert total is not None
    assert total.sums() == score.sums()
    assert total.fingerprint == score.fingerprint


def test_what_another_log_carried_is_not_believed(tmp_path: Path) -> None:
    """A fork copies its origin's samples, but has decided otherwise; a sum that stands before what
    it says to sum up is none either."""
    with Log.open(tmp_path / "log") as log:
        log.append(effects(0, 2_000))
        wrong = {**Score(decisions=10**6).sums(), "records": 1}
        untrue: list[object] = [
            {**wrong, "log": "of another"},
            {**wrong, "log": log.identity.hex(), "records": 10**9},
            {**wrong, "log": log.identity.hex(), "loss": "much"},
            [],
        ]
        for said in untrue:
            log.append([Health(received_ns=1, detail=json.dumps({KEY: said}))])
        total, score = since_beginning(log), summed(log)

    assert total is not None
    assert total.sums() == score.sums()


def test_the_account_is_known_where_nothing_follows(tmp_path: Path) -> None:
    """The last word of a session stands behind its last decision."""
    with Log.open(tmp_path / "log") as log:
        decided = effects(0, 2_000)
        log.append(decided)
        log.append([Health(received_ns=1, detail=json.dumps(carried(summed(log), log, began=0)))])
        total = since_beginning(log)

    last = [record for record in decided if isinstance(record, Decision)][-1]
    assert total is not None
    assert (total.equity_e8, total.reason) == (last.equity_e8, last.reason)


def test_who_is_in_a_hurry_reads_no_more_than_so_much(tmp_path: Path) -> None:
    """An old journal carries nothing: then there is no answer rather than a late one."""
    with Log.open(tmp_path / "log") as log:
        for _ in range(6):
            log.append(effects(0, 4_000))

        assert since_beginning(log, records_max=1_000) is None
        assert since_beginning(log, records_max=10**6) is not None
