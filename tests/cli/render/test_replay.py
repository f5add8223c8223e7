"""A replay as lines: identical, or where it is not."""

from dataclasses import replace

from cli.render.replay import as_lines
from journal.summaries import DifferenceSaid, Replayed

SAID = Replayed(
    journal="BTC-AUD",
    executor="native",
    start=1,
    end=5_000,
    ticks=2_400,
    compared=2_450,
    diverged_at=None,
    same_arithmetic=True,
    seconds=2.0,
    ticks_per_second=1_200.0,
    fingerprint="0" * 16,
    state="ab",
    log_loss=0.55,
    baseline_log_loss=0.7,
    accuracy=0.71,
    equity="10000.00000000",
    account=None,
    difference=None,
)


def test_what_is_identical() -> None:
    assert list(as_lines(SAID)) == [
        "BTC-AUD: offsets 1 to 5,000, 2,400 ticks in 2.0 s (1,200/s)",
        "log-loss 0.5500, baseline 0.7000, accuracy 0.710, equity 10,000.00",
        "fingerprint 0000000000000000, state ab",
        "2,450 effects compared: all identical",
    ]


def test_what_is_not() -> None:
    at = DifferenceSaid(offset=7, cause=6, column="p_up", recorded="0.5", derived="0.6")

    *_, last = as_lines(replace(SAID, diverged_at=7, difference=at))

    assert last == "DIVERGED at offset 7 (tick 6): p_up recorded 0.5, derived 0.6"
