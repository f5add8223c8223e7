"""Sums over decisions."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from eventlog.reader import Reader
from eventlog.records import Decision, Fill
from fixtures.record import HERE, JOURNAL
from journal.reading import scan
from journal.reading.score import COLUMNS, Account, Learned, Score, fraction, mean_of, money

LOG = Reader.open(HERE / "kill-and-resume" / JOURNAL / "log")


def test_a_score_is_the_sum_of_its_decisions() -> None:
    """However the effects are batched, the sums are those of the records themselves."""
    effects = pa.Table.from_batches(LOG.read(columns=COLUMNS)).combine_chunks()
    whole, parts = Score(), Score()
    whole.add(effects.to_batches()[0])
    for start in range(0, effects.num_rows, 100):
        parts.add(effects.slice(start, 100).combine_chunks().to_batches()[0])
    records = [record for _, record in scan.records(LOG, 0, LOG.end)]
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


def test_an_account_is_what_the_last_decision_says() -> None:
    """And none where the log is of a version that did not say."""
    effects = pa.Table.from_batches(LOG.read(columns=COLUMNS)).combine_chunks().to_batches()[0]
    said: dict[str, object] = {
        "gross_equity": Decimal("10.00000001"), "buy_hold_equity": Decimal(9),
        "round_trips": 3, "winning_trips": 2,
        "random_equity": Decimal(8), "drawdown": Decimal("0.5"), "turnover": Decimal(40),
    }  # fmt: skip
    for name, value in said.items():
        kind = effects.schema.field(name).type
        column = pa.array([value] * effects.num_rows, kind)
        effects = effects.set_column(effects.schema.get_field_index(name), name, column)
    score = Score()
    score.add(effects)

    account = score.account
    assert isinstance(account, Account)
    assert (account.gross_equity_e8, account.round_trips, account.winning_trips) == (
        1_000_000_001,
        3,
        2,
    )
    assert account.equity_e8 == score.equity_e8
    assert account.said().turnover == "40.00000000"
    assert account.said().random_equity == "8.00000000"
    assert Score().account is None


def test_a_mean_of_nothing_is_nothing() -> None:
    """And no error."""
    assert (mean_of(1.0, 2.0), mean_of(0.0, 0.0)) == (0.5, None)


def test_what_was_learned_follows_from_sums() -> None:
    """Skill is the share of the baseline's loss that is saved, of sums as of means."""
    learned = Learned.of_sums(labels=4.0, hits=1.0, loss=1.0, baseline_loss=4.0)

    assert learned == Learned(4, 0.25, 1.0, 0.25)
    assert learned.skill == 0.75
    assert Learned.of_sums(labels=0, hits=0, loss=0, baseline_loss=0).skill is None


def test_what_was_added_since_a_moment() -> None:
    """All that adds up is of what came after, also what was late; the account is as it is now."""
    before, now = Score(late=3, decisions=3), Score(late=3, decisions=3)
    for batch in LOG.read(columns=COLUMNS):
        now.add(batch)
    added = now.since(before)

    assert (added.late, added.decisions) == (now.late - 3, now.decisions - 3)
    assert added.scored == now.scored
    assert added.equity_e8 == now.equity_e8
