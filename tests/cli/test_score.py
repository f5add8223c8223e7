"""Sums over decisions."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cli import journal
from cli.score import COLUMNS, Score, fraction, money
from eventlog.reader import Reader
from eventlog.records import Decision, Fill
from fixtures.record import HERE, JOURNAL

LOG = Reader.open(HERE / "kill-and-resume" / JOURNAL / "log")


def test_a_score_is_the_sum_of_its_decisions() -> None:
    """However the effects are batched, the sums are those of the records themselves."""
    effects = pa.Table.from_batches(LOG.read(columns=COLUMNS)).combine_chunks()
    whole, parts = Score(), Score()
    whole.add(effects.to_batches()[0])
    for start in range(0, effects.num_rows, 100):
        parts.add(effects.slice(start, 100).combine_chunks().to_batches()[0])
    records = [record for _, record in journal.records(LOG, 0, LOG.end)]
    decisions = [record for record in records if isinstance(record, Decision)]

    assert whole.decisions == parts.decisions == len(decisions)
    assert whole.fills == parts.fills == sum(isinstance(record, Fill) for record in records)
    assert whole.scored == parts.scored == sum(decision.scored for decision in decisions)
    assert whole.equity_e8 == parts.equity_e8 == decisions[-1].equity_e8
    assert whole.fingerprint == parts.fingerprint == decisions[-1].fingerprint
    assert whole.loss == pytest.approx(sum(decision.scored_loss for decision in decisions))
    assert pc.sum(pc.equal(effects["kind"], "decision")).as_py() == whole.decisions


def test_nothing_scored_is_no_figure() -> None:
    """Before the first label there is no loss and no accuracy, and a dash is shown."""
    empty = Score()

    assert empty.log_loss is None
    assert empty.accuracy is None
    assert fraction(empty.log_loss) == "-"
    assert money(empty.equity_e8) is None
