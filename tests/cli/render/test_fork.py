"""The lines of a fork name both journals, and how to compare them."""

from dataclasses import replace

from cli.render.fork import as_lines
from journal.summaries import Forked, ForkSide

RECORDED = ForkSide(
    journal="old/A-B",
    ticks=2_000,
    fills=30,
    log_loss=None,
    baseline_log_loss=None,
    accuracy=None,
    equity="123.45000000",
    account=None,
)
FORKED = replace(RECORDED, journal="n\new/A-B", fills=0, equity=None)


def test_both_outcomes_are_shown_and_how_to_compare_them() -> None:
    lines = as_lines(Forked(chosen={"fee_ppm": 0}, recorded=RECORDED, forked=FORKED))

    assert lines[0] == "recorded  old/A-B"
    assert lines[1].startswith("          2,000 ticks, 30 fills,")
    assert "equity 123.45" in lines[1]
    assert lines[3].endswith("equity -")
    assert lines[-1].startswith("  trader compare old ")
    assert not any("\n" in line for line in lines), "a name stays on its line"
