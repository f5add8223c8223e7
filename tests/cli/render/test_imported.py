"""An import as lines."""

from dataclasses import replace

from cli.render.imported import as_lines
from journal.summaries import ImportSummary

SAID = ImportSummary(
    journal="BTC-AUD.imported",
    executor="native",
    files=(),
    rows=3_010,
    records=3_000,
    resumed_at=0,
    duplicates=10,
    left_out={"blank lines": 10},
    undecodable=3,
    refused={"bid is missing": 3},
    crossed=2,
    noted={"crossed": 2},
    ticks=2_990,
    fills=1,
    labels=2_000,
    log_loss=0.6,
    baseline_log_loss=0.7,
    accuracy=0.6,
    equity="9999.50000000",
    fingerprint=None,
    nothing_learned=None,
    seconds=1.5,
)


def test_what_became_of_every_row() -> None:
    assert list(as_lines(SAID)) == [
        "BTC-AUD.imported: 3,000 records in 1.5 s (2,000/s), 3 undecodable",
        "          3  bid is missing (kept as raw)",
        "          2  crossed (noted)",
        "         10  blank lines (left out)",
        "log-loss 0.6000, baseline 0.7000, accuracy 0.600 on 2,000 labels",
        "equity 9,999.50, 1 fill",
    ]


def test_what_was_there_and_why_nothing_was_learned() -> None:
    first, *_, last = as_lines(replace(SAID, resumed_at=1_000, nothing_learned="it is too short"))

    assert first == "went on after the 1,000 records that were there"
    assert last == "nothing was learned: it is too short"
