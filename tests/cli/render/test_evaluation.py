"""What is printed is what was found, in at most a hundred columns."""

from dataclasses import replace

from analysis.summaries import (
    AfterChange,
    EvaluatedAccount,
    EvaluationSummary,
    Forecaster,
    IntervalSaid,
    StreamPart,
)
from cli.render.evaluation import COLUMNS, as_lines

SWING = IntervalSaid(mean=-10_000.0, low=-42_413.99, high=22_413.99, blocks=300, verdict="unclear")
LEAD = IntervalSaid(mean=0.0313, low=-0.0012, high=0.0638, blocks=300, verdict="unclear")
NOTHING = IntervalSaid(mean=-1e-9, low=-0.001, high=0.001, blocks=300, verdict="unclear")
OURS = Forecaster(
    name="ours",
    labels=1_234_567,
    accuracy=0.8044,
    log_loss=0.4743,
    brier=0.149,
    ece=0.0299,
    ece_by_chance=0.0219,
    mcc=0.609,
    kappa=0.482,
    skill=0.99,
    worse_than_ours=None,
)
LONG = "with memory_rows=512,recent_rows=0,fee_ppm=0,confidence_floor=0.5"
FOUND = EvaluationSummary(
    source="S7 (" + "a rule that changes its sign every so often, " * 3 + "), seed 1",
    venue="btcmarkets",
    horizon_ms=1_000,
    parameters={"seed": 1},
    ticks=5_000,
    seconds=2.5,
    forecasters=(
        OURS,
        replace(OURS, name=LONG, worse_than_ours=LEAD),
        replace(OURS, name="prior", kappa=None, skill=None, worse_than_ours=LEAD),
    ),
    curves={
        name: tuple(
            StreamPart(start=start, end=end, labels=10, accuracy=0.75, log_loss=0.5, optimum=0.8123)
            for start, end in ((0.0, 0.005), (0.1, 0.15), (0.8, 1.0))
        )
        for name in ("ours", "network alone")
    },
    adapting=tuple(
        AfterChange(at=at, labels=500, accuracy=0.7, log_loss=0.6) for at in range(0, 40_000, 1_000)
    ),
    labels=1_234_567,
    engine_labels=1_234_560,
    engine_hits=9,
    accounts=(
        EvaluatedAccount(
            name="holding the same stake",
            fills=100_000,
            net_gain=-10_000.5,
            gross_gain=-10_000.5,
            worse_than_ours=SWING,
        ),
        EvaluatedAccount(
            name="ours", fills=1_000, net_gain=-1_234.5, gross_gain=10.0, worse_than_ours=None
        ),
        EvaluatedAccount(
            name="random entry",
            fills=None,
            net_gain=-1e-9,
            gross_gain=None,
            worse_than_ours=NOTHING,
        ),
    ),
    market_gain=0.01,
    not_installed=("River", "scikit-learn"),
)


def test_no_line_is_wider_than_a_hundred_columns() -> None:
    """Nor has one spaces at its end."""
    lines = list(as_lines(FOUND))

    assert [line for line in lines if len(line) > COLUMNS] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_every_figure_stands_in_its_table() -> None:
    lines = list(as_lines(FOUND))
    text = "\n".join(lines)
    after_name = lines[lines.index(LONG) + 1]

    assert "1,234,567   0.8044  0.990   0.4743" in text
    assert after_name.split() == [
        *("1,234,567", "0.8044", "0.990", "0.4743", "+0.0313", "[-0.0012,", "+0.0638]"),
    ]
    assert "0.1490   0.0299   0.0219    0.609    0.482" in text
    assert "0-0.5%    10-15%   80-100%" in text
    assert "known optimum                         0.812     0.812     0.812" in text
    assert "ours                               1,000  -1,234.50      10.00" in text
    assert "the engine scored 1,234,560 of the 1,234,567 labels there are" in text
    assert "accuracy of ours in the 500 labels after each change: 0.700" in text
    assert "not installed, so without its rows: River and scikit-learn" in text


def test_zero_has_no_sign_that_says_nothing() -> None:
    (line,) = [line for line in as_lines(FOUND) if line.startswith("random entry")]

    assert line.split() == ["random", "entry", "-", "0.00", "-", "+0.00", "[+0.00,", "+0.00]"]


def test_without_an_optimum_none_is_shown() -> None:
    parts = {"ours": tuple(replace(part, optimum=None) for part in FOUND.curves["ours"])}
    text = "\n".join(as_lines(replace(FOUND, curves=parts, adapting=())))

    assert "known optimum" not in text
    assert "after each change" not in text
