"""Two journals on a terminal."""

from analysis.summaries import (
    Compared,
    ComparedFigure,
    Comparison,
    DifferenceInterval,
    FirstDifference,
)
from cli.render.comparison import to_lines

ROW = ComparedFigure(
    name="gain",
    unit="share",
    a=0.01,
    b=0.02,
    difference=0.01,
    interval=DifferenceInterval(low=0.005, high=0.015, blocks=30, verdict="above"),
)


def said(first: FirstDifference | None) -> list[str]:
    """Return the lines about two journals that first differ there."""
    comparison = Comparison(
        a=Compared(journal="one", records=10),
        b=Compared(journal="two", records=10),
        parameters={} if first is None else {"fee_ppm": [1, 2]},
        paired=4,
        parted=None,
        different_actions=0 if first is None else 1,
        first_difference=first,
        rows=(ROW,),
        words=("B gained more.",),
    )
    return [*to_lines(comparison)]


def test_an_interval_without_zero_is_marked() -> None:
    """Figures are written in their unit, and what follows stands last."""
    lines = said(None)

    assert "  the parameters are the same" in lines
    assert "  all 4 paired decisions are the same" in lines
    row = next(line for line in lines if line.startswith("  gain"))
    assert row.endswith("+0.50 % … +1.50 % *")
    assert lines[-1] == "  B gained more."


def test_the_first_difference_is_shown_with_both_decisions() -> None:
    first = FirstDifference(tick_a=1_000, tick_b=1_000, time="now", a="hold", b="buy")
    lines = said(first)

    assert "  fee_ppm 1 in A, 2 in B" in lines
    assert "  first differing decision: on tick 1,000 of A, now" in lines
    assert "    B  buy" in lines
